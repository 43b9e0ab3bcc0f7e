"""Rows of the table on which a model is most wrong, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.show.numbers import number_text

if TYPE_CHECKING:
    import polars as pl

CONFUSIONS: Final = 5
"""Pairs of actual and predicted class that are shown, the most frequent first."""

ROWS_OF_ONE: Final = 3
"""Rows of each such pair."""

LARGEST_MISSES: Final = 8
"""Rows that are shown of a regression."""

_LONGEST: Final = 60
"""Letters of a value."""


@dataclass(frozen=True)
class Example:
    """A row of the table and what was predicted for it.

    Attributes:
        row: its number in the table, from 1.
        actual: what the table holds.
        predicted: what was predicted.
        probability: that of the predicted class; None for a number.
        values: of some columns, as text; missing values are empty.
    """

    row: int
    actual: str
    predicted: str
    probability: float | None
    values: tuple[str, ...]

    @classmethod
    def from_fields(cls, fields: Fields) -> Example:
        """The inverse of ``asdict``."""
        return cls(
            fields.count("row"),
            fields.text("actual"),
            fields.text("predicted"),
            None if fields.value("probability") is None else fields.number("probability"),
            fields.texts("values"),
        )


class Mistake(NamedTuple):
    """A held-out row and what was predicted for it.

    Attributes:
        place: among the held-out rows, from 0.
        actual: what the table holds.
        predicted: what was predicted.
        probability: that of the predicted class; None for a number.
    """

    place: int
    actual: str
    predicted: str
    probability: float | None = None


def confused(actual: NDArray[np.int64], probabilities: Floats, classes: Sequence[str]) -> list[Mistake]:
    """Rows taken for another class: of the most frequent confusions those of which the model was most certain.

    Args:
        actual: the class of each row, shape ``(rows,)``.
        probabilities: shape ``(rows, classes)``.
        classes: as people read them.

    >>> shares = np.array([[0.4, 0.6], [0.1, 0.9], [0.8, 0.2], [0.7, 0.3]])
    >>> [mistake.place for mistake in confused(np.array([0, 0, 0, 1]), shares, ["no", "yes"])]
    [1, 0, 3]
    """
    predicted = probabilities.argmax(axis=1)
    certainty = probabilities.max(axis=1)
    pair_of = actual * len(classes) + predicted
    wrong = np.flatnonzero(predicted != actual)
    wrong = wrong[np.argsort(-certainty[wrong], kind="stable")]
    pairs, counts = np.unique(pair_of[wrong], return_counts=True)
    chosen = pairs[np.argsort(-counts, kind="stable")][:CONFUSIONS]
    places = [place for pair in chosen for place in wrong[pair_of[wrong] == pair][:ROWS_OF_ONE].tolist()]
    return [Mistake(n, classes[actual[n]], classes[predicted[n]], float(certainty[n])) for n in places]


def missed(actual: Floats, predicted: Floats) -> list[Mistake]:
    """The rows whose prediction is farthest off, the farthest first.

    >>> missed(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.0, 1.0]))[0]
    Mistake(place=2, actual='3', predicted='1', probability=None)
    """
    places = np.argsort(-np.abs(predicted - actual), kind="stable")[:LARGEST_MISSES].tolist()
    return [Mistake(n, _text(float(actual[n])), number_text(float(predicted[n]), 4)) for n in places]


def written(frame: pl.DataFrame, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of some columns of each row, as people read them."""
    return [tuple(map(_text, row)) for row in frame.select(columns).rows()]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return "" if np.isnan(value) else number_text(value)
        case datetime():
            return value.isoformat(" ", "minutes")
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
