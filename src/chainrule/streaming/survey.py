"""What one pass over a table has found, and the rows that were drawn from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data import TableEncoder
from chainrule.streaming.chunks import Chunk

if TYPE_CHECKING:
    import polars as pl

MOST_PARTS: Final = 64
"""Parts in which a frame may lie in memory before it is put together."""


@dataclass(frozen=True)
class Drawn:
    """Rows that were drawn at random.

    Attributes:
        frame: the rows, in the order of the table.
        numbers: their places in the table.
        lots: the number of each, in [0, 1).
    """

    frame: pl.DataFrame
    numbers: NDArray[np.int64]
    lots: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Drawn:
        import polars as pl

        return Drawn(self.frame.filter(pl.Series(chosen)), self.numbers[chosen], self.lots[chosen])

    def __add__(self, other: Drawn) -> Drawn:
        import polars as pl

        numbers, found = (np.concatenate([getattr(d, n) for d in (self, other)]) for n in ("numbers", "lots"))
        frame = pl.concat([self.frame, _copied(other.frame)], how="vertical_relaxed")
        return Drawn(_copied(frame) if frame.n_chunks() > MOST_PARTS else frame, numbers, found)


def _copied(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in memory of their own: text that was drawn keeps all the text in memory that it was drawn from."""
    import polars as pl

    return frame.rechunk().with_columns(pl.col(pl.String) + "")


@dataclass(frozen=True)
class Survey:
    """What one pass over a table has found.

    Attributes:
        encoder: what was learnt of the columns, from the rows to learn from.
        chunks: the parts of the table, in order.
        unlabelled: for each chunk which rows have no target, as bits; nothing where all have one.
        aside: rows that are not learnt from.
        share: that of the rows which are put aside.
        sample: rows to learn from, drawn at random.
    """

    encoder: TableEncoder
    chunks: tuple[Chunk, ...]
    unlabelled: tuple[NDArray[np.uint8] | None, ...]
    aside: Drawn
    share: float
    sample: Drawn

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.chunks[-1].first + self.chunks[-1].rows

    @cached_property
    def without_target(self) -> int:
        """How many rows have no target."""
        return sum(int(np.unpackbits(bits).sum()) for bits in self.unlabelled if bits is not None)

    @property
    def sampled(self) -> bool:
        """Whether there are rows to learn from that are not in the sample."""
        return len(self.sample.numbers) < self.encoder.rows

    @cached_property
    def fingerprint(self) -> str:
        """Tells tables apart: by what was learnt of them, and by the rows of their chunks."""
        rows = [(chunk.path.name, chunk.rows) for chunk in self.chunks]
        return sha256(json.dumps([self.encoder.to_json(), rows]).encode()).hexdigest()[:16]

    def to_learn(self, number: int) -> NDArray[np.int64]:
        """The rows of a chunk to learn from, by their places in it."""
        chunk, bits = self.chunks[number], self.unlabelled[number]
        chosen = np.ones(chunk.rows, bool) if bits is None else np.unpackbits(bits, count=chunk.rows) == 0
        ends = np.searchsorted(self.aside.numbers, [chunk.first, chunk.first + chunk.rows])
        chosen[self.aside.numbers[slice(*ends)] - chunk.first] = False
        return np.flatnonzero(chosen)

    @cached_property
    def rows_to_learn(self) -> NDArray[np.int64]:
        """How many rows of each chunk are learnt from."""
        return np.array([len(self.to_learn(number)) for number in range(len(self.chunks))])
