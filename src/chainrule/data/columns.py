"""What was learnt about each column of a table, and the features that a column turns into.

A column of numbers becomes one feature, a column of categories one feature for each category (or one code, where there
are many), a date five.
What to subtract, divide by, or fill in is learnt once from the training rows and is the same for every later
table.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from chainrule.data import values
from chainrule.data.records import Fields
from chainrule.data.scaling import standardised, summary
from chainrule.data.values import Floats
from chainrule.show.numbers import counted, grouped_text

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Column(ABC):
    """What was learnt about one input column.

    Attributes:
        name: the column's name in the table.
        kind: ``number``, ``category``, ``boolean``, ``date``, ``constant``, ``identifier`` or ``empty``.
        missing: how many training rows held no value.
    """

    name: str
    kind: str
    missing: int
    kinds: ClassVar[tuple[str, ...]]
    """The kinds that the class is responsible for."""

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """The names of the features that the column turns into; none where the column is left out."""

    @property
    def numbers(self) -> int:
        """How many of the features, from the first, are numbers on a line."""
        return 0

    @property
    def codes(self) -> int:
        """How many codes the column's one feature has, where categories are codes; else 0."""
        return 0

    @property
    @abstractmethod
    def sentence(self) -> str:
        """What is done with the column, in words."""

    @abstractmethod
    def encode(self, series: pl.Series) -> Floats:
        """The features of a column, shape ``(rows, len(features))``, in float64.

        Raises:
            DataError: for the first value of another type than in training.
        """

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON can hold them."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Fields) -> Column:
        """The inverse of :meth:`to_json`."""

    @classmethod
    def _common(cls, fields: Fields) -> tuple[str, str, int]:
        return fields.text("name"), fields.text("kind", cls.kinds), fields.count("missing")

    @property
    def indicator(self) -> tuple[str, ...]:
        """The name of the feature that marks missing values, if there were any in training."""
        return (f"{self.name} missing",) if self.missing else ()

    def _about_missing(self, filled: str = "") -> str:
        return f"; missing in {counted(self.missing, 'row')}: marked{filled}" if self.missing else ""


