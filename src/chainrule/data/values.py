"""What the values of a column are: text read as a type, and a column read as one kind of value.

The first half turns text into the narrowest type that holds all of it (a table read from CSV is text). The
second half reads a column as numbers, labels or days, whatever its type, and names the row of the first value
that is not one. Rows are counted from 1, without the header.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import CellError, DataError

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Kind = Literal["number", "boolean", "category", "date"]

MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
"""Spellings that mean "no value here" in a text file."""

# Only year-month-day: 01/02/2020 is two different days to two readers, so it stays text.
_DATE: Final = "%Y-%m-%d"
_DATETIMES: Final = (f"{_DATE}T%H:%M:%S%.f", f"{_DATE}T%H:%M", f"{_DATE}T%H:%M:%S%.f%#z")
_MICROSECONDS_PER_DAY: Final = 86_400e6


# ---------------------------------------------------------------- text to the type that it spells


def typed(text: pl.Series) -> pl.Series:
    """The column of ``text`` in the narrowest type that holds each of its values.

    Types are tried in the order whole number, number, boolean, date, date with time; text stays text.
    Surrounding spaces are dropped, and the spellings in :data:`MISSING` become null.

    >>> import polars as pl
    >>> typed(pl.Series(["1", " 2", "?"])).to_list()
    [1, 2, None]
    >>> typed(pl.Series(["1", "two"])).to_list()
    ['1', 'two']
    """
    text = stripped(text)
    first = text.drop_nulls().head(1)
    if first.is_empty():
        return text
    for parse in (_whole_numbers, _numbers, _booleans, _dates):
        if parse(first).null_count():  # most columns are refused by their first value, at no cost
            continue
        parsed = parse(text)
        if parsed.null_count() == text.null_count():
            return parsed
    return text


def stripped(text: pl.Series) -> pl.Series:
    """``text`` without surrounding spaces, null where it spells a missing value."""
    return text.str.strip_chars().replace(list(MISSING), None)


def _whole_numbers(text: pl.Series) -> pl.Series:
    import polars as pl

    return text.cast(pl.Int64, strict=False)


def _numbers(text: pl.Series) -> pl.Series:
    import polars as pl

    return text.cast(pl.Float64, strict=False)


def _booleans(text: pl.Series) -> pl.Series:
    import polars as pl

    truths = {"true": True, "false": False}
    return text.str.to_lowercase().replace_strict(truths, default=None, return_dtype=pl.Boolean)


def _dates(text: pl.Series) -> pl.Series:
    parsed = text.str.to_date(_DATE, strict=False)
    if parsed.null_count() == text.null_count():
        return parsed
    with_time = text.str.replace(" ", "T", literal=True)
    attempts = [parsed, *(with_time.str.to_datetime(form, strict=False) for form in _DATETIMES)]
    return min(attempts, key=lambda attempt: attempt.null_count())


# ---------------------------------------------------------------- a column as one kind of value


def column(frame: pl.DataFrame, name: str) -> pl.Series:
    """The column ``name`` with every missing value as null (floats may hold NaN instead, texts nothing)."""
    import polars as pl

    series = frame[name]
    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype == pl.String:
        return series.replace("", None)
    return series.fill_nan(None) if series.dtype.is_float() else series


def kind_of(series: pl.Series) -> Kind:
    """How the column's type is treated.

    >>> import polars as pl
    >>> kind_of(pl.Series([1, 2])), kind_of(pl.Series(["a"]))
    ('number', 'category')

    Raises:
        DataError: for types that have no encoding, such as lists.
    """
    import polars as pl

    dtype = series.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return "category"
    raise DataError(
        f"column {series.name!r} holds values of type {dtype}, which have no encoding; "
        "leave the column out, or turn it into numbers, text, booleans or dates"
    )


def refuse(series: pl.Series, bad: NDArray[np.bool_], problem: str) -> None:
    """Raise :class:`CellError` for the first row of the column that is ``bad``, if one is.

    >>> import polars as pl
    >>> refuse(pl.Series("age", ["31", "abc"]), np.array([False, True]), "is not a number")
    Traceback (most recent call last):
    chainrule.errors.CellError: column 'age', row 2: 'abc' is not a number
    """
    if bad.any():
        row = int(bad.argmax())
        raise CellError(series.name, row + 1, f"{spelled(series[row])} {problem}")


def spelled(value: object) -> str:
    """A value as a message shows it: text in quotes and shortened, everything else plain."""
    return reprlib.repr(value) if isinstance(value, str) else str(value)


def numbers(series: pl.Series, since: str = "") -> Floats:
    """The column as float64, shape ``(rows,)``, with NaN where a value is missing.

    Args:
        series: numbers, or text that spells numbers.
        since: why numbers are expected; ends the message.

    Raises:
        DataError: for the first value that is not a finite number.
    """
    import polars as pl

    match kind_of(series):
        case "number":
            parsed = series.cast(pl.Float64)
        case "category":
            parsed = _numbers(stripped(text(series)))
            refuse(series, _lost(series, parsed), f"is not a number{since}")
        case _:
            refuse(series, series.is_not_null().to_numpy(), f"is not a number{since}")
            parsed = series.cast(pl.Float64)
    values = parsed.fill_null(np.nan).to_numpy()
    refuse(series, np.isinf(values), "is not finite; remove this row, or leave the value empty if it is unknown")
    return values


def refuse_nearly_numbers(series: pl.Series) -> None:
    """Raise :class:`DataError` for text of which all but a few values (1 of 20) are numbers.

    One slip of the pen would make a category of each number, or an identifier of the column.
    """
    bad = not_numbers(series)
    present = len(series) - stripped(text(series)).null_count()
    if 0 < bad.sum() <= present / 20:
        others = f"the other {present - bad.sum()} values are numbers" if bad.sum() == 1 else "nearly all others are"
        refuse(series, bad, f"is not a number, though {others}; correct it, or leave the cell empty if it is unknown")


def not_numbers(series: pl.Series) -> NDArray[np.bool_]:
    """Where text neither spells a number nor a missing value, shape ``(rows,)``."""
    return _lost(series, _numbers(stripped(text(series))))


def text(series: pl.Series) -> pl.Series:
    """The column as text, null where a value is missing."""
    import polars as pl

    kind_of(series)
    return series.cast(pl.String)


def recognised(series: pl.Series, known: Collection[str]) -> pl.Series:
    """The column as text: one of the ``known`` texts as it is, every other as a file would have it read.

    >>> import polars as pl
    >>> recognised(pl.Series(["?", " b", "NA"]), ["?", "b"]).to_list()
    ['?', 'b', None]
    """
    written = text(series)
    return written.zip_with(written.is_in(list(known)), stripped(written))


def truths(series: pl.Series, since: str = "") -> pl.Series:
    """The column as the texts ``true`` and ``false``, null where a value is missing.

    Args:
        series: booleans, or text that spells them in capitals or small letters.
        since: why booleans are expected; ends the message.

    Raises:
        DataError: for the first value that is not a boolean.
    """
    import polars as pl

    parsed = _booleans(stripped(text(series)))
    refuse(series, _lost(series, parsed), f"is not true or false{since}")
    return parsed.cast(pl.String)


def dates(series: pl.Series, since: str = "") -> pl.Series:
    """The column as dates or datetimes, null where a value is missing.

    Args:
        series: dates, datetimes, or text that spells them as year-month-day.
        since: why dates are expected; ends the message.

    Raises:
        DataError: for the first value that is not a date.
    """
    import polars as pl

    match kind_of(series):
        case "date":
            return series
        case "category":
            parsed = _dates(stripped(text(series)))
            refuse(series, _lost(series, parsed), f"is not a date such as 2024-12-31{since}")
            return parsed
        case _:
            refuse(series, series.is_not_null().to_numpy(), f"is not a date{since}")
            return series.cast(pl.Date)


def day_numbers(moments: pl.Series) -> Floats:
    """Days since 1970-01-01 as float64, with NaN where a date is missing; the time of day is the fraction.

    >>> import polars as pl
    >>> from datetime import datetime
    >>> day_numbers(pl.Series([datetime(1970, 1, 2, 12), None])).tolist()
    [1.5, nan]
    """
    import polars as pl

    microseconds: Floats = moments.dt.epoch("us").cast(pl.Float64).fill_null(np.nan).to_numpy()
    return microseconds / _MICROSECONDS_PER_DAY


def _lost(series: pl.Series, parsed: pl.Series) -> NDArray[np.bool_]:
    """Where a value was present, is no spelling of a missing one, and could not be parsed."""
    import polars as pl

    return (parsed.is_null() & stripped(series.cast(pl.String)).is_not_null()).to_numpy()
