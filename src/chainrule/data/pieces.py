"""Reads a table of any size a piece at a time: memory depends on the pieces, not on the file."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, cast

from chainrule.data import tables, values
from chainrule.errors import DataError

if TYPE_CHECKING:
    import polars as pl

ROWS: Final = 65_536
"""Rows of a piece of a Parquet file."""

BYTES: Final = 8_000_000
"""Bytes of a piece of text, about."""

LONGEST_RECORD: Final = 64_000_000
"""Bytes after which a record that does not end is taken for one whose quotation mark was never closed."""

STDIN: Final = "-"


@dataclass(frozen=True)
class Piece:
    """Some rows of a table.

    Attributes:
        frame: the rows; columns of text files are text, with missing values as null.
        done: the share of the file that was read with it, where its size is known.
    """

    frame: pl.DataFrame
    done: float | None


def read_pieces(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> Iterator[Piece]:
    r"""The rows of a CSV, TSV (both may be gzipped) or Parquet file, in order, a piece at a time.

    Args:
        path: the file; its extension tells the format. ``-`` is CSV (gzipped or not) on standard input.
        columns: those to keep; all by default, and where one of these is absent.

    Raises:
        DataError: where the file is missing, damaged, empty or no table; lines are those of the file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "shapes.csv")
    ...     _ = path.write_text("sides,name\n3,triangle\nNA,circle\n")
    ...     [piece.frame.rows() for piece in read_pieces(path)]
    [[('3', 'triangle'), (None, 'circle')]]
    """
    source = Path(path)
    kind = ".csv" if str(path) == STDIN else tables.extension_of(source)
    empty = True
    for piece in _parquet(source, columns) if kind == ".parquet" else _text(source, tables.SEPARATORS[kind], columns):
        if piece.frame.height:
            empty = False
            yield piece
    if empty:
        raise DataError(f"{path} holds column names but no rows; add at least one row")


def _kept(names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    return list(names) if columns is None or set(columns) - set(names) else list(columns)


def _parquet(path: Path, columns: Sequence[str] | None) -> Iterator[Piece]:
    import polars as pl

    with tables.parquet_errors(path):
        scan = pl.scan_parquet(path, glob=False)
        names = tables.checked_names(path, scan.collect_schema().names())
        total = int(scan.select(pl.len()).collect().item())
        done = 0
        scan = scan.rename(dict(zip(scan.collect_schema().names(), names, strict=True))).select(_kept(names, columns))
        for frame in scan.collect_batches(chunk_size=ROWS, maintain_order=True):
            done += frame.height
            yield Piece(frame, done / max(total, 1))


def _text(path: Path, separator: str, columns: Sequence[str] | None) -> Iterator[Piece]:
    import polars as pl

    header, held = b"", 0
    with _opened(path) as (stream, done):
        for found in read_records(path, stream, BYTES):
            lines, data = found.lines, b"\n" * held + found.text
            whole = data.rstrip(b"\n")
            skipped = lines - held - header.count(b"\n")
            # In a table of one column an empty line is a missing value, but not at the end of the file.
            held = len(data) - len(whole)
            if not whole:
                continue
            texts = {text.name: text for text in tables.text_columns(path, header + whole, separator, skipped)}
            header = header or first_record(whole)
            frame = pl.DataFrame([values.stripped(texts[name]) for name in _kept(list(texts), columns)])
            yield Piece(frame, done())
            held = max(0, held - 1)
    if not header:
        tables.text_columns(path, b"", separator)  # says that the file is empty


def first_record(data: bytes) -> bytes:
    """The line of column names, with what precedes it."""
    start = len(data) - len(data.lstrip(b"\n"))
    end = data.find(b"\n", start)
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end + 1)
    return data[start:end] + b"\n" if end >= 0 else data[start:] + b"\n"


class Records(NamedTuple):
    """Whole records of a text file, as UTF-8 whose lines end in line feeds; where they begin and end in the file."""

    text: bytes
    lines: int
    """Lines of the file before them."""
    start: int
    """Bytes of the file, unpacked, before them."""
    stop: int
    """Bytes of the file, unpacked, up to their end."""


def read_records(path: Path, stream: IO[bytes], size: int) -> Iterator[Records]:
    """The records of a file, about so many bytes at a time."""
    pending, lines, start = b"", 0, 0
    while True:
        block = _read(path, stream, max(size, len(pending)))  # a row that does not end is not looked at too often
        raw = pending + block
        end = _end_of_records(raw) if block else len(raw)
        if not end and len(raw) > LONGEST_RECORD:
            raise DataError(
                f"{path}, line {lines + 1}: no end of this row within {LONGEST_RECORD // 1_000_000} MB; "
                "check the quotation marks from this line on"
            )
        tables.check_encoding(path, raw[:end], lines, start)
        records, pending = raw[:end], raw[end:]
        text = tables.one_line_end(records if start else records.removeprefix(tables.BYTE_ORDER_MARK))
        if text or not (block or start):
            yield Records(text, lines, start, start + len(records))
        if not block:
            return
        start += end
        lines += text.count(b"\n")


def _end_of_records(raw: bytes) -> int:
    """The place after the last line end that is not inside quotation marks; 0 where there is none."""
    line_end = b"\n" if b"\n" in raw else b"\r"
    end, stop, inside = raw.rfind(line_end), len(raw), raw.count(b'"')
    while end >= 0:
        inside -= raw.count(b'"', end, stop)
        if inside % 2 == 0:
            return end + 1
        end, stop = raw.rfind(line_end, 0, end), end
    return 0


def _read(path: Path, stream: IO[bytes], size: int) -> bytes:
    with tables.reading_errors(path):
        return stream.read(size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Callable[[], float | None]]]:
    """The bytes of a file or of standard input, unpacked, and a function that says which share of it was read."""
    piped = str(path) == STDIN
    with tables.reading_errors(path):
        raw = io.FileIO(sys.stdin.fileno(), closefd=False) if piped else io.FileIO(path)
        size = 0 if piped else path.stat().st_size
    with io.BufferedReader(raw) as source:
        packed = source.peek(2)[:2] == tables.GZIP
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=source) if packed else source)
        yield stream, lambda: source.tell() / size if size else None
