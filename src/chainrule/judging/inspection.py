"""What a model looks at, and where it is wrong: everything about the columns and rows of the held-out part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data.encoder import TableEncoder
from chainrule.data.records import Fields
from chainrule.data.values import Floats, column
from chainrule.judging.dependence import KEPT_ROWS, MOST_PLACES, Dependence, dependence
from chainrule.judging.examples import Example, Mistake, written
from chainrule.judging.importance import REPEATS, Features, Importance, Predict, Quality, importances, screened

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS: Final = 50
"""Columns that are shuffled; of more, those that go along most with the predictions."""

DEPENDENCES: Final = 6
"""Columns of which it is shown how predictions change with them: the most important."""

SHOWN_COLUMNS: Final = 6
"""Columns whose values are shown of a row: the most important."""

_FLOPS: Final = 4e9
"""Floating-point operations to spend on shuffled columns, about a second: rows are left out to keep to it."""

_FEWEST_ROWS, _MOST_ROWS = 100, 2000
_CURVE_ROWS: Final = 200


@dataclass(frozen=True)
class Inspection:
    """What a model looks at, and where it is wrong.

    Attributes:
        rows: held-out rows in which columns were shuffled.
        before: how good the predictions of these rows are with all columns in place.
        importances: of each column that was shuffled, the most important first.
        dependences: how predictions change with the most important columns.
        columns: those of which the values of examples are shown.
        examples: rows on which the model is most wrong.
    """

    rows: int
    before: Quality
    importances: tuple[Importance, ...]
    dependences: tuple[Dependence, ...]
    columns: tuple[str, ...]
    examples: tuple[Example, ...]

    @classmethod
    def read(cls, results: Fields) -> Inspection | None:
        """The one that a record of results holds, if it does."""
        return None if results.value("inspection") is None else cls.from_fields(results.record("inspection"))

    @classmethod
    def from_fields(cls, fields: Fields) -> Inspection:
        """The inverse of ``asdict``."""
        before = fields.numbers("before")
        if len(before) != len(Quality._fields):
            fields.wrong("before", "two numbers")
        return cls(
            fields.count("rows"),
            Quality(*before),
            tuple(map(Importance.from_fields, fields.records("importances"))),
            tuple(map(Dependence.from_fields, fields.records("dependences"))),
            fields.texts("columns"),
            tuple(map(Example.from_fields, fields.records("examples"))),
        )


@dataclass(frozen=True)
class HeldOut:
    """The rows that a model is judged by, in random order.

    Attributes:
        frame: the rows, as the table has them.
        numbers: their places in the table, from 0, shape ``(rows,)``.
        features: what the encoder made of them, shape ``(rows, features)``.
    """

    frame: pl.DataFrame
    numbers: NDArray[np.int64]
    features: Features


def inspect(
    held: HeldOut,
    encoder: TableEncoder,
    predict: Predict,
    quality: Callable[[Floats], Quality],
    mistakes: Sequence[Mistake],
    classes: tuple[str, ...],
    flops: float,
) -> Inspection:
    """Find out what a model looks at.

    Args:
        held: the rows that it is judged by.
        encoder: of the table.
        predict: from features to probabilities, or to numbers in the table's unit, shape ``(rows, outputs)``.
        quality: of predictions for the first rows, as many as there are predictions.
        mistakes: rows to show.
        classes: as people read them; none for numbers.
        flops: floating-point operations of the prediction of one row.
    """
    whole = held.features[:_MOST_ROWS]
    chosen = screened(whole, predict(whole), encoder.places, MOST_COLUMNS)
    shuffled = held.features[: _affordable(flops * len(chosen) * REPEATS, _FEWEST_ROWS, _MOST_ROWS)]
    found = importances(predict, shuffled, chosen, quality)
    curved = held.features[: _affordable(flops * DEPENDENCES * MOST_PLACES, KEPT_ROWS, _CURVE_ROWS)]
    records = {record.name: record for record in encoder.columns}
    most = [importance.column for importance in found[:DEPENDENCES]]
    curves = [
        dependence(predict, curved, records[name], encoder.places[name], column(held.frame, name), classes)
        for name in most
    ]
    shown = [importance.column for importance in found[:SHOWN_COLUMNS]]
    values = written(held.frame[[mistake.place for mistake in mistakes]], shown)
    return Inspection(
        len(shuffled),
        quality(predict(shuffled)),
        found,
        tuple(curve for curve in curves if curve),
        tuple(shown),
        tuple(
            Example(int(held.numbers[m.place]) + 1, m.actual, m.predicted, m.probability, cells)
            for m, cells in zip(mistakes, values, strict=True)
        ),
    )


def _affordable(flops_of_row: float, fewest: int, most: int) -> int:
    """How many rows to use."""
    return int(np.clip(_FLOPS / flops_of_row, fewest, most))
