"""Columns of text and booleans: one feature for each category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from chainrule.data import values
from chainrule.data.columns import Column, LeftOutColumn
from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.show.numbers import counted

if TYPE_CHECKING:
    import polars as pl

MOST_CATEGORIES: Final = 30
"""A column keeps a feature for this many categories at most; the rest share one."""

_IDENTIFIER_ROWS: Final = 50
_IDENTIFIER_SHARE: Final = 0.9


def looks_like_identifier(present: pl.Series) -> bool:
    """Whether text differs in nearly every row (9 of 10), in a column of more than 50 values."""
    return len(present) > _IDENTIFIER_ROWS and present.n_unique() >= _IDENTIFIER_SHARE * len(present)


@dataclass(frozen=True)
class CategoryColumn(Column):
    """A column of text or booleans: one feature for each category, 1 where the row holds it and 0 elsewhere.

    Attributes:
        categories: those with a feature of their own, sorted; the most frequent ones where there are many.
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
        present = _text(series, kind).drop_nulls().alias("value")
        distinct, missing = present.n_unique(), series.null_count()
        if distinct == 1 and not missing:
            return LeftOutColumn.constant(series)
        if distinct > MOST_CATEGORIES:
            values.refuse_nearly_numbers(series)
        if looks_like_identifier(present):
            reason = f"text with {distinct} different values in {len(present)} rows, like an identifier"
            return LeftOutColumn(series.name, "identifier", missing, reason)
        ranked = present.value_counts().sort("count", "value", descending=[True, False])["value"]
        kept = ranked.head(MOST_CATEGORIES).sort().to_list()
        return cls(series.name, kind, missing, tuple(kept), distinct)

    @property
    def pools_others(self) -> bool:
        """Whether the categories without a feature of their own share one."""
        return self.distinct > len(self.categories)

    @property
    def features(self) -> tuple[str, ...]:
        """One for each category, then the one that the others share, then the indicator of missing values."""
        others = (f"{self.name} other",) if self.pools_others else ()
        return (*(f"{self.name}={category}" for category in self.categories), *others, *self.indicator)

    @property
    def sentence(self) -> str:
        """What is done with the column, in words."""
        own, listed = len(self.categories), ", ".join(self.categories)
        if self.pools_others:
            text = f"the {own} most frequent of {self.distinct} categories, one feature each: {listed}"
            text += f"; all others share {self.name + ' other'!r}"
        else:
            text = f"{counted(own, 'category')}, one feature each: {listed}"
        return text + self._about_missing

    def encode(self, series: pl.Series) -> Floats:
        """Zeros and a one, shape ``(rows, len(features))``; all zeros for a category unseen in training."""
        codes = self._codes(series).to_numpy()
        rows = np.flatnonzero(codes >= 0)
        result = np.zeros((len(series), len(self.features)))
        result[rows, codes[rows]] = 1.0
        return result

    def unseen(self, series: pl.Series) -> list[str]:
        """The values that have no feature, sorted; none where all others share a feature."""
        text = series.filter(self._codes(series) < 0).drop_nulls()
        return _text(text, self.kind).unique().sort().to_list()

    def _codes(self, series: pl.Series) -> pl.Series:
        """For each row the place of its feature, -1 for none."""
        import polars as pl

        text = _text(series, self.kind, "; the column held true and false when the model was trained")
        own = len(self.categories)
        others = own if self.pools_others else -1
        missing = len(self.features) - 1 if self.missing else -1
        codes = text.replace_strict(list(self.categories), range(own), default=others, return_dtype=pl.Int64)
        return codes.set(text.is_null(), missing)

    @classmethod
    def from_fields(cls, fields: Fields) -> CategoryColumn:
        """The inverse of :meth:`to_json`."""
        categories = [item for item in fields.items("categories") if isinstance(item, str)]
        if not categories or len(set(categories)) < len(fields.items("categories")):
            fields.wrong("categories", "a list of different texts")
        distinct = fields.count("distinct")
        if distinct < len(categories):
            fields.wrong("distinct", f"{len(categories)} or more")
        return cls(*cls._common(fields), tuple(categories), distinct)


def _text(series: pl.Series, kind: str, since: str = "") -> pl.Series:
    return values.truths(series, since) if kind == "boolean" else values.text(series)
