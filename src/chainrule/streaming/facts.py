"""What is learnt of a column from pieces of it, in memory that does not grow with the table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data import values
from chainrule.data.categories import CategoryColumn, counted_texts
from chainrule.data.columns import Column, DateColumn, LeftOutColumn, MeasuredColumn, NumberColumn
from chainrule.data.scaling import Summary, mean_and_scale

if TYPE_CHECKING:
    import polars as pl

MOST_COUNTED: Final = 100_000
"""Different texts of a column up to which all are counted; beyond, the most frequent half is kept."""

SMALLEST_HASHES: Final = 4096
"""Hashes by which different texts are estimated where not all are counted: to within 2 % or so."""


class Facts(ABC):
    """What is known of a column so far.

    Attributes:
        name: of the column.
        kind: of its values.
        missing: rows without a value.
        present: rows with one.
        first: a series of the first value seen.
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.missing, self.present = 0, 0
        self.first: pl.Series | None = None

    def see(self, series: pl.Series) -> None:
        """Take further rows into account.

        Raises:
            CellError: where a value is of another kind.
        """
        self._count(series)
        self.missing += series.null_count()
        self.present += len(series) - series.null_count()
        if self.first is None and self.present:
            self.first = series.drop_nulls().head(1)

    @abstractmethod
    def _count(self, series: pl.Series) -> None:
        """What is particular to the kind."""

    @abstractmethod
    def column(self, sample: pl.Series) -> Column:
        """The record of the column; ``sample`` are rows drawn at random."""

    def _constant(self) -> LeftOutColumn:
        assert self.first is not None
        return LeftOutColumn.constant(self.first)


class EmptyFacts(Facts):
    """Of a column in which no value was seen."""

    def _count(self, series: pl.Series) -> None:
        values.refuse(series, series.is_not_null().to_numpy(), "is the first value")

    def column(self, sample: pl.Series) -> Column:
        """Left out."""
        return LeftOutColumn(self.name, "empty", self.missing, "no row holds a value")


@dataclass
class Moments:
    """Mean, standard deviation and extremes of numbers that come in pieces.

    >>> moments = Moments()
    >>> moments.see(np.array([1.0, 3.0]))
    >>> moments.see(np.array([5.0, 7.0]))
    >>> moments.mean, moments.scale
    (4.0, 2.23606797749979)
    """

    count: int = 0
    mean: float = 0.0
    scale: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def see(self, present: values.Floats) -> None:
        """Take further numbers into account.

        Chan, Golub, LeVeque (1983), with lengths in the place of squares, which cannot overflow: of n = a + b numbers,
        the squared scale is a/n s_a^2 + b/n s_b^2 + ab/n^2 (m_b - m_a)^2.
        """
        if not len(present):
            return
        mean, scale = mean_and_scale(present)
        before, fresh = self.count, len(present)
        n = self.count = before + fresh
        apart = mean - self.mean
        parts = (self.scale * sqrt(before / n), scale * sqrt(fresh / n), apart * sqrt(before * fresh) / n)
        self.scale = hypot(*parts)
        self.mean += apart * (fresh / n)
        self.low, self.high = min(self.low, float(present.min())), max(self.high, float(present.max()))

    @property
    def summary(self) -> Summary:
        """Mean and scale, and in the place of the median, which is not known, the mean."""
        return Summary(self.mean, self.scale, self.mean)


class MeasuredFacts(Facts):
    """Of a column of numbers or dates: mean and standard deviation exact but for rounding, the median of the sample."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(name, kind)
        self._record: type[MeasuredColumn] = NumberColumn if kind == "number" else DateColumn
        self.moments = Moments()

    def _count(self, series: pl.Series) -> None:
        places = self._record.measure(series)
        self.moments.see(places[~np.isnan(places)])

    def column(self, sample: pl.Series) -> Column:
        """Standardised; left out where all rows are equal."""
        moments, scale = self.moments, self.moments.scale
        if moments.low == moments.high or scale == 0:
            if not self.missing:
                return self._constant()
            scale = 1.0  # present and missing rows still differ, in the indicator
        places = self._record.measure(sample)
        known = places[~np.isnan(places)]
        median = float(np.median(known)) if len(known) else moments.mean
        return self._record(self.name, self.kind, self.missing, moments.mean, scale, median)


@dataclass
class Counts:
    """How often each text occurs.

    Up to 100,000 different ones, counts are exact. Beyond, the most frequent half is kept whenever there are more: a
    count is too low by ``lost`` at most, and the number of different texts is estimated from the smallest of their
    hashes (Bar-Yossef and others, 2002).
    """

    kept: pl.DataFrame | None = None
    lost: int = 0
    hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def see(self, counts: pl.DataFrame) -> None:
        """Take the counts of further rows into account."""
        import polars as pl

        fresh = np.unique(counts["value"].hash(0).to_numpy())
        self.hashes = np.unique(np.concatenate([self.hashes, fresh]))[:SMALLEST_HASHES]
        if self.kept is not None:
            both = pl.concat([self.kept, counts.cast(self.kept.schema)])
            counts = both.group_by("value").agg(pl.col("count").sum())
        if counts.height > MOST_COUNTED:
            counts = counts.sort("count", "value", descending=[True, False])
            self.lost += int(counts["count"][MOST_COUNTED // 2])
            counts = counts.head(MOST_COUNTED // 2)
        self.kept = counts

    @property
    def distinct(self) -> int:
        """How many different texts there are."""
        if not self.lost:
            return 0 if self.kept is None else self.kept.height
        return round((SMALLEST_HASHES - 1) * 2.0**64 / float(self.hashes[-1]))


class CategoryFacts(Facts):
    """Of a column of text or booleans."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(name, kind)
        self.counts = Counts()

    def _count(self, series: pl.Series) -> None:
        self.counts.see(counted_texts(series, self.kind))

    def column(self, sample: pl.Series) -> Column:
        """A feature for each category, or one code; left out where all rows are equal, or nearly all differ."""
        distinct, kept = self.counts.distinct, self.counts.kept
        assert kept is not None
        if distinct == 1 and not self.missing:
            return self._constant()
        return CategoryColumn.counted(self.name, self.kind, self.missing, self.present, kept, distinct)


def facts_of(name: str, kind: str) -> Facts:
    """Nothing known yet of a column of this kind."""
    if kind == "empty":
        return EmptyFacts(name, kind)
    return CategoryFacts(name, kind) if kind in CategoryColumn.kinds else MeasuredFacts(name, kind)


@dataclass
class RowNumbers:
    """Whether whole numbers are those of the rows: 0, 1, 2, ... or 1, 2, 3, ..., in any order.

    They are taken for that where smallest, largest and sum are those of such numbers.
    """

    rows: int = 0
    low: int = 0
    high: int = 0
    sum: int = 0
    possible: bool = True

    def see(self, series: pl.Series) -> None:
        """Take further rows into account."""
        self.possible = self.possible and series.dtype.is_integer() and not series.null_count()
        if not self.possible or series.is_empty():
            return
        low, high = int(series.min()), int(series.max())  # type: ignore[arg-type]
        self.low, self.high = (min(self.low, low), max(self.high, high)) if self.rows else (low, high)
        self.sum += int(series.sum())
        self.rows += len(series)

    @property
    def found(self) -> bool:
        """Whether they are."""
        without_gaps = self.low in (0, 1) and self.high - self.low + 1 == self.rows
        return self.possible and without_gaps and 2 * self.sum == self.rows * (self.low + self.high)
