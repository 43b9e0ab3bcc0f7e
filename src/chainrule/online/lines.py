"""Lines of text, as they come, to rows of a table; lines that are none are named and left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data import values
from chainrule.data.tables import BYTE_ORDER_MARK, one_line_end
from chainrule.errors import ArgumentError, DataError, require

if TYPE_CHECKING:
    import polars as pl

FORMATS: Final = ("csv", "jsonl")

LONGEST_LINE: Final = 16_000_000
"""Bytes after which what has no line end is taken for something else than lines of text."""

_SHOWN: Final = 40
"""Characters of a bad line in a message."""


@dataclass(frozen=True)
class Skipped:
    """A line that was left out.

    Attributes:
        line: its number, from 1, the header counted.
        problem: why.
    """

    line: int
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"


@dataclass(frozen=True)
class Block:
    """Rows that came together.

    Attributes:
        frame: the rows; every column is text, with missing values as null.
        lines: the number of each row's line.
        skipped: lines that are no rows.
    """

    frame: pl.DataFrame
    lines: NDArray[np.int64]
    skipped: tuple[Skipped, ...] = ()


class LineReader:
    r"""Makes rows of bytes that come in parts cut anywhere. A row is a line: a value holds no line end.

    Args:
        format: ``"csv"`` (values between commas, in quotation marks where they hold one) or ``"jsonl"`` (an object a
            line).
        names: of the columns; by default those of the first line, or the keys of the first object.

    >>> reader = LineReader("csv")
    >>> reader.read(b"size,colour\n3,red\n4,bl").frame.rows()
    [('3', 'red')]
    >>> block = reader.read(b"ue\n5\n")
    >>> block.frame.rows(), [str(skipped) for skipped in block.skipped]
    ([('4', 'blue')], ["line 4: 1 value instead of 2: '5'"])
    """

    def __init__(self, format: str, names: Sequence[str] | None = None) -> None:
        require(format in FORMATS, f"the format of a stream is {' or '.join(FORMATS)}, not {format!r}")
        self._format, self._names = format, None if names is None else _checked(names)
        self._pending, self._done = b"", 0

    def read(self, data: bytes, *, last: bool = False) -> Block | None:
        """The rows that are whole now; ``last`` says that nothing follows. ``None`` before the column names."""
        raw = self._pending + data
        end = len(raw) if last else raw.rfind(b"\n") + 1
        if not end and len(raw) > LONGEST_LINE:
            raise DataError(
                f"line {self._done + 1} does not end within {LONGEST_LINE // 1_000_000} MB: no stream of lines"
            )
        whole, self._pending = raw[:end], raw[end:]
        if self._done == 0:
            whole = whole.removeprefix(BYTE_ORDER_MARK)
        lines = one_line_end(whole).split(b"\n")
        if not lines[-1]:
            lines.pop()
        first, self._done = self._done + 1, self._done + len(lines)
        if self._names is None:
            first, lines = self._begin(first, lines)
        return None if self._names is None else self._block(first, lines)

    def _begin(self, first: int, lines: list[bytes]) -> tuple[int, list[bytes]]:
        """Take the names of the columns from the first line that holds something."""
        place = next((i for i, line in enumerate(lines) if line.strip()), None)
        if place is None:
            return first, []
        found = _fields(lines[place]) if self._format == "csv" else _object(lines[place])
        if isinstance(found, str):
            raise DataError(f"line {first + place}, the first of the stream, gives no column names: {found}")
        self._names = _checked(list(found))
        kept = place + (self._format == "csv")
        return first + kept, lines[kept:]

    def _block(self, first: int, lines: list[bytes]) -> Block:
        numbers = np.arange(first, first + len(lines))
        if self._format == "csv" and (block := self._plain(numbers, lines)):
            return block
        rows: list[list[str | None]] = []
        kept: list[int] = []
        skipped: list[Skipped] = []
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            row = self._row(line)
            if isinstance(row, str):
                skipped.append(Skipped(number, f"{row}: {_shortened(line)}"))
            else:
                rows.append(row)
                kept.append(number)
        return Block(self._frame(list(zip(*rows, strict=True))), np.array(kept, np.int64), tuple(skipped))

    def _plain(self, numbers: NDArray[np.int64], lines: list[bytes]) -> Block | None:
        """Lines of CSV without quotation marks, all of them whole: much faster, and most are so."""
        import polars as pl

        assert self._names is not None
        commas = len(self._names) - 1
        data = b"\n".join(lines)
        if b'"' in data or not lines or not all(line.count(b",") == commas and line.strip() for line in lines):
            return None
        try:
            read = pl.read_csv(data, has_header=False, new_columns=self._names, infer_schema=False, quote_char=None)
        except pl.exceptions.PolarsError:  # such as bytes that are no UTF-8: the lines are looked at one by one
            return None
        return Block(pl.DataFrame([values.stripped(c) for c in read]), numbers) if read.height == len(lines) else None

    def _row(self, line: bytes) -> list[str | None] | str:
        """The values of a line, or what is wrong with it."""
        assert self._names is not None
        if self._format == "csv":
            found = _fields(line)
            if isinstance(found, list) and len(found) != len(self._names):
                return f"{len(found)} value{'s' * (len(found) != 1)} instead of {len(self._names)}"
            return [*found] if isinstance(found, list) else found
        record = _object(line)
        if isinstance(record, str):
            return record
        nested = next((name for name in self._names if isinstance(record.get(name), list | dict)), None)
        return f"{nested!r} is no single value" if nested else [_text(record.get(name)) for name in self._names]

    def _frame(self, columns: Sequence[Sequence[str | None]]) -> pl.DataFrame:
        import polars as pl

        assert self._names is not None
        found = columns or [()] * len(self._names)
        return pl.DataFrame(
            [
                values.stripped(pl.Series(name, column, pl.String))
                for name, column in zip(self._names, found, strict=True)
            ]
        )


def _checked(names: Sequence[str]) -> list[str]:
    names = [name.strip() for name in names]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ArgumentError(f"two columns of the stream are named {twice!r}; give each column a name of its own")
    return names


def _fields(line: bytes) -> list[str] | str:
    """The values of a line of CSV, or what is wrong with it."""
    try:
        (found,) = csv.reader([line.decode()], strict=True)
    except UnicodeDecodeError:
        return "no UTF-8"
    except (csv.Error, ValueError) as error:
        return f"no CSV ({error})"
    return found


def _object(line: bytes) -> dict[str, Any] | str:
    """The object of a line of JSON, or what is wrong with it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no JSON ({error})"
    return found if isinstance(found, dict) else "no JSON object"


def _text(value: Any) -> str | None:
    """A value of JSON as a table in a file would spell it."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _shortened(line: bytes) -> str:
    text = line.decode(errors="replace")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
