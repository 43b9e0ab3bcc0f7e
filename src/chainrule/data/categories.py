"""Columns of text and booleans: one feature for each category, or one code where there are many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from chainrule.data import values
from chainrule.data.columns import Column, LeftOutColumn
from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.show.numbers import counted, listed

if TYPE_CHECKING:
    import polars as pl

MOST_FEATURES: Final = 30
"""A column has a feature for each category up to so many categories; with more, it is one code."""

MOST_CODES: Final = 10_000
"""Categories that get a code of their own at most, the most frequent ones."""

OTHER: Final = 0
"""The code of categories that training saw once or never."""

LISTED: Final = 6
"""Categories that a sentence names."""

_IDENTIFIER_ROWS: Final = 50
_IDENTIFIER_SHARE: Final = 0.9


def looks_like_identifier(present: int, distinct: int) -> bool:
    """Whether text differs in nearly every row (9 of 10), in a column of more than 50 values."""
    return present > _IDENTIFIER_ROWS and distinct >= _IDENTIFIER_SHARE * present


@dataclass(frozen=True)
class CategoryColumn(Column):
    """A column of text or booleans.

    With few categories, one feature for each, 1 where the row holds it and 0 elsewhere. With many, one feature that
    holds the category's code: from 1 in order, 0 for every other, the last for missing values; a network turns it into
    a few learnt numbers (:class:`chainrule.Embedding`).

    Attributes:
        categories: those with a feature or a code of their own, sorted.
        distinct: how many categories there were in training.

    >>> import polars as pl
    >>> column = CategoryColumn.learn(pl.Series("island", ["Dream", "Biscoe", "Dream"]))
    >>> column.features
    ('island=Biscoe', 'island=Dream')
    >>> column.encode(pl.Series("island", ["Dream", "Torgersen"])).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    categories: tuple[str, ...]
    distinct: int
    kinds: ClassVar[tuple[str, ...]] = ("category", "boolean")

    @classmethod
    def learn(cls, series: pl.Series) -> CategoryColumn | LeftOutColumn:
        """Learn from the training rows, of which at least one holds a value."""
        kind = values.kind_of(series)
        counts, missing = counted_texts(series, kind), series.null_count()
        if counts.height == 1 and not missing:
            return LeftOutColumn.constant(series)
        if counts.height > MOST_FEATURES:
            values.refuse_nearly_numbers(series)
        return cls.counted(series.name, kind, missing, len(series) - missing, counts, counts.height)

    @classmethod
    def counted(
        cls, name: str, kind: str, missing: int, present: int, counts: pl.DataFrame, distinct: int
    ) -> CategoryColumn | LeftOutColumn:
        """Learn from how often each category occurs.

        Args:
            name: of the column.
            kind: ``category`` or ``boolean``.
            missing: training rows without a value.
            present: training rows with one.
            counts: of the categories, as :func:`counted_texts` gives them; the most frequent ones suffice.
            distinct: how many categories there are.
        """
        if looks_like_identifier(present, distinct):
            reason = f"text with {distinct} different values in {present} rows, like an identifier"
            return LeftOutColumn(name, "identifier", missing, reason)
        counts = counts.sort("count", "value", descending=[True, False])
        if distinct > MOST_FEATURES:
            counts = counts.filter(counts["count"] > 1).head(MOST_CODES)
        return cls(name, kind, missing, tuple(counts["value"].sort().to_list()), distinct)

    @property
    def codes(self) -> int:
        """How many codes there are, that of other categories and of missing values among them; 0 for few categories."""
        return 1 + len(self.categories) + (self.missing > 0) if self.distinct > MOST_FEATURES else 0

    @property
    def features(self) -> tuple[str, ...]:
        """One for each category and the indicator of missing values, or one for the code."""
        if self.codes:
            return (f"{self.name} code",)
        return (*(f"{self.name}={category}" for category in self.categories), *self.indicator)

    @property
    def sentence(self) -> str:
        """What is done with the column, in words."""
        own = counted(len(self.categories), "category")
        if not self.codes:
            return f"{own}, one feature each: {listed(self.categories, LISTED)}{self._about_missing()}"
        return f"{own}, each turned into a few learnt numbers; one more for all others{self._about_missing()}"

    def encode(self, series: pl.Series) -> Floats:
        """Zeros and a one (all zeros for a category unseen in training), or the code; shape ``(rows, features)``."""
        codes = self._codes(series).to_numpy()
        if self.codes:
            return codes[:, None].astype(np.float64)
        rows = np.flatnonzero(codes >= 0)
        result = np.zeros((len(series), len(self.features)))
        result[rows, codes[rows]] = 1.0
        return result

    def unseen(self, series: pl.Series) -> list[str]:
        """The values that have no feature, sorted; none where all others share a code."""
        text = series.filter(self._codes(series) < 0).drop_nulls()
        return _text(text, self.kind).unique().sort().to_list()

    def recognised(self, series: pl.Series) -> pl.Series:
        """The text of each row as this column knows it, null where it is missing."""
        if self.kind == "boolean":
            return values.truths(series, "; the column held true and false when the model was trained")
        return values.recognised(series, self.categories)

    def _codes(self, series: pl.Series) -> pl.Series:
        """For each row its code, or the place of its feature, -1 for none."""
        import polars as pl

        text = self.recognised(series)
        first, others, last = (1, OTHER, self.codes - 1) if self.codes else (0, -1, len(self.features) - 1)
        places = range(first, first + len(self.categories))
        codes = text.replace_strict(list(self.categories), places, default=others, return_dtype=pl.Int64)
        return codes.set(text.is_null(), last if self.missing else others)

    @classmethod
    def from_fields(cls, fields: Fields) -> CategoryColumn:
        """The inverse of :meth:`to_json`."""
        categories = [item for item in fields.items("categories") if isinstance(item, str)]
        distinct = fields.count("distinct")
        if (not categories and distinct <= MOST_FEATURES) or len(set(categories)) < len(fields.items("categories")):
            fields.wrong("categories", "a list of different texts")
        if distinct < len(categories):
            fields.wrong("distinct", f"{len(categories)} or more")
        return cls(*cls._common(fields), tuple(categories), distinct)


def counted_texts(series: pl.Series, kind: str) -> pl.DataFrame:
    """How often each text occurs, in the columns ``value`` and ``count``; missing values are none."""
    return _text(series, kind).drop_nulls().alias("value").value_counts()


def _text(series: pl.Series, kind: str) -> pl.Series:
    return values.truths(series) if kind == "boolean" else values.text(series)
