"""How well the rows of a stream are mixed: what to expect of an epoch, and what one epoch is like."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.data.values import Floats
from chainrule.show.numbers import counted


@dataclass(frozen=True)
class Mixing:
    """What to expect of the batches of an epoch.

    A window mixes m of C chunks, drawn without replacement, and its rows fully. So a batch of B rows is a sample in two
    stages. Of a quantity of which the share rho of the variance lies between chunks, its mean has the variance

        s^2 ((1 - rho) / B + rho / m (C - m) / (C - 1)),

    in place of s^2 / B: as if it had ``effective`` rows, drawn from all. (Cochran 1977, Sampling Techniques, chapter
    10.) In files sorted by the target, rho is 1, and a batch is worth m rows; in shuffled ones rho is 0. Where one
    window holds all chunks, shuffling is perfect.

    Attributes:
        chunks: C, of the table.
        mixed: m, that a window mixes; at least.
        batch_size: B.
        between: rho of the target, estimated from a sample of rows.

    >>> round(Mixing(chunks=1001, mixed=40, batch_size=512, between=1.0).effective)
    42
    >>> round(Mixing(chunks=1001, mixed=40, batch_size=512, between=0.01).effective)
    460
    >>> Mixing(chunks=1001, mixed=1001, batch_size=512, between=1.0).effective
    512.0
    """

    chunks: int
    mixed: int
    batch_size: int
    between: float

    @property
    def effective(self) -> float:
        """Rows of a batch drawn from the whole table whose mean target varies as much as that of a batch does."""
        if self.mixed >= self.chunks:
            return float(self.batch_size)
        chunks = self.between / self.mixed * (self.chunks - self.mixed) / (self.chunks - 1)
        return min(1 / ((1 - self.between) / self.batch_size + chunks), float(self.batch_size))

    @property
    def correlation(self) -> float:
        """What the correlation between a row's places in the files and in an epoch exceeds in 1 of 10,000 epochs."""
        return 3.9 / sqrt(max(self.chunks - 1, 1)) if self.mixed < self.chunks else 0.0

    @property
    def good(self) -> bool:
        """Whether a batch is worth half its rows or more, or 64."""
        return self.effective >= min(self.batch_size / 2, 64)

    @property
    def sentence(self) -> str:
        """In words."""
        if self.mixed >= self.chunks:
            return "all rows are in memory together, and shuffled fully every epoch."
        return (
            f"{self.mixed} of {counted(self.chunks, 'chunk')} are mixed at a time; {self.between:.1%} of the target's "
            f"variance lies between chunks, so that a batch of {self.batch_size} rows is worth "
            f"{self.effective:.0f} drawn from the whole table."
        )

    def to_json(self) -> dict[str, Any]:
        """All fields, and what follows from them."""
        return {**asdict(self), "effective": self.effective}


def between_chunks(chunk: NDArray[np.int64], target: NDArray[np.int64] | Floats) -> float:
    """The share of a target's variance that lies between chunks: the intraclass correlation, from 0 to 1.

    The estimate of the analysis of variance, (MSB - MSW) / (MSB + (n0 - 1) MSW), which expects 0 where rows are
    shuffled, however few there are of each chunk. (Donner 1986, A review of inference procedures for the intraclass
    correlation coefficient.)

    Args:
        chunk: of each row of a sample.
        target: of each row, shape ``(rows,)``; whole numbers are codes of classes, and what varies is a 1 for the class
            of a row beside a 0 for each other one.

    >>> between_chunks(np.repeat([0, 1, 2], 4), np.repeat([1.0, 5.0, 9.0], 4))
    1.0
    >>> between_chunks(np.repeat([0, 1, 2], 4), np.tile([1.0, 5.0, 9.0, 11.0], 3))
    0.0
    """
    group = np.unique(chunk, return_inverse=True)[1]
    sizes = np.bincount(group)
    groups, rows = len(sizes), len(target)
    if groups < 2 or rows <= groups:
        return 0.0
    if np.issubdtype(target.dtype, np.integer):
        cells, counts = np.unique(np.stack([group, target]), axis=1, return_counts=True)
        squares = float((counts**2 / sizes[cells[0]]).sum())
        apart = rows - squares, squares - float((np.bincount(target) ** 2).sum()) / rows
    else:
        means = np.bincount(group, target) / sizes
        apart = float(((target - means[group]) ** 2).sum()), float((sizes * (means - target.mean()) ** 2).sum())
    within, around = apart[0] / (rows - groups), apart[1] / (groups - 1)
    n0 = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    spread = around + (n0 - 1) * within
    return min(max((around - within) / spread, 0.0), 1.0) if spread > 0 else 0.0


@dataclass(frozen=True)
class Mixed:
    """What one epoch was like.

    Attributes:
        correlation: between the places of rows in the files and in the epoch.
        distinct: the mean number of different chunks that the rows of a batch come from.
    """

    correlation: float
    distinct: float

    @classmethod
    def of(cls, rows: NDArray[np.int64], chunk: NDArray[np.int64], batch_size: int) -> Mixed:
        """Measure an epoch.

        Args:
            rows: the numbers of the rows, in the order of the epoch.
            chunk: that of each of them.
            batch_size: rows of a step.
        """
        starts = range(0, len(rows) - batch_size + 1, batch_size)
        distinct = [len(np.unique(chunk[start : start + batch_size])) for start in starts]
        return cls(float(np.corrcoef(rows, np.arange(len(rows)))[0, 1]), float(np.mean(distinct)))
