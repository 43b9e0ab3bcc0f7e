"""Parquet files as chunks: row groups, parts of them where they are large, several where they are many and small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from chainrule.data import tables, values
from chainrule.errors import ChainruleError, DataError
from chainrule.streaming.chunks import Chunk, Stamp, check_names

if TYPE_CHECKING:
    import polars as pl

EMPTY: Final = "empty"

MANY_GROUPS: Final = 256
"""Row groups of a file beyond which small ones are read together."""

SMALL_BYTES: Final = 1 << 18
"""What row groups that are read together take, at most."""


class ParquetFiles:
    """Parquet files of the same columns as one table; see :class:`chainrule.streaming.chunks.Files`.

    Args:
        paths: the files, in the order of their rows.
        limit: bytes that a chunk takes in memory, at most; larger row groups are read in equal parts.

    Raises:
        DataError: where a file is no Parquet file, has no rows, or other columns or types than the first.
    """

    spelled = False

    def __init__(self, paths: Sequence[Path], limit: int) -> None:
        self._stamps = {path: Stamp.of(path) for path in paths}
        self._names: dict[Path, dict[str, str]] = {}
        self._chunks: list[Chunk] = []
        kinds: dict[str, str] = {}
        for path in paths:
            found = self._look_at(path, limit)
            _compare(path, found, paths[0], kinds or found)
            kinds = {name: found[name] if kind == EMPTY else kind for name, kind in (kinds or found).items()}
        self.columns = tuple(kinds)
        self.size = sum(stamp.size for stamp in self._stamps.values())

    def _look_at(self, path: Path, limit: int) -> dict[str, str]:
        """Note the chunks of a file; returns what kind of values each column holds."""
        import polars as pl

        groups = _row_groups(path)
        with tables.parquet_errors(path):
            schema = pl.scan_parquet(path, glob=False).collect_schema()
        names = tables.checked_names(path, list(schema))
        self._names[path] = dict(zip(names, schema, strict=True))
        place = 0
        first = self._chunks[-1].first + self._chunks[-1].rows if self._chunks else 0
        for rows, size in _joined(groups):
            parts = min(-(-size // limit), max(rows, 1))
            for part in range(parts):
                start, stop = rows * part // parts, rows * (part + 1) // parts
                self._chunks.append(Chunk(path, first + place + start, place + start, stop - start))
            place += rows
        if not place:
            raise DataError(f"{path} holds column names but no rows; leave the file out, or add at least one row")
        return {name: _kind(pl.Series(name, [], schema[own])) for name, own in self._names[path].items()}

    def survey(self, columns: Sequence[str]) -> Iterator[tuple[Chunk, pl.DataFrame]]:
        """All chunks in order."""
        for chunk in self._chunks:
            if chunk.rows:
                yield chunk, self.read(chunk, columns)

    def read(self, chunk: Chunk, columns: Sequence[str], numbers: Sequence[str] = ()) -> pl.DataFrame:
        """The rows of a chunk."""
        import polars as pl

        self._stamps[chunk.path].check(chunk.path)
        names = self._names[chunk.path]
        with tables.parquet_errors(chunk.path):
            part = pl.scan_parquet(chunk.path, glob=False).slice(chunk.place, chunk.rows)
            return part.select(pl.col(names[name]).alias(name) for name in columns).collect(engine="streaming")


def _kind(column: pl.Series) -> str:
    """What kind of values a column holds, in which time zone; those of no type are all missing."""
    import polars as pl

    if column.dtype == pl.Null:
        return EMPTY
    try:
        kind = values.kind_of(column)
    except DataError:  # it may be a column to ignore
        return str(column.dtype)
    zone = getattr(column.dtype, "time_zone", None)
    return f"{kind} ({zone})" if zone else kind


def _row_groups(path: Path) -> list[tuple[int, int]]:
    """Rows of each row group, and the bytes that they take when unpacked."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ChainruleError(
            "a stream of Parquet files needs pyarrow: pip install 'chainrule[streams]', or 'pyarrow'"
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            metadata: Any = file.metadata
            groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
            return [(group.num_rows, group.total_byte_size) for group in groups]
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path} is damaged, or no Parquet file ({reason}); write or fetch it again") from error


def _joined(groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours together where a file has many small groups: each read goes through the whole footer."""
    if len(groups) <= MANY_GROUPS:
        return groups
    joined = groups[:1]
    for rows, size in groups[1:]:
        if joined[-1][1] + size <= SMALL_BYTES:
            joined[-1] = joined[-1][0] + rows, joined[-1][1] + size
        else:
            joined.append((rows, size))
    return joined


def _compare(path: Path, kinds: dict[str, str], first: Path, expected: dict[str, str]) -> None:
    """Refuse a file of other columns than the first one."""
    check_names(path, kinds, first, expected)
    for name, kind in kinds.items():
        if EMPTY not in (kind, expected[name]) and kind != expected[name]:
            raise DataError(
                f"{path}: column {name!r} holds values of the kind {kind}, in {first} of the kind {expected[name]}; "
                "write all files with the same types"
            )
