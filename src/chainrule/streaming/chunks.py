"""Tables on disk as chunks: parts of files that can be read each by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chainrule.errors import DataError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one file.

    Attributes:
        path: the file.
        first: the number of its first row among all rows of the table, from 0.
        place: the number of its first row among those of the file, from 0.
        rows: how many.
        start: the byte at which it begins, in text.
        stop: the byte after its last, in text.
    """

    path: Path
    first: int
    place: int
    rows: int
    start: int = 0
    stop: int = 0


class Files(Protocol):
    """The files of one table.

    Attributes:
        spelled: whether all values are text, whatever they are.
    """

    spelled: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, in the order of the first file."""
        ...

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        ...

    def survey(self, columns: Sequence[str]) -> Iterator[tuple[Chunk, pl.DataFrame]]:
        """All chunks in order, read and checked."""
        ...

    def read(self, chunk: Chunk, columns: Sequence[str], numbers: Sequence[str] = ()) -> pl.DataFrame:
        """The rows of a chunk that :meth:`survey` gave.

        Args:
            chunk: which.
            columns: to read.
            numbers: those of them in which the survey found numbers alone.
        """
        ...


@dataclass(frozen=True)
class Stamp:
    """What a file was like when it was first read."""

    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file as it is now."""
        try:
            found = path.stat()
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{path} cannot be read ({reason}); keep it there while it is learnt from") from error
        return cls(found.st_size, found.st_mtime_ns)

    def check(self, path: Path) -> None:
        """Raise :class:`DataError` if the file is another one by now."""
        if Stamp.of(path) != self:
            raise DataError(f"{path} changed while it was learnt from; leave it as it is until training has ended")


def check_names(path: Path, names: Iterable[str], first: Path, expected: Iterable[str]) -> None:
    """Refuse a file with other columns than the first one; their order is free."""
    have, want = list(names), list(expected)
    absent = [name for name in want if name not in have]
    more = [name for name in have if name not in want]
    if absent or more:
        problem = f"lacks the column {absent[0]!r}" if absent else f"has the column {more[0]!r}"
        raise DataError(f"{path} {problem}, unlike {first}; all files of a table need the same columns")
