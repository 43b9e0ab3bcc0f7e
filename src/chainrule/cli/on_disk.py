"""Options for tables that need not fit into memory, and when a table is read as a stream unasked."""

from __future__ import annotations

from collections.abc import Callable
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from chainrule.streaming import Stream

SHARE: Final = 4
"""A file larger than the free memory divided by this is read as a stream: in memory it takes several times as much."""


def from_disk(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whether rows stay on disk, for :func:`stream_of`."""
    for option in (
        click.option("--memory", metavar="SIZE", help="What a stream may take, such as 2GB.  [default: 500MB]"),
        click.option(
            "--stream",
            "on_disk",
            is_flag=True,
            help="Leave the rows on disk and read them while learning; DATA may be a folder of files, or a pattern "
            "such as 'rows/*.parquet'. Done unasked for patterns, and files larger than a quarter of the free memory.",
        ),
    ):
        command = option(command)
    return command


def stream_of(data: Path, memory: str | None, *, asked: bool) -> Stream | None:
    """The table as a stream, where it is to be one; says so on stderr where nobody asked."""
    from chainrule.errors import DataError
    from chainrule.show.numbers import bytes_text
    from chainrule.streaming import Stream, available

    pattern = has_magic(str(data)) and not data.exists()
    if not (asked or memory is not None or pattern):
        if data.is_dir():
            raise DataError(
                f"{data} is a folder; give the file with the table, or learn from all of its files: --stream"
            )
        size = data.stat().st_size if data.is_file() else 0
        free = available()
        if size <= free / SHARE:
            return None
        click.echo(
            f"{data} ({bytes_text(size)}) is larger than a quarter of the memory that is free ({bytes_text(free)}): "
            "it is read as a stream.",
            err=True,
        )
    return Stream(data, memory=memory)


def described(stream: Stream) -> dict[str, Any]:
    """What is kept of a stream's files, as JSON can hold it: not what they hold, which would be read once more."""
    return {"files": [path.name for path in stream.paths], "bytes": stream.files.size}
