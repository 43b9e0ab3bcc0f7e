"""Where the rows of an epoch come from: a sequence of windows, each of which fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import WHOLE, Rows, Share
from chainrule.streams import random_streams

Data = dict[str, NDArray[Any]]
Prepare = Callable[[NDArray[Any], NDArray[Any]], Data]


def to_pick_from(data: Data) -> Data:
    """The arrays under the names by which steps that pick their rows out know them."""
    return {f"all_{name}": array for name, array in data.items()}


@dataclass(frozen=True)
class Window:
    """Rows that are in memory together, and the order in which steps take them.

    Attributes:
        order: row numbers within the window's data, batch after batch. Its length is a multiple of the batch size,
            but for the last window of an epoch.
        load: reads the data, by name as in :class:`chainrule.engines.protocol.Steps`; ``None`` where the run has them.
        weights: of the rows of the data, where they differ.
    """

    order: Rows
    load: Callable[[], Mapping[str, NDArray[Any]]] | None = None
    weights: NDArray[Any] | None = None

    def batch_weights(self, batch_size: int) -> NDArray[np.float64]:
        """How much each batch counts in the mean of an epoch: as much as its rows do."""
        if self.weights is None:
            return rows_of_batches(len(self.order), batch_size)
        starts = np.arange(0, len(self.order), batch_size)
        return np.asarray(np.add.reduceat(self.weights[self.order].astype(np.float64), starts))


@lru_cache(2)
def rows_of_batches(rows: int, batch_size: int) -> NDArray[np.float64]:
    """How many rows each batch has; the same for most windows."""
    found = np.full(-(-rows // batch_size), float(batch_size))
    found[-1:] -= -rows % batch_size
    found.flags.writeable = False
    return found


class Windows(Protocol):
    """A source of windows."""

    @property
    def rows(self) -> int:
        """Rows of an epoch, those of all its windows together."""
        ...

    def epoch(self, rng: np.random.Generator) -> Generator[Window]:
        """The windows of an epoch, one after another.

        They follow from the state of ``rng`` at the start alone. Nothing is read before ``load`` is called, so that an
        epoch can be gone on with in its middle. It is closed when no further window is wanted.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """What a person chose, as JSON can hold it."""
        ...


class Reading(Windows, Protocol):
    """Windows whose data are read.

    What a window has loaded may change as soon as the next one is loaded.
    """

    @property
    def data(self) -> Data:
        """Arrays like those that windows load, of at least as many rows; of a share, of just as many."""
        ...

    def numbers(self) -> NDArray[np.int64]:
        """The numbers, among all rows, of those of the window that was loaded last."""
        ...


@runtime_checkable
class Source(Protocol):
    """Rows that need not fit into memory, for :meth:`chainrule.Network.fit` in the place of ``X`` and ``y``."""

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        ...

    def windows(self, prepare: Prepare, batch_size: int, share: Share = WHOLE) -> Reading:
        """The windows of its epochs, whoever reads them; their data are those of the share.

        Args:
            prepare: makes the arrays that the network's programs take from features and targets.
            batch_size: rows of a step.
            share: which rows of each window to read.
        """
        ...


@dataclass(frozen=True)
class RowsInMemory:
    """All rows, in one window.

    Attributes:
        rows: how many.
        shuffle: ``True``: another order every epoch; ``"once"``: the same random one; ``False``: as they are.
        seed: from which the order of ``"once"`` follows.
        weights: of the rows, where they differ.

    >>> windows = RowsInMemory(4, shuffle=True)
    >>> [sorted(window.order.tolist()) for window in windows.epoch(np.random.default_rng(0))]
    [[0, 1, 2, 3]]
    """

    rows: int
    shuffle: bool | Literal["once"]
    seed: int = 0
    weights: NDArray[Any] | None = None

    def epoch(self, rng: np.random.Generator) -> Generator[Window]:
        """The one window; see :class:`Windows`."""
        yield Window(rng.permutation(self.rows) if self.shuffle is True else self._lasting, weights=self.weights)

    @cached_property
    def _lasting(self) -> Rows:
        """The order that all epochs share."""
        if self.shuffle is False:
            return np.arange(self.rows, dtype=np.int64)
        return random_streams(self.seed)["shuffling"].permutation(self.rows)

    def to_json(self) -> dict[str, Any]:
        """How many rows, and how they are shuffled."""
        return {"rows": self.rows, "shuffle": self.shuffle}
