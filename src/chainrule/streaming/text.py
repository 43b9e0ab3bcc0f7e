"""CSV and TSV files as chunks: ranges of bytes that begin and end with a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chainrule.data import tables, values
from chainrule.data.pieces import first_record, read_records
from chainrule.errors import DataError
from chainrule.streaming.chunks import Chunk, Stamp, check_names

if TYPE_CHECKING:
    import polars as pl

LEAST_BYTES: Final = 1 << 16
"""Of a chunk, so that reading it pays."""

TEXT_SHARE: Final = 8
"""Text takes so many times less in memory than what a chunk may: it is copied as it is parsed."""


class TextFiles:
    """CSV or TSV files of the same columns as one table; see :class:`chainrule.streaming.chunks.Files`.

    Every value is text, null where it is missing.

    Args:
        paths: the files, in the order of their rows.
        limit: bytes that a chunk takes in memory, at most.

    Raises:
        DataError: where a file is packed, empty, no table, or has other columns than the first.
    """

    spelled = True

    def __init__(self, paths: Sequence[Path], limit: int) -> None:
        self._stamps = {path: Stamp.of(path) for path in paths}
        self._headers = {path: _header(path) for path in paths}
        self._separators = {path: tables.SEPARATORS[tables.extension_of(path)] for path in paths}
        self._bytes = max(limit // TEXT_SHARE, LEAST_BYTES)
        names = {path: self._names(path) for path in paths}
        for path in paths:
            check_names(path, names[path], paths[0], names[paths[0]])
        self.columns = tuple(names[paths[0]])
        self.size = sum(stamp.size for stamp in self._stamps.values())

    def _names(self, path: Path) -> list[str]:
        header, separator = self._headers[path].rstrip(b"\n"), self._separators[path]
        return [text.name for text in tables.text_columns(path, header, separator)]

    def survey(self, columns: Sequence[str]) -> Iterator[tuple[Chunk, pl.DataFrame]]:
        """All chunks in order; what is no table is refused with its line."""
        first = 0
        for path, header in self._headers.items():
            place = 0
            with tables.reading_errors(path), path.open("rb") as stream:
                for found in read_records(path, stream, self._bytes):
                    text = found.text.rstrip(b"\n")
                    if found.start:
                        text = header + text
                    skipped = found.lines - header.count(b"\n") if found.start else 0
                    if len(text) <= len(header):
                        continue
                    frame = self._frame(tables.text_columns(path, text, self._separators[path], skipped), columns)
                    yield Chunk(path, first, place, frame.height, found.start, found.stop), frame
                    first, place = first + frame.height, place + frame.height
            if not place:
                raise DataError(f"{path} holds column names but no rows; leave the file out, or add at least one row")

    def read(self, chunk: Chunk, columns: Sequence[str], numbers: Sequence[str] = ()) -> pl.DataFrame:
        """The rows of a chunk, which were checked before."""
        import polars as pl

        path, separator = chunk.path, self._separators[chunk.path]
        self._stamps[path].check(path)
        with tables.reading_errors(path), path.open("rb") as stream:
            stream.seek(chunk.start)
            text = stream.read(chunk.stop - chunk.start)
        if not chunk.start:
            text = text.removeprefix(tables.BYTE_ORDER_MARK)
        text = tables.one_line_end(text).rstrip(b"\n")
        if chunk.start:
            text = self._headers[path] + text
        typed = dict.fromkeys(numbers, pl.Float64)
        missing = list(values.MISSING)
        try:
            frame = pl.read_csv(
                text, separator=separator, schema_overrides=typed, infer_schema=False, null_values=missing
            )
            if frame.height == chunk.rows:
                frame.columns = [name.strip() for name in frame.columns]
                return self._frame(frame.get_columns(), columns)
        except pl.exceptions.PolarsError:
            pass  # spaces around a number
        return self._frame(tables.text_columns(path, text, separator), columns)

    def _frame(self, found: Sequence[pl.Series], columns: Sequence[str]) -> pl.DataFrame:
        import polars as pl

        by_name = {series.name: series for series in found}
        chosen = [by_name[name] for name in columns]
        return pl.DataFrame([values.stripped(series) if series.dtype == pl.String else series for series in chosen])


def _header(path: Path) -> bytes:
    """The line of column names, with the end of the line."""
    with tables.reading_errors(path), path.open("rb") as stream:
        if stream.peek(2)[:2] == tables.GZIP:
            raise DataError(f"{path} is packed, so that it cannot be read from its middle; unpack it first (gunzip)")
        for found in read_records(path, stream, 1 << 16):
            if found.text.strip(b"\n"):
                return first_record(found.text)
    raise DataError(f"{path} is empty; it needs a line of column names and at least one row")
