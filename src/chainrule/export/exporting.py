"""Exports: written, run, compared with the model itself, and only then put in their place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, ChainruleError, unknown_name
from chainrule.export.checked import TOLERANCE, Check, Outputs, largest_difference
from chainrule.export.formats import FORMATS, Format
from chainrule.export.subject import Subject
from chainrule.files import write_atomically
from chainrule.nn.targets import random_inputs
from chainrule.show.numbers import bytes_text

if TYPE_CHECKING:
    import polars as pl

SYNTHETIC_ROWS: Final = 200
"""Rows on which an export is checked where none are given."""

CHECKED_ROWS: Final = 2000
"""Rows of a table that are tried at most, taken evenly from all of it."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how it was checked.

    Attributes:
        format: a name of :data:`FORMATS`.
        files: what was written.
        check: the comparison with the model itself; None where what would run the file is not installed.
        missing: the package that would run it and cannot be imported.
    """

    format: str
    files: tuple[Path, ...]
    check: Check | None
    missing: str | None = None

    @property
    def sentence(self) -> str:
        """What was written and how it was checked, in words."""
        size = sum(file.stat().st_size for file in self.files)
        written = f"{' and '.join(map(str, self.files))} ({bytes_text(size)})"
        if self.check is None:
            return f"{written}: not checked, since {self.missing} cannot be imported here."
        return f"{written}. {self.check.sentence}"

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        check = self.check.to_json() if self.check else None
        return {"format": self.format, "files": [str(f) for f in self.files], "check": check, "missing": self.missing}


def format_of(path: Path, name: str | None) -> str:
    """The format that is asked for, by its name or by the file's ending."""
    if name is None:
        name = {".onnx": "onnx", ".py": "python", "": "safetensors"}.get(path.suffix, "")
        if not name:
            raise ArgumentError(f"{path} has no ending of a format: use .onnx, .py or a folder, or give format=")
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    ending = FORMATS[name].ending
    if ending and path.suffix != ending:
        raise ArgumentError(f"{path} should end in {ending}, as {name} files do")
    if ending == ".py" and not path.stem.isidentifier():
        raise ArgumentError(f"{path}: Python cannot import a file of that name; use letters, digits and _")
    return name


def export_table(
    subject: Subject,
    path: str | Path,
    format: str | None,
    frame: pl.DataFrame,
    predict: Callable[[pl.DataFrame], Outputs],
    of: str,
) -> Exported:
    """Write a table's model; see :func:`export`. Of a long table, rows are taken evenly."""
    if frame.height > CHECKED_ROWS:
        frame = frame[np.linspace(0, frame.height - 1, CHECKED_ROWS).astype(int)]
    expected = predict(frame)
    arrays = {i.name: i.read(frame) for i in subject.inputs}
    cells = {i.name: frame[i.name].to_list() for i in subject.inputs}
    return _export(subject, path, format, arrays, cells, expected, of)


def export_network(
    subject: Subject,
    path: str | Path,
    format: str | None,
    rows: Mapping[str, NDArray[Any]],
    predict: Callable[[Mapping[str, NDArray[Any]]], Outputs],
    of: str,
) -> Exported:
    """Write a network without a table; see :func:`export`."""
    return _export(subject, path, format, rows, rows, predict(rows), of)


def random_rows(subject: Subject) -> dict[str, NDArray[Any]]:
    """Rows for a network on which its export is checked."""
    drawn = random_inputs(subject.network.program, SYNTHETIC_ROWS, np.random.default_rng(0))
    return {name: values.astype(subject.network.precision) for name, values in drawn.items()}


def _export(
    subject: Subject,
    path: str | Path,
    format: str | None,
    arrays: Mapping[str, Any],
    cells: Mapping[str, Any],
    expected: Outputs,
    of: str,
) -> Exported:
    """Write a model in a format, run what was written, and compare it with the model itself.

    Raises:
        ArgumentError: for an unknown format or ending, and for a file that cannot be written.
        ChainruleError: where the two disagree; then nothing is written.
    """
    place = Path(path)
    name = format_of(place, format)
    form = FORMATS[name]
    if not place.absolute().parent.is_dir():
        raise ArgumentError(f"the folder {place.parent} does not exist; make it, or choose another one")
    try:
        files = form.render(subject, place.stem, None)
    except ImportError as error:
        raise ArgumentError(
            f"{name} files are written with a package that is not installed: pip install {error.name}"
        ) from None
    missing = None
    try:
        found = _run(form, files, place.stem, cells if form.cells else arrays, subject)
    except ImportError as error:
        missing = error.name
    check = None
    if missing is None:
        difference = _difference(name, found, expected, subject.scale)
        check = Check(len(next(iter(arrays.values()))), difference, of, form.program)
        files = form.render(subject, place.stem, check)
    return Exported(name, _write(place, files, form), check, missing)


def _run(form: Format, files: Mapping[str, bytes], stem: str, rows: Mapping[str, Any], subject: Subject) -> Outputs:
    """What the files make of rows; they lie in a folder of their own."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in files.items():
            Path(scratch, name).write_bytes(content)
        return form.run(Path(scratch, stem + form.ending) if form.ending else Path(scratch), rows, subject)


def _difference(name: str, found: Outputs, expected: Outputs, scale: float) -> float:
    try:
        difference = largest_difference(found, expected, scale)
    except ChainruleError as error:
        raise ChainruleError(
            f"the {name} file does not predict as the model does: {error}; nothing was written"
        ) from None
    if difference > TOLERANCE:
        raise ChainruleError(
            f"the {name} file differs from the model by {difference:.2g}, more than {TOLERANCE:g}; nothing was written"
        )
    return difference


def _write(place: Path, files: Mapping[str, bytes], form: Format) -> tuple[Path, ...]:
    folder = place.parent if form.ending else place
    try:
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise ArgumentError(f"cannot write {place} ({error.strerror}); choose another place") from error
    return tuple(folder / name for name in files)
