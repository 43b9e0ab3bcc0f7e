"""A table as the arrays to learn from: what was learnt about every column, together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.data import values
from chainrule.data.categories import CategoryColumn
from chainrule.data.columns import Column, DateColumn, LeftOutColumn, NumberColumn
from chainrule.data.records import Fields
from chainrule.data.scaling import LARGEST_FLOAT32
from chainrule.data.target import Target, Task
from chainrule.data.values import Floats
from chainrule.errors import DataError, unknown_name
from chainrule.show.numbers import counted

if TYPE_CHECKING:
    import polars as pl

_COLUMN_CLASSES: Final[tuple[type[Column], ...]] = (NumberColumn, CategoryColumn, DateColumn, LeftOutColumn)
_CLASS_OF_KIND: Final = {kind: column_class for column_class in _COLUMN_CLASSES for kind in column_class.kinds}


BLOCK_ROWS: Final = 65_536
"""Rows whose numbers are encoded together, so that this takes little memory."""

_INDEX_NAME: Final = re.compile(r"|unnamed.*|index|idx|nr|no|row|(.*[ _.-])?id|rowid|row[ _.-]?(nr|no|numbers?|names?)")
"""Names of columns that may number the rows."""


@dataclass(frozen=True)
class TableEncoder:
    """Turns tables into arrays, by what it learnt from the training rows.

    Attributes:
        columns: one record for each input column, in the order of the training table.
        target: the record of the column to predict.
        rows: how many rows it learnt from.

    >>> import polars as pl
    >>> colours = ["red", "blue", "red"]
    >>> table = pl.DataFrame({"size": [1.0, 3.0, 5.0], "colour": colours, "price": [2.5, 1.0, 4.0]})
    >>> encoder = TableEncoder.learn(table, target="price")
    >>> encoder.feature_names
    ('size', 'colour=blue', 'colour=red')
    >>> encoder.encode(pl.DataFrame({"colour": ["blue"], "size": [3.0]}))
    array([[0., 1., 0.]], dtype=float32)
    >>> encoder.target.task
    'regression'
    """

    columns: tuple[Column, ...]
    target: Target
    rows: int

    @classmethod
    def learn(cls, frame: pl.DataFrame, target: str, task: Literal["auto"] | Task = "auto") -> TableEncoder:
        """Learn from the training rows.

        Args:
            frame: the training rows, at least two, with the target.
            target: the name of the column to predict.
            task: ``auto`` takes text, booleans, and whole numbers of at most 20 different values with at
                least 5 rows each on average for classes, everything else for a number.

        Raises:
            DataError: where the table cannot be learnt from as it is.
            UnknownNameError: for a target that is no column; the message gives the nearest.
        """
        if target not in frame.columns:
            raise unknown_name("target column", target, frame.columns)
        if frame.height < 2:
            raise DataError(f"the table has {counted(frame.height, 'row')}; learning needs at least two")
        learnt = Target.learn(values.column(frame, target), task)
        columns = tuple(_learn_column(values.column(frame, name)) for name in frame.columns if name != target)
        return cls.of(columns, learnt, frame.height)

    @classmethod
    def of(cls, columns: tuple[Column, ...], target: Target, rows: int) -> TableEncoder:
        """What was learnt, put together.

        Raises:
            DataError: where no column has features.
        """
        if not any(column.features for column in columns):
            why = "; ".join(f"{column.name!r} is {column.sentence}" for column in columns)
            why = why or "the table has no other column"
            raise DataError(f"no column is left to predict {target.name!r} from: {why}")
        return cls(columns, target, rows)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each encoded feature: numbers first, then zeros and ones and places on circles, then codes."""
        names = [feature for column in self.columns for feature in column.features]
        return tuple(names[place] for place in self._order)

    @property
    def numbers(self) -> int:
        """How many features, from the first, are numbers on a line."""
        return sum(column.numbers for column in self.columns)

    @property
    def codes(self) -> tuple[int, ...]:
        """How many codes each of the last features has; empty where none is a code."""
        return tuple(column.codes for column in self.columns if column.codes)

    @cached_property
    def _order(self) -> list[int]:
        """The places of the features, column by column, in the order of :attr:`feature_names`."""
        groups = [
            0 if place < column.numbers else 2 if column.codes else 1
            for column in self.columns
            for place in range(len(column.features))
        ]
        return sorted(range(len(groups)), key=groups.__getitem__)

    @cached_property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The places among the features that each column has become, by its name; only of columns that are used."""
        used = [column for column in self.columns if column.features]
        ends = np.cumsum([len(column.features) for column in used])
        parts = np.split(np.argsort(self._order), ends[:-1])
        return {column.name: part for column, part in zip(used, parts, strict=True)}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that :meth:`encode` needs; those left out are not among them."""
        return tuple(column.name for column in self.columns if column.features)

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The input columns that held numbers."""
        return tuple(column.name for column in self.columns if column.kind == "number")

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that held text; to be read as text again, by ``read_table(path, as_text=...)``."""
        names = tuple(column.name for column in self.columns if column.kind == "category")
        return (*names, self.target.name) if isinstance(next(iter(self.target.classes), 0), str) else names

    def encode(self, frame: pl.DataFrame) -> NDArray[np.float32]:
        """The features of a table, shape ``(rows, len(feature_names))``.

        Columns may come in any order, among others; the target need not be there. Computed in float64,
        rounded once.

        Raises:
            DataError: where columns are absent, or a value has another type than in training.
        """
        self._require_columns(frame, self.inputs)
        result = np.empty((frame.height, len(self._order)), np.float32)
        plain = [c for c in self.columns if isinstance(c, NumberColumn) and frame[c.name].dtype.is_numeric()]
        for start in range(0, frame.height if plain else 0, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            if not self._encode_numbers(plain, frame[rows], result[rows]):
                plain = []  # one of them has a message
        done = {column.name for column in plain}
        for column in self.columns:
            if column.features and column.name not in done:
                result[:, self.places[column.name]] = column.encode(values.column(frame, column.name))
        return result

    def _encode_numbers(self, columns: list[NumberColumn], frame: pl.DataFrame, result: NDArray[np.float32]) -> bool:
        """What :class:`NumberColumn` says, of several columns at once; whether float32 can hold all of it."""
        import polars as pl

        numbers = frame.select(pl.col(c.name).cast(pl.Float64) for c in columns).to_numpy()
        mean, scale, median = (np.array([getattr(c, name) for c in columns]) for name in ("mean", "scale", "median"))
        missing = np.isnan(numbers)
        if missing.any():
            numbers = np.where(missing, median, numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            standardised = numbers - mean
            standardised /= scale
            result[:, [self.places[c.name][0] for c in columns]] = standardised
        marked = [n for n, column in enumerate(columns) if column.missing]
        result[:, [self.places[columns[n].name][1] for n in marked]] = missing[:, marked]
        low, high = standardised.min(initial=0.0), standardised.max(initial=0.0)
        return bool(low >= -LARGEST_FLOAT32 and high <= LARGEST_FLOAT32)  # neither holds for NaN

    def unseen(self, frame: pl.DataFrame) -> dict[str, list[str]]:
        """The categories of a table that did not occur in training (their features are all 0), by column.

        Raises:
            DataError: as :meth:`encode` does.

        >>> import polars as pl
        >>> table = pl.DataFrame({"colour": ["red", "blue"], "price": [2.5, 1.0]})
        >>> TableEncoder.learn(table, "price").unseen(pl.DataFrame({"colour": ["green", "red"]}))
        {'colour': ['green']}
        """
        found = {
            column.name: column.unseen(series)
            for column, series in self._used(frame)
            if isinstance(column, CategoryColumn)
        }
        return {name: categories for name, categories in found.items() if categories}

    def encode_target(self, frame: pl.DataFrame) -> NDArray[np.int64] | Floats:
        """The target of a table, shape ``(rows,)``: class codes as int64, or standardised numbers as float64.

        Raises:
            DataError: where the column or a value is absent, of another type, or a class unseen in training.
        """
        self._require_columns(frame, (self.target.name,))
        return self.target.encode(values.column(frame, self.target.name))

    def decode_classes(self, codes: ArrayLike) -> NDArray[Any]:
        """The classes of ``codes``, in the same shape; see :meth:`Target.decode_classes`."""
        return self.target.decode_classes(codes)

    def decode_numbers(self, y: ArrayLike) -> Floats:
        """Predictions in the target's own unit, in the same shape; see :meth:`Target.decode_numbers`."""
        return self.target.decode_numbers(y)

    def to_json(self) -> dict[str, Any]:
        """Everything learnt, as JSON can hold it; numbers come back bit for bit."""
        return {
            "rows": self.rows,
            "columns": [column.to_json() for column in self.columns],
            "target": self.target.to_json(),
        }

    @classmethod
    def from_json(cls, record: object) -> TableEncoder:
        """The inverse of :meth:`to_json`.

        Raises:
            ModelFileError: where the record is not one that :meth:`to_json` makes.
        """
        fields = Fields(record, "table encoder")
        places = enumerate(fields.items("columns"), start=1)
        columns = tuple(_column_from(Fields(item, f"table encoder, column {place}")) for place, item in places)
        target = Target.from_fields(Fields(fields.value("target"), "table encoder, target"))
        names = [target.name, *(column.name for column in columns)]
        if len(set(names)) < len(names):
            fields.wrong("columns", "columns of different names, the target not among them")
        if not any(column.features for column in columns):
            fields.wrong("columns", "a list with a column that is used")
        return cls(columns, target, fields.count("rows"))

    def _used(self, frame: pl.DataFrame) -> Iterator[tuple[Column, pl.Series]]:
        """The columns that have features, each with its values in the table."""
        self._require_columns(frame, self.inputs)
        return ((column, values.column(frame, column.name)) for column in self.columns if column.features)

    def _require_columns(self, frame: pl.DataFrame, names: tuple[str, ...]) -> None:
        absent = [name for name in names if name not in frame.columns]
        if not absent:
            return
        spare = [name for name in frame.columns if name not in (*self.inputs, self.target.name)]
        small = {name.lower(): name for name in spare}
        described = []
        for name in absent:
            near = difflib.get_close_matches(name.lower(), small, n=1)
            described.append(f"{name!r} (did you mean {small[near[0]]!r}?)" if near else repr(name))
        noun = "columns" if len(absent) > 1 else "column"
        raise DataError(
            f"the table lacks the {noun} {', '.join(described)}; "
            "name the columns as in the table that the model was trained on"
        )


def _learn_column(series: pl.Series) -> Column:
    kind = values.kind_of(series)
    if series.null_count() == len(series):
        return LeftOutColumn(series.name, "empty", len(series), "no row holds a value")
    if _is_row_number(series):
        return LeftOutColumn.row_numbers(series.name)
    match kind:
        case "number":
            return NumberColumn.learn(series)
        case "date":
            return DateColumn.learn(series)
        case _:
            return CategoryColumn.learn(series)


def may_number_rows(name: str) -> bool:
    """Whether the name of a column says no more than that it numbers the rows."""
    return _INDEX_NAME.fullmatch(name.lower()) is not None


def _is_row_number(series: pl.Series) -> bool:
    """Whether the column holds 0, 1, 2, ... or 1, 2, 3, ... in any order, under a name that says no more than that.

    One without a name is the index that pandas and R write.
    """
    if not series.dtype.is_integer() or series.null_count() or not may_number_rows(series.name):
        return False
    ordered = series.sort()
    return ordered[0] in (0, 1) and bool((ordered.diff().drop_nulls() == 1).all())


def _column_from(fields: Fields) -> Column:
    return _CLASS_OF_KIND[fields.text("kind", _CLASS_OF_KIND)].from_fields(fields)
