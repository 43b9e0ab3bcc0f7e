"""How predictions change with one column, all others as they are.

Partial dependence (Friedman 2001): one column is given the same value in every row, and the predictions are averaged;
then the next value. The curves of single rows, before averaging, show whether all rows behave alike (individual
conditional expectation; Goldstein, Kapelner, Bleich and Pitkin 2015). Where columns go together in the table, such as
length and width, some of these rows are unlike any real one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data.columns import Column
from chainrule.data.records import Fields
from chainrule.data.values import day_numbers, text
from chainrule.judging.importance import Features, Places, Predict

if TYPE_CHECKING:
    import polars as pl

KINDS: Final = ("number", "date", "category")
MOST_PLACES: Final = 20
"""Values that a column of numbers or dates is given."""

MOST_CATEGORIES: Final = 12
"""Categories that a column is given: the most frequent."""

MOST_OUTPUTS: Final = 4
"""Outputs whose curves are kept: those that change most."""

KEPT_ROWS: Final = 20
"""Single rows whose curves are kept."""

_ENDS: Final = (0.05, 0.95)
"""Beyond these quantiles of a column there are few rows to tell how predictions go on."""

_DIGITS: Final = 5


@dataclass(frozen=True)
class Dependence:
    """The mean prediction over the values of one column.

    Attributes:
        column: its name.
        kind: ``number``, ``date`` (places are days since 1970-01-01) or ``category``.
        places: the values, for categories as text.
        outputs: what is predicted: the names of some classes, or none for a number.
        curves: the mean prediction at each place, one curve for each output.
        rows: the same for single rows, where there is one output.
    """

    column: str
    kind: str
    places: tuple[float, ...] | tuple[str, ...]
    outputs: tuple[str, ...]
    curves: tuple[tuple[float, ...], ...]
    rows: tuple[tuple[float, ...], ...]

    @classmethod
    def from_fields(cls, fields: Fields) -> Dependence:
        """The inverse of ``asdict``."""
        kind = fields.text("kind", KINDS)
        places = fields.texts("places") if kind == "category" else fields.numbers("places")
        curves, rows = (fields.tables(key, len(places)) for key in ("curves", "rows"))
        outputs = fields.texts("outputs")
        if len(curves) != max(len(outputs), 1):
            fields.wrong("curves", "one for each output")
        return cls(fields.text("column"), kind, places, outputs, curves, rows)


def dependence(
    predict: Predict, features: Features, column: Column, own: Places, series: pl.Series, outputs: tuple[str, ...]
) -> Dependence | None:
    """Give a column one value after the other.

    Args:
        predict: the model.
        features: of held-out rows, shape ``(rows, features)``.
        column: the record of the column.
        own: the places of the features that it has become.
        series: its values in held-out rows.
        outputs: the names of the outputs; of two classes the second alone is taken, since the other's probability is
            1 minus that. None for numbers.

    Returns:
        None where the column has no two values in these rows.
    """
    kind = "category" if column.kind == "boolean" else column.kind
    values = _places(series.drop_nulls(), kind)
    if len(values) < 2:
        return None
    given = column.encode(values).astype(np.float32)
    work = features.copy()
    found = []
    for features_of_value in given:
        work[:, own] = features_of_value
        found.append(np.array(predict(work), np.float64))
    predicted = np.stack(found, axis=-1)  # (rows, outputs, places)
    kept = _kept_outputs(predicted.mean(axis=0), len(outputs))
    curves = predicted.mean(axis=0)[kept]
    rows = predicted[:KEPT_ROWS, kept[0]] if len(kept) == 1 else np.empty((0, len(values)))
    return Dependence(
        column.name,
        kind,
        _spelled(values, kind),
        tuple(outputs[output] for output in kept) if outputs else (),
        _rounded(curves),
        _rounded(rows),
    )


def _places(present: pl.Series, kind: str) -> pl.Series:
    """The values to give: frequent categories, or values at equal steps of the column's own distribution."""
    if kind == "category":
        ranked = present.alias("value").value_counts().sort("count", "value", descending=[True, False])["value"]
        return ranked.head(MOST_CATEGORIES).sort().alias(present.name)
    ordered = present.sort()
    distinct = ordered.unique().sort()
    if len(distinct) <= MOST_PLACES:
        return distinct
    steps = np.linspace(*_ENDS, MOST_PLACES) * (len(ordered) - 1)
    return ordered.gather(steps.round().astype(np.int64)).unique().sort()


def _spelled(values: pl.Series, kind: str) -> tuple[float, ...] | tuple[str, ...]:
    match kind:
        case "number":
            return tuple(map(_short, values.to_list()))
        case "date":
            return tuple(day_numbers(values).tolist())
        case _:
            return tuple(text(values).to_list())


def _kept_outputs(curves: NDArray[np.float64], names: int) -> list[int]:
    if names == 0:
        return [0]
    if names == 2:
        return [1]
    ranges = np.ptp(curves, axis=1)
    return sorted(np.argsort(-ranges, kind="stable")[:MOST_OUTPUTS].tolist())


def _rounded(curves: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(_short, curve)) for curve in curves.tolist())


def _short(value: float) -> float:
    """As many digits as a figure can show, so that a model's file stays small."""
    return float(f"{value:.{_DIGITS}g}")
