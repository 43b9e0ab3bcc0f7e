"""Checkpoints on disk: when they are written, which of them stay, and which of them is gone on from."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.engines.jax.processes import first
from chainrule.errors import ArgumentError, ModelFileError, require, whole_number
from chainrule.files import remove_unfinished
from chainrule.storage import read_file, write_file
from chainrule.training.checkpoint import Checkpoint
from chainrule.training.history import History

NAME: Final = "checkpoint-{}.safetensors"
"""Of the file of a checkpoint, with the number of steps made."""

PATTERN: Final = NAME.format("*")

MEMBER: Final = "member-{}"
"""Of the folder of a member of an ensemble."""

Folder: TypeAlias = str | os.PathLike[str]

COLUMNS: Final = ("loss", "validation_loss", "learning_rate", "seconds")
"""What a history has a list of, with a number for each epoch, besides metrics."""

SHORT: Final = 40
"""Characters of a value that an error shows."""


@dataclass(frozen=True)
class Checkpoints:
    """Where a training run writes down where it stands, and how often; each checkpoint is a file of its own.

    A checkpoint is written whole under another name first, and only then takes its place: whenever the run is killed,
    those before it are whole. Once it is there, the newest ``keep`` stay and older ones are deleted. Where it cannot be
    written, such as on a full disk, a warning says so, earlier ones stay, and training goes on.

    Args:
        folder: of this run alone; it is made where it does not exist.
        seconds: write when so many have gone by since the last one; ``None``: by steps alone.
        steps: write after so many steps; ``None``: by seconds alone.
        keep: how many to keep.

    >>> import tempfile
    >>> import chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     net = cr.mlp([1, 1])
    ...     history = net.fit([[0], [1]], [0, 1], epochs=6, checkpoints=cr.Checkpoints(folder, steps=2, keep=2))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['checkpoint-4.safetensors', 'checkpoint-6.safetensors']
    """

    folder: Folder
    seconds: float | None = 60.0
    steps: int | None = None
    keep: int = 3

    def __post_init__(self) -> None:
        require(
            isinstance(self.folder, str | os.PathLike), f"a folder for checkpoints is a path, not {self.folder!r:.60}"
        )
        given = self.seconds is None or (isinstance(self.seconds, int | float) and 0 <= self.seconds < inf)
        require(given, f"seconds between checkpoints are a number from 0, not {self.seconds!r}")
        require(
            self.seconds is not None or self.steps is not None, "say how often: give seconds or steps of Checkpoints"
        )
        if self.steps is not None:
            whole_number("steps between checkpoints", self.steps, 1)
        whole_number("the checkpoints to keep", self.keep, 1)


def of_member(number: int, checkpoints: Checkpoints | Folder | None, resume: Folder | None) -> dict[str, Any]:
    """The arguments of ``fit`` for one member of an ensemble, by its number from 1: it has a folder of its own.

    >>> of_member(2, None, "checkpoints")["resume"].name
    'member-2'
    """
    name = MEMBER.format(number)
    if isinstance(checkpoints, Checkpoints):
        checkpoints = replace(checkpoints, folder=Path(checkpoints.folder, name))
    elif checkpoints is not None:
        checkpoints = Path(checkpoints, name)
    return {"checkpoints": checkpoints, "resume": None if resume is None else Path(resume, name)}


def newest_steps(folder: Folder) -> dict[str, int]:
    """The number of steps of the newest checkpoint of each member of an ensemble, whole or not, by its name."""
    found = {path.name: files(path) for path in sorted(Path(folder).glob(MEMBER.format("*")))}
    return {member.replace("-", " "): max(numbered) for member, numbered in found.items() if numbered}


class Keeper:
    """Writes the checkpoints of one run.

    Args:
        checkpoints: where and how often.
        training: what decides the course of the run, as JSON can hold it; only the same can go on from them.
        resumed: whether the run goes on from checkpoints; else there must be none in the folder yet.

    Raises:
        ArgumentError: where the folder cannot be used.
    """

    def __init__(self, checkpoints: Checkpoints, training: Mapping[str, Any], *, resumed: bool) -> None:
        self._settings, self._training = checkpoints, training
        self.folder = Path(checkpoints.folder)
        self._step, self._when, self._broken = -1, monotonic(), False
        self._writes = first()  # of several processes
        if not self._writes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.folder, PATTERN)
        except OSError as error:
            raise _unusable(self.folder, error) from None
        if not resumed and files(self.folder):
            raise ArgumentError(
                f"{self.folder} holds checkpoints already: go on from them with --resume (resume= in Python), "
                "delete them, or give another folder"
            )

    def left(self, step: int) -> int:
        """How many steps are left until the next one that is due by their number."""
        return sys.maxsize if self._settings.steps is None else max(1, self._step + self._settings.steps - step)

    def due(self, step: int) -> bool:
        """Whether it is time for the next one."""
        by_steps = self._settings.steps is not None and step >= self._step + self._settings.steps
        return by_steps or (self._settings.seconds is not None and monotonic() >= self._when + self._settings.seconds)

    def write(self, checkpoint: Checkpoint, history: History) -> None:
        """Write one, or warn, once, that it cannot be written, since training goes on.

        Raises:
            ArgumentError: where the first one cannot be written, so that nothing is trained in vain.
        """
        new, self._step, self._when = self._step < 0, history.steps, monotonic()
        if not self._writes:
            return
        told, columns = _parted(history)
        about = {"chainrule": __version__, "training": self._training}
        about |= {"history": told, "checkpoint": checkpoint.to_json()}
        try:
            write_file(self.folder / NAME.format(history.steps), about, checkpoint.arrays() | columns)
            self._prune(history.steps)
            self._broken = False
        except OSError as error:
            if new:
                raise _unusable(self.folder, error) from None
            if not self._broken:
                warnings.warn(
                    f"no checkpoint at step {history.steps}, training goes on: {error.strerror or error}; "
                    f"those before it in {self.folder} are whole",
                    RuntimeWarning,
                    stacklevel=2,
                )
            self._broken = True
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"what state() of a callback gives must be what JSON can hold: {error}") from None

    def _prune(self, step: int) -> None:
        """Keep this one and the newest before it; those after it were found damaged. What cannot be deleted stays."""
        numbered = files(self.folder)
        kept = sorted((number for number in numbered if number <= step), reverse=True)[: self._settings.keep]
        for number in numbered.keys() - set(kept):
            with suppress(OSError):
                numbered[number].unlink(missing_ok=True)


def files(folder: Folder) -> dict[int, Path]:
    """The files of checkpoints in a folder by the number of steps."""
    before, after = NAME.split("{}")
    numbers = ((path.name.removeprefix(before).removesuffix(after), path) for path in Path(folder).glob(PATTERN))
    return {int(number): path for number, path in numbers if number.isascii() and number.isdecimal()}


def newest(folder: Folder, training: Mapping[str, Any]) -> History | None:
    """The history, with its checkpoint, of the newest whole file; ``None`` where there are no files.

    Args:
        folder: of the checkpoints.
        training: what decides the course of the run that is to go on.

    Raises:
        ModelFileError: where no file is whole, or another version of chainrule wrote them.
        ArgumentError: where they are of another training; says what differs.
    """
    found = sorted(files(folder).items(), reverse=True)
    for _, path in found:
        try:
            description, arrays = read_file(path, "checkpoint")
        except ModelFileError as error:
            warnings.warn(f"{error}; this checkpoint is passed over", RuntimeWarning, stacklevel=2)
            continue
        _same_training(description["training"], json.loads(json.dumps(training)), folder)
        try:
            history = _whole(description["history"], arrays)
            history.checkpoint = Checkpoint.from_json(description["checkpoint"], arrays)
        except (KeyError, TypeError):
            raise ModelFileError(
                f"{path} was written by chainrule {description.get('chainrule')}, whose checkpoints hold other things "
                f"than those of {__version__}: go on with that version, or give another folder"
            ) from None
        return history
    if found:
        raise ModelFileError(
            f"no checkpoint in {folder} can be gone on from, for the reasons given: mend that, "
            "or delete them to start anew"
        )
    return None


def _parted(history: History) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """A history as JSON but for its columns, and these as arrays: where epochs take little time, there are millions."""
    none: dict[str, Any] = {name: [] for name in COLUMNS}
    told = asdict(replace(history, **none, metrics={}))
    columns = {f"history/{name}": getattr(history, name) for name in COLUMNS}
    columns |= {f"metrics/{name}": values for name, values in history.metrics.items()}
    return told | {"metrics": list(history.metrics)}, {name: np.array(v, np.float64) for name, v in columns.items()}


def _whole(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> History:
    """The history that :func:`_parted` gave."""
    columns = {name: arrays[f"history/{name}"].tolist() for name in COLUMNS}
    metrics = {name: arrays[f"metrics/{name}"].tolist() for name in told["metrics"]}
    return History(**{**told, **columns, "metrics": metrics})


def _same_training(there: Mapping[str, Any], here: Mapping[str, Any], folder: Folder) -> None:
    """An error if the checkpoints are of another training."""
    different = list(_differences("", there, here))
    require(
        not different,
        f"the checkpoints in {folder} are of another training, with different {', '.join(different)}: "
        "resume with the same arguments, or give another folder",
    )


def _differences(name: str, there: Any, here: Any) -> Iterator[str]:
    """What differs, by name; with both values where they are short."""
    if there == here:
        return
    if isinstance(there, dict) and isinstance(here, dict):
        for key in there | here:
            yield from _differences(f"{name} {key}".strip(), there.get(key), here.get(key))
        return
    was, now = json.dumps(there), json.dumps(here)
    yield f"{name} ({was}, now {now})" if len(was) <= SHORT >= len(now) else name


def _unusable(folder: Path, error: OSError) -> ArgumentError:
    return ArgumentError(
        f"checkpoints cannot be written to {folder} ({error.strerror or error}): "
        "see to its space and permissions, or give another folder"
    )
