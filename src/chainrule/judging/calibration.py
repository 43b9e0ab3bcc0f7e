"""Whether probabilities mean what they say: of the rows given 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.judging.intervals import DRAWS, LEVEL, Interval, wilson

BINS: Final = 10
"""Equal steps from 0 to 1, in which rows are counted."""


@dataclass(frozen=True)
class Bin:
    """The rows whose probability lies in one step.

    Attributes:
        rows: how many they are.
        hits: for how many of them the class was right.
        probability: their mean probability.
    """

    rows: int
    hits: int
    probability: float

    @property
    def share(self) -> float:
        """The share of rows that were right."""
        return self.hits / self.rows

    @property
    def interval(self) -> Interval:
        """Of that share."""
        return wilson(self.hits, self.rows)

    @classmethod
    def from_fields(cls, fields: Fields) -> Bin:
        """The inverse of ``asdict``."""
        rows, hits = fields.count("rows"), fields.count("hits")
        if rows == 0 or hits > rows:
            fields.wrong("rows", f"{max(hits, 1)} or more")
        return cls(rows, hits, fields.number("probability"))


@dataclass(frozen=True)
class Calibration:
    """Probabilities beside what happened (DeGroot and Fienberg 1983).

    Attributes:
        bins: those that hold rows, in order.
        error: the expected calibration error: the mean over rows of how far a bin's share lies from its probability
            (Naeini and others 2015).
        chance: below which this error would stay in 19 of 20 tables if each row's probability were exactly right: with
            few rows it is above 0 by chance alone (Broecker and Smith 2007).
    """

    bins: tuple[Bin, ...]
    error: float
    chance: float

    @classmethod
    def of(cls, probability: Floats, hit: NDArray[np.bool_]) -> Calibration:
        """Compare probabilities with what happened.

        Args:
            probability: of one class for each row, shape ``(rows,)``.
            hit: whether the row is of that class, shape ``(rows,)``.

        >>> Calibration.of(np.array([0.75] * 4), np.array([True, True, True, False])).error
        0.0
        """
        place = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        rows = np.bincount(place, minlength=BINS)
        held = rows > 0
        hits, sums = (np.bincount(place, weights, BINS)[held] for weights in (hit, probability))
        rows = rows[held]
        means = np.clip(sums / rows, 0.0, 1.0)
        drawn = np.random.default_rng(0).binomial(rows, means, size=(DRAWS, len(rows)))
        return cls(
            tuple(Bin(int(n), int(k), float(p)) for n, k, p in zip(rows, hits, means, strict=True)),
            float(np.abs(hits - rows * means).sum() / len(hit)),
            float(np.quantile(np.abs(drawn - rows * means).sum(axis=1) / len(hit), LEVEL)),
        )

    @property
    def holds(self) -> bool:
        """Whether the error is no larger than chance explains."""
        return self.error <= self.chance

    @classmethod
    def from_fields(cls, fields: Fields) -> Calibration:
        """The inverse of ``asdict``."""
        bins = tuple(map(Bin.from_fields, fields.records("bins")))
        return cls(bins, fields.number("error"), fields.number("chance"))


def brier(probabilities: Floats, actual: NDArray[np.int64]) -> float:
    """The Brier score (1950): the mean over rows of the squared error of the probabilities, summed over classes.

    For two classes it is half of that, the squared error of one probability, as is usual.

    Args:
        probabilities: shape ``(rows, classes)``.
        actual: the class of each row, shape ``(rows,)``.

    >>> brier(np.array([[0.5, 0.5]]), np.array([1]))
    0.25
    """
    given = probabilities[np.arange(len(actual)), actual]
    squares = np.square(probabilities).sum(axis=1) - 2 * given + 1  # the actual class has p - 1 instead of p
    return float(squares.mean() / (2 if probabilities.shape[1] == 2 else 1))
