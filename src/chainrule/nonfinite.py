"""The first value of a training step that is not finite: its line, its layer, the row that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import run_all
from chainrule.program import Equation, Program
from chainrule.show.layout import Line, lay_out
from chainrule.show.numbers import number_text
from chainrule.show.python import PYTHON

OUTLYING: Final = 10.0
"""A value that is so many times as far from the other rows' mean as they are, or as inputs are large, is named."""


@dataclass(frozen=True)
class Extreme:
    """The most outlying feature or target of a row, or of a batch.

    Attributes:
        row: the row's number in the data.
        name: the input that holds it.
        place: the number of the feature; several for inputs of more axes.
        value: what it is.
        others: the mean of the batch's other rows.
        distance: from that mean, in their standard deviations or in the typical size of inputs, whichever is larger.
    """

    row: int
    name: str
    place: tuple[int, ...]
    value: float
    others: float
    distance: float

    def __str__(self) -> str:
        index = ", ".join(("{index}", *map(str, self.place)))
        mean = f"; the mean of the batch's other rows is {number_text(self.others, 3)}" if isfinite(self.others) else ""
        return f"{self.name}[{index}] = {number_text(self.value, 4)}{mean}"


@dataclass(frozen=True)
class Trouble:
    """Where a step first had a value that is not finite.

    Attributes:
        text: words for it, to end a sentence, as :class:`chainrule.errors.NonFiniteError` takes them.
        row: the number of the row of the data that it comes from; ``None`` where it is not one row's doing.
    """

    text: str
    row: int | None


def first_trouble(
    program: Program,
    values: Mapping[str, Any],
    precision: str,
    places: Mapping[str, str],
    numbers: NDArray[np.int64],
) -> Trouble:
    """The first line of a step's program whose value is not finite.

    Args:
        program: the step.
        values: of its inputs; ``rows`` are the numbers of the batch's rows, where it picks them out.
        precision: of its floats.
        places: the layer of each named value, by its name.
        numbers: by which each row of the data is known.
    """
    for var in program.inputs:
        if var.dtype == "float" and not np.isfinite(values[var.name]).all():
            return Trouble(f": {var.name} itself is not finite", None)
    everything = run_all(program, values, precision)
    bad = [e for e in program.equations if e.target.dtype == "float" and not _finite(everything[e.target.name])]
    failed = {e.target.name for e in bad}
    line = next((line for line in lay_out(program, PYTHON).lines if line.equation.target.name in failed), None)
    if line is None:
        return Trouble("", None)
    rows = numbers[values["rows"]] if "rows" in values else numbers
    row = next((row for e in bad if (row := _row(e, np.asarray(everything[e.target.name]))) is not None), None)
    of_rows = bad[0].target.shape[:1] == ("B",) and len(rows) > 1
    by_all = of_rows and row is None  # the parameters' doing, which are those of steps before
    extreme = None if by_all else _extreme(_batch(program, everything), rows, row)
    known = int(rows[row]) if row is not None else extreme.row if extreme else None
    return Trouble(_words(line, np.asarray(everything[line.name]), places, extreme, known), known)


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value).all())


def _words(line: Line, value: NDArray[Any], places: Mapping[str, str], extreme: Extreme | None, row: int | None) -> str:
    target = line.equation.target
    layer = places.get(target.name) or places.get(target.adjoint_of or "")
    place = f" of {layer}" if layer else ""
    count = int(value.size - np.isfinite(value).sum())
    come = "" if row is None else ", beginning with row {row} of the data"
    if extreme:
        come = f", because of row {{row}} of the data ({extreme})"
    return (
        f", first in the line {line.name} = {line.text}{place}, "  # as it is printed, so that it can be found
        f"where {count} of {value.size} values are infinite or undefined{come}"
    )


def _batch(program: Program, everything: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The features and targets of the batch's rows, by name."""
    taken = {
        e.arguments[0].name.removeprefix("all_"): e.target.name  # type: ignore[union-attr]
        for e in program.equations
        if e.operation.name == "take" and getattr(e.arguments[1], "name", "") == "rows"
    }
    whole = {v.name: v.name for v in program.inputs if v.role == "input" and v.shape[:1] == ("B",)}
    found = {name: np.asarray(everything[made]) for name, made in (taken or whole).items()}
    return {name: a for name, a in found.items() if a.dtype.kind == "f" and a.ndim > 1}


def _row(equation: Equation, value: NDArray[Any]) -> int | None:
    """The first row of the batch with a value that is not finite; nothing where all have one, or rows are mixed."""
    if equation.target.shape[:1] != ("B",):
        return None
    bad = ~np.isfinite(value.reshape(len(value), -1)).all(axis=1)
    return int(bad.argmax()) if not bad.all() or len(bad) == 1 else None


def _extreme(batch: Mapping[str, NDArray[Any]], numbers: NDArray[Any], row: int | None) -> Extreme | None:
    """The most outlying feature or target of a row of the batch, or without a row of all of them, if it is far off."""
    found = [_most_distant(name, a.astype(np.float64), numbers, row) for name, a in batch.items() if a.size]
    most = max(found, key=lambda extreme: extreme.distance, default=None)
    return most if most and most.distance > OUTLYING else None


def _most_distant(name: str, array: NDArray[np.float64], numbers: NDArray[Any], row: int | None) -> Extreme:
    x = array.reshape(len(array), -1)
    rows = max(len(x) - 1, 1)
    mean = (x.sum(axis=0) - x) / rows  # of the other rows: one far off would widen a spread that it is part of
    spread = np.sqrt(np.maximum(((x**2).sum(axis=0) - x**2) / rows - mean**2, 0))
    typical = np.median(np.abs(x[x != 0])) if x.any() else 1.0
    distance = np.nan_to_num(np.abs(x - mean) / np.maximum(spread, typical), nan=np.inf)
    if row is not None:
        distance[np.arange(len(x)) != row] = -1.0
    at, feature = divmod(int(distance.argmax()), x.shape[1])
    others = np.delete(x[:, feature], at)
    return Extreme(
        int(numbers[at]),
        name,
        tuple(int(i) for i in np.unravel_index(feature, array.shape[1:])),
        float(x[at, feature]),
        float(others.mean()) if others.size else float("nan"),
        float(distance[at, feature]),
    )
