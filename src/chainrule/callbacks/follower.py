"""What records a training elsewhere: the record may break, the training does not."""

from __future__ import annotations

import copy
import importlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from chainrule._version import __version__
from chainrule.errors import ArgumentError
from chainrule.training import Callback, Moment


class Follower(Callback, ABC):
    """Records a training elsewhere: what it is, every epoch, how it ended.

    Before the first step an error is raised, so that nothing is trained in vain. Later, when a disk is full or a server
    is gone, a warning says so and the record ends there; training goes on.

    Attributes:
        run: the name of the training in the record; without one, each training is named by the time of its start.
    """

    run: str = ""

    def on_start(self, moment: Moment) -> None:
        """Begin the record."""
        self._broken = False
        try:
            self.begin(moment, self.run or _now().strftime("%Y-%m-%dT%H-%M-%S-%f"))
        except OSError as error:
            reason = error.strerror or error
            raise ArgumentError(f"{self.place} cannot be written: {reason}; give another place") from None

    def on_epoch(self, moment: Moment) -> None:
        """Add the epoch."""
        if not self._broken:
            self._try(self.add, moment)

    def on_end(self, moment: Moment) -> None:
        """End the record."""
        self._try(self.finish, moment)

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the record is, in words."""

    @abstractmethod
    def begin(self, moment: Moment, run: str) -> None:
        """Begin the record of a training with this name."""

    @abstractmethod
    def add(self, moment: Moment) -> None:
        """Add the last epoch of the history."""

    @abstractmethod
    def finish(self, moment: Moment) -> None:
        """End the record, even a broken one, and let go of what it holds."""

    def of_member(self, number: int, start: str) -> Self:
        """The same for one member of an ensemble, as a run of its own.

        Args:
            number: of the member, from 1.
            start: what the runs of all members begin with where the training has no name.
        """
        own = copy.copy(self)
        own.run = f"{self.run or start}/member {number}"
        return own

    def _try(self, write: Callable[[Moment], None], moment: Moment) -> None:
        try:
            write(moment)
        except Exception as error:  # whatever a library raises: a record is not worth a model
            if not self._broken:
                message = f"{self.place} ends at epoch {moment.epoch}, training does not: {error}"
                warnings.warn(message, RuntimeWarning, stacklevel=2)
            self._broken = True

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the settings, not an open record."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


def for_members(callbacks: Sequence[Any], count: int) -> list[list[Any]]:
    """The callbacks of each member of an ensemble, which are trained apart: followers keep a record for each.

    Args:
        callbacks: as in :meth:`chainrule.Network.fit`.
        count: the number of members; of a single one the callbacks stay as they are.

    >>> import chainrule as cr
    >>> log = cr.callbacks.JSONLines("log.jsonl", run="trial")
    >>> [[own.run for own in member] for member in cr.callbacks.for_members([log], 2)]
    [['trial/member 1'], ['trial/member 2']]
    """
    if count == 1:
        return [list(callbacks)]
    start = _now().strftime("%Y-%m-%dT%H-%M-%S")
    return [
        [c.of_member(number, start) if isinstance(c, Follower) else c for c in callbacks]
        for number in range(1, count + 1)
    ]


def described(moment: Moment) -> dict[str, Any]:
    """What is trained, and how, as JSON can hold it."""
    network = moment.network
    about = {
        "network": repr(network),
        "parameters": network.parameters.theta.size,
        "seed": network.seed,
        "dtype": network.dtype,
    }
    return {"chainrule": __version__, **about, "settings": dict(moment.settings)}


def library(name: str, package: str) -> Any:
    """A library that is not needed for anything else."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ArgumentError(f"{package} is needed here ({error}): pip install {package}") from None


def _now() -> datetime:
    return datetime.now(UTC)
