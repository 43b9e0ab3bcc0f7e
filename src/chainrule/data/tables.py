"""Reads a table from a file, and says in one line what is wrong with it when it cannot.

Everything in a text file is read as text first and then given the narrowest type that holds the *whole*
column, so that a value late in the file cannot contradict a guess made from its beginning.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chainrule.data import values
from chainrule.errors import DataError

if TYPE_CHECKING:
    import _csv

    import polars as pl

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
GZIP: Final = b"\x1f\x8b"
SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
_KNOWN: Final = ".csv, .tsv, .csv.gz, .tsv.gz and .parquet"


def read_table(path: str | os.PathLike[str], *, as_text: Collection[str] = ()) -> pl.DataFrame:
    r"""Read a table from a CSV, TSV (both may be gzipped) or Parquet file.

    Names are those of the file, without surrounding spaces and byte-order mark. In text files the spellings
    in :data:`chainrule.data.MISSING` are missing values, and lines that hold nothing are skipped (in a table
    of one column they are missing values). Line ends inside quotes become line feeds. Dates are recognised as
    year-month-day, with or without a time.

    Args:
        path: the file; its extension tells the format.
        as_text: columns of a text file to leave as text, even where all values are numbers. To predict for a
            file whose column happens to hold numbers only, pass what the encoder learnt as text:
            ``TableEncoder.text_columns``.

    Returns:
        A frame of at least one row.

    Raises:
        DataError: where the file is missing, damaged, empty, or no table.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "shapes.csv")
    ...     _ = path.write_text("sides, name\n3, triangle\nNA, circle\n")
    ...     read_table(path).rows()
    [(3, 'triangle'), (None, 'circle')]
    """
    path = Path(path)
    extension = extension_of(path)
    frame = _read_parquet(path) if extension == ".parquet" else _read_text(path, SEPARATORS[extension], as_text)
    if frame.is_empty():
        raise DataError(f"{path} holds column names but no rows; add at least one row")
    return frame


def extension_of(path: Path) -> str:
    """The ending that tells a file's format: ``.csv``, ``.tsv`` or ``.parquet``.

    Raises:
        DataError: where there is no such file, or its ending is another one.
    """
    with reading_errors(path):
        folder, there = path.is_dir(), path.exists()
    if folder:
        raise DataError(f"{path} is a folder; give the file with the table, such as {path / 'table.csv'}")
    if not there:
        raise DataError(f"{path} does not exist; check the spelling, or the folder you are in ({Path.cwd()})")
    extension = path.suffixes[-2] if path.suffix.lower() == ".gz" and len(path.suffixes) > 1 else path.suffix
    if extension.lower() not in SEPARATORS and path.suffix.lower() != ".parquet":
        raise DataError(f"{path} has the unknown extension {path.suffix!r}; known are {_KNOWN}")
    return extension.lower()


def _read_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    with parquet_errors(path):
        frame = pl.read_parquet(path, glob=False)
    frame.columns = checked_names(path, frame.columns)
    return frame


@contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """What goes wrong with a Parquet file, as :class:`DataError`."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(
            f"{path} is damaged, or no Parquet file ({_first_line(error)}); write or fetch it again"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _read_text(path: Path, separator: str, as_text: Collection[str]) -> pl.DataFrame:
    import polars as pl

    columns = text_columns(path, _bytes(path), separator)
    return pl.DataFrame([values.stripped(text) if text.name in as_text else values.typed(text) for text in columns])