@dataclass(frozen=True)
class LeftOutColumn(Column):
    """A column from which nothing can be learnt.

    Attributes:
        reason: why.

    >>> LeftOutColumn("year", "constant", 0, "every row holds 2007").sentence
    'left out: every row holds 2007'
    """

    reason: str
    kinds: ClassVar[tuple[str, ...]] = ("constant", "identifier", "empty")

    @classmethod
    def constant(cls, series: pl.Series) -> LeftOutColumn:
        """The record of a column that holds one value in every row."""
        return cls(series.name, "constant", 0, f"every row holds {values.spelled(series[0])}")

    @classmethod
    def row_numbers(cls, name: str) -> LeftOutColumn:
        """The record of a column that counts the rows."""
        return cls(name, "identifier", 0, "it numbers the rows")

    @property
    def features(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def sentence(self) -> str:
        """What is done with the column, in words."""
        return f"left out: {self.reason}"

    def encode(self, series: pl.Series) -> Floats:
        """No features, shape ``(rows, 0)``."""
        return np.empty((len(series), 0))

    @classmethod
    def from_fields(cls, fields: Fields) -> LeftOutColumn:
        """The inverse of :meth:`to_json`."""
        return cls(*cls._common(fields), fields.text("reason"))


@dataclass(frozen=True)
class MeasuredColumn(Column):
    """A column whose values are points on a line, so that distances between them mean something.

    Attributes:
        mean: mean over the training rows that hold a value.
        scale: their standard deviation (of the population), above 0.
        median: their median, which stands in for missing values.
    """

    mean: float
    scale: float
    median: float

    @staticmethod
    @abstractmethod
    def measure(series: pl.Series, since: str = "") -> Floats:
        """Places on the line, shape ``(rows,)``, NaN where missing; ``since`` ends the error message."""

    @property
    def numbers(self) -> int:
        """The place on the line."""
        return 1

    @classmethod
    def learn(cls, series: pl.Series) -> Self | LeftOutColumn:
        """Learn from the training rows, of which at least one holds a value."""
        places = cls.measure(series)
        missing = series.null_count()
        learnt = summary(places[~np.isnan(places)])
        if learnt.scale == 0 or series.drop_nulls().n_unique() == 1:
            if not missing:
                return LeftOutColumn.constant(series)
            learnt = learnt._replace(scale=1.0)  # present and missing rows still differ, in the indicator
        return cls(series.name, cls.kinds[0], missing, *learnt)

    def encode(self, series: pl.Series) -> Floats:
        """``(place - mean) / scale`` first, the indicator last, shape ``(rows, len(features))``."""
        places = self.measure(series, f"; the column held {self.kind}s when the model was trained")
        missing = np.isnan(places)
        filled = np.where(missing, self.median, places)
        features = [standardised(series, filled, self.mean, self.scale), *self._cycles(series)]
        if self.missing:
            features.append(missing.astype(np.float64))
        return np.column_stack(features)

    def _cycles(self, series: pl.Series) -> list[Floats]:
        """Features beside the place on the line."""
        return []

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """The inverse of :meth:`to_json`."""
        return cls(*cls._common(fields), fields.number("mean"), fields.scale("scale"), fields.number("median"))


@dataclass(frozen=True)
class NumberColumn(MeasuredColumn):
    """A column of numbers: ``(value - mean) / scale``, the median where a value is missing.

    >>> import polars as pl
    >>> column = NumberColumn.learn(pl.Series("age", [20, 40, None]))
    >>> column.encode(pl.Series("age", [40, None])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    kinds: ClassVar[tuple[str, ...]] = ("number",)
    measure = staticmethod(values.numbers)

    @property
    def features(self) -> tuple[str, ...]:
        """The number and, if some were missing in training, whether it is missing."""
        return (self.name, *self.indicator)

    @property
    def sentence(self) -> str:
        """What is done with the column, in words."""
        mean, scale, median = map(grouped_text, (self.mean, self.scale, self.median))
        missing = self._about_missing(f", the median {median} in its place")
        return f"standardised (mean {mean}, standard deviation {scale}){missing}"


@dataclass(frozen=True)
class DateColumn(MeasuredColumn):
    """A column of dates: days since 1970-01-01, standardised, and the place in the year and in the week.

    The time of day counts as a fraction of a day. Month and weekday are the sine and cosine of an angle, so
    that December is as near to January as to November; where the date is missing, all four are 0.

    >>> import polars as pl
    >>> from datetime import date
    >>> DateColumn.learn(pl.Series("day", [date(2024, 1, 1), date(2024, 1, 3)])).features
    ('day days', 'day month sin', 'day month cos', 'day weekday sin', 'day weekday cos')
    """

    kinds: ClassVar[tuple[str, ...]] = ("date",)

    @staticmethod
    def measure(series: pl.Series, since: str = "") -> Floats:
        """Days since 1970-01-01, shape ``(rows,)``, NaN where missing."""
        return values.day_numbers(values.dates(series, since))

    @property
    def features(self) -> tuple[str, ...]:
        """Days, sine and cosine of month and weekday, and the indicator of missing dates."""
        cycles = (f"{self.name} {cycle} {part}" for cycle in ("month", "weekday") for part in ("sin", "cos"))
        return (f"{self.name} days", *cycles, *self.indicator)

    @property
    def sentence(self) -> str:
        """What is done with the column, in words."""
        missing = self._about_missing(", the median date in its place")
        return f"elapsed days, standardised; month and weekday, as sine and cosine{missing}"

    def _cycles(self, series: pl.Series) -> list[Floats]:
        import polars as pl

        dates = values.dates(series)
        features = []
        for place, period in ((dates.dt.month(), 12), (dates.dt.weekday(), 7)):  # places count from 1
            angle = (place.cast(pl.Float64).fill_null(np.nan).to_numpy() - 1) * (2 * np.pi / period)
            features += [np.nan_to_num(np.sin(angle)), np.nan_to_num(np.cos(angle))]
        return features
