"""``cr.Stream``: a table on disk, to be learnt from without ever being in memory as a whole."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import TableEncoder, Task, tables
from chainrule.errors import ArgumentError, DataError, require, whole_number
from chainrule.show.numbers import counted
from chainrule.streaming.chunks import Files
from chainrule.streaming.learning import survey
from chainrule.streaming.memory import Memory
from chainrule.streaming.parquet import ParquetFiles
from chainrule.streaming.quality import Mixing, between_chunks
from chainrule.streaming.survey import Drawn, Survey
from chainrule.streaming.text import TextFiles
from chainrule.streaming.windows import StreamedRows

Place = str | os.PathLike[str]

WATCHED: Final = 0.2
"""The share of the rows that are not held out by which training is watched, before it is halved."""

_ENDINGS: Final = (".parquet", ".csv", ".tsv")
_PACKED: Final = (".csv.gz", ".tsv.gz")
"""They are refused with the remedy, not passed over."""


class Stream:
    """A table on disk that need not fit into memory: Parquet, CSV or TSV files of the same columns.

    It goes to :meth:`chainrule.tabular.TableModel.train` in the place of a frame. For a network of your own,
    :meth:`learn` gives rows for :meth:`chainrule.Network.fit`.

    Args:
        source: a file, a folder of files, a pattern such as ``"folder/*.parquet"``, or a list of files. Rows count in
            the order of the files' names.
        memory: what it may take, such as ``"500MB"`` (the default) or a number of bytes. Which rows are mixed with
            each other depends on it.

    Raises:
        DataError: where there is no such file, files differ in their columns or types, or one is damaged or empty.

    >>> import tempfile, polars as pl
    >>> folder = tempfile.TemporaryDirectory()
    >>> table = pl.DataFrame({"x": [i / 500 for i in range(1000)]}).with_columns(y=pl.col("x") * 3)
    >>> table.write_parquet(folder.name + "/rows.parquet", row_group_size=100)
    >>> learnt = Stream(folder.name).learn("y")
    >>> learnt.encoder.feature_names, learnt.survey.rows
    (('x',), 1000)
    >>> folder.cleanup()
    """

    def __init__(self, source: Place | Sequence[Place], *, memory: str | int | None = None) -> None:
        self.source, self.memory = source, Memory.of(memory)
        self.paths = _paths(source)

    def __repr__(self) -> str:
        return f"Stream({self.source!r}, memory={self.memory.bytes})"

    def to_json(self) -> dict[str, Any]:
        """What makes the same stream again, as JSON can hold it."""
        one = isinstance(self.source, str | os.PathLike)
        return {"source": str(self.source) if one else [str(p) for p in self.paths], "memory": self.memory.bytes}

    @cached_property
    def files(self) -> Files:
        """The files, looked at."""
        kinds = {tables.extension_of(path) for path in self.paths}
        if len(kinds) > 1:
            raise DataError(f"{self.source} has files of the kinds {', '.join(sorted(kinds))}; a table needs one kind")
        reader = ParquetFiles if kinds == {".parquet"} else TextFiles
        return reader(self.paths, self.memory.chunk)

    def learn(
        self,
        target: str,
        *,
        task: Literal["auto"] | Task = "auto",
        held_out: float = 0.2,
        ignore: Sequence[str] = (),
        skip_unlabelled: bool = False,
        seed: int = 0,
    ) -> StreamedTable:
        """Read all rows once, and learn of the columns what there is to learn.

        Args:
            target: the column to predict.
            task: ``"classification"``, ``"regression"``, or ``"auto"``.
            held_out: the share of the rows to judge a model by, 25,000 or so at most.
            ignore: columns to leave out.
            skip_unlabelled: whether rows without a target are left out; otherwise they are an error.
            seed: decides which rows are held out.

        Raises:
            DataError: where the table cannot be learnt from as it is; says in which file, column and row.
        """
        require(0 < held_out < 1, f"held_out is a share of the rows between 0 and 1, not {held_out!r}")
        aside = held_out + WATCHED * (1 - held_out)
        found = survey(
            self.files,
            target,
            task=task,
            ignore=ignore,
            aside=aside,
            skip_unlabelled=skip_unlabelled,
            seed=whole_number("the seed", seed, 0),
            most_bytes=self.memory.drawn,
        )
        held = found.aside.lots < found.share * (held_out / aside)
        learnt = StreamedTable(
            StreamedRows(self.files, found, self.memory.windows), found, found.aside[held], found.aside[~held]
        )
        if not (len(learnt.held.numbers) and len(learnt.watched.numbers) and learnt.rows.rows):
            raise DataError(
                f"{self.source} has {counted(found.rows, 'row')}, too few for a stream; read it into memory"
            )
        return learnt


@dataclass(frozen=True)
class StreamedTable:
    """A stream of which the columns are known.

    Attributes:
        rows: those to learn from, for :meth:`chainrule.Network.fit` in the place of ``X`` and ``y``.
        survey: what was found in the files.
        held: rows to judge a model by.
        watched: rows by which training is watched.
    """

    rows: StreamedRows
    survey: Survey
    held: Drawn
    watched: Drawn

    @property
    def encoder(self) -> TableEncoder:
        """What was learnt of the columns."""
        return self.survey.encoder

    @cached_property
    def validation(self) -> tuple[NDArray[np.float32], NDArray[np.int64] | NDArray[np.float64]]:
        """The rows by which training is watched, as ``fit`` takes them."""
        frame = self.watched.frame
        return self.encoder.encode(frame), self.encoder.encode_target(frame)

    @cached_property
    def between(self) -> float:
        """The share of the target's variance that lies between chunks."""
        found, firsts = self.survey.sample, [chunk.first for chunk in self.survey.chunks]
        target = self.encoder.encode_target(found.frame)
        return between_chunks(np.searchsorted(firsts, found.numbers, "right"), target)

    def mixing(self, mixed: int, batch_size: int) -> Mixing:
        """What to expect of batches, where so many chunks are mixed at a time."""
        return Mixing(int((self.survey.rows_to_learn > 0).sum()), mixed, batch_size, self.between)


def _paths(source: Place | Sequence[Place]) -> list[Path]:
    """The files that are meant, in order."""
    if not isinstance(source, str | os.PathLike):
        found = [Path(place) for place in source]
        if not found:
            raise ArgumentError("a stream needs at least one file")
        if twice := [path for path in found if found.count(path) > 1]:
            raise ArgumentError(f"{twice[0]} is given twice; give each file once")
        return found
    path = Path(source)
    with tables.reading_errors(path):
        return _paths_at(path, str(source))


def _paths_at(path: Path, pattern: str) -> list[Path]:
    """The files at a place, or of a pattern."""
    if path.is_dir():
        endings = (*_ENDINGS, *_PACKED)
        found = sorted(
            p for p in path.iterdir() if p.name.lower().endswith(endings) and not p.name.startswith((".", "_"))
        )
        if not found:
            raise DataError(f"the folder {path} holds no file that ends in {', '.join(_ENDINGS)}; name another one")
        return found
    if glob.has_magic(pattern) and not path.exists():
        found = sorted(map(Path, glob.glob(pattern, recursive=True)))
        if not found:
            raise DataError(
                f"no file is named like {pattern}; check the pattern, or the folder you are in ({Path.cwd()})"
            )
        return found
    return [path]