def text_columns(path: Path, data: bytes, separator: str, skipped: int = 0) -> list[pl.Series]:
    """The columns of CSV text as they are written, under their names; blank lines are left out.

    Args:
        path: for messages.
        data: with the header, lines ending in line feeds.
        separator: between values.
        skipped: lines of the file that are missing after the header, for messages.

    Raises:
        DataError: where the text is no table.
    """
    import polars as pl

    header, holds_values = _check_records(path, data, separator, skipped)
    names = checked_names(path, header)
    try:
        raw = pl.read_csv(data, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _misquoted(path, _first_line(error)) from error
    if raw.height != len(holds_values):  # never seen; but a table read askew must not pass
        raise _misquoted(path, f"expected {len(holds_values)} rows, found {raw.height}")
    if len(names) > 1 and not all(holds_values):
        raw = raw.filter(pl.Series(holds_values))
    return [series.alias(name) for series, name in zip(raw, names, strict=True)]


def _bytes(path: Path) -> bytes:
    """The file as UTF-8, unpacked, its lines ending in one way, without byte-order mark."""
    with reading_errors(path):
        data = path.read_bytes()
        if data[:2] == GZIP:
            data = gzip.decompress(data)
    check_encoding(path, data)
    return one_line_end(data.removeprefix(BYTE_ORDER_MARK)).rstrip(b"\n")


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """What goes wrong with the bytes of a file, as :class:`DataError`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged gzip data ({_first_line(error)}); fetch or pack it again") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def check_encoding(path: Path, data: bytes, lines: int = 0, start: int = 0) -> None:
    """Refuse what is not UTF-8; ``lines`` and ``start`` count lines and bytes of the file before ``data``."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + lines + 1
        raise DataError(
            f"{path}, line {line}: byte {start + error.start + 1} of the file ({data[error.start]:#04x}) "
            "is not UTF-8; save the table with the encoding UTF-8"
        ) from error


def one_line_end(data: bytes) -> bytes:
    """Text whose lines all end in line feeds, so that polars, the csv module and line numbers of messages agree."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _check_records(path: Path, data: bytes, separator: str, skipped: int) -> tuple[list[str], list[bool]]:
    """The header, and for each row whether it holds anything; refuses rows of another width."""
    records = _records(path, data, separator, skipped)
    if not any(found for _, found in records):  # stops at the header
        raise DataError(f"{path} is empty; it needs a line of column names and at least one row")
    header = next(record for record in _reader(data, separator) if record)
    if len(header) == 1 and (other := next((s for s in ";\t,|" if s in header[0]), None)):
        raise DataError(
            f"{path} has one column, named {header[0]!r}: its values seem to be separated by {other!r}; "
            f"save the table with {separator!r} between values"
        )
    holds_values = []
    for line, found in records:
        holds_values.append(found > 0)
        if found not in (0, len(header)):
            raise DataError(
                f"{path}, line {line}: expected {len(header)} values as in the header, found {found}; "
                "complete this line, or put values that hold the separator in quotes"
            )
    return header, holds_values


def _records(path: Path, data: bytes, separator: str, skipped: int) -> Iterator[tuple[int, int]]:
    """Line number and number of values of each record; 0 values for a line that holds nothing."""
    if b'"' not in data:  # twenty times faster, and most files are so
        mark = separator.encode()
        for line, content in enumerate(data.split(b"\n"), start=1):
            yield line + skipped, content.count(mark) + 1 if content.strip(b" ") else 0
        return
    reader = _reader(data, separator)
    try:
        for record in reader:
            yield reader.line_num + skipped, len(record) if len(record) > 1 or "".join(record).strip() else 0
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num + skipped}: {error}; check the quotation marks up to this line"
        ) from error


def _reader(data: bytes, separator: str) -> _csv.Reader:
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8", newline="")
    return csv.reader(text, delimiter=separator, strict=True)


def checked_names(path: Path, header: Sequence[str]) -> list[str]:
    """The column names without surrounding spaces; no two may be equal."""
    names = [name.strip() for name in header]
    first: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in first:
            raise DataError(
                f"{path}: columns {first[name]} and {place} are both named {name!r}; give each column a name of its own"
            )
        first[name] = place
    return names


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _misquoted(path: Path, problem: str) -> DataError:
    return DataError(
        f"{path} is no well-formed table ({problem}); "
        'put values that hold a quotation mark in quotes and double it: "5"" pipe"'
    )


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read ({error.strerror or error}); check that you may read it")
