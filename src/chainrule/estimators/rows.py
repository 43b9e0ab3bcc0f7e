"""Rows with their weights: which of them count, how often, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.nn.targets import as_weights

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[Any]

MOST_COPIES: Final = 10
"""Whole weights become copies of their rows as long as there are at most so many times the rows afterwards."""


@dataclass(frozen=True)
class Rows:
    """Encoded features, targets as the network takes them, and the weight of each row, if they differ."""

    X: Array
    Y: Array
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def triple(self) -> tuple[Array, ...]:
        """Features, targets, and weights where there are any, as :meth:`chainrule.Network.fit` takes rows to watch."""
        return (self.X, self.Y) if self.weight is None else (self.X, self.Y, self.weight)

    def __getitem__(self, places: Any) -> Rows:
        return Rows(self.X[places], self.Y[places], None if self.weight is None else self.weight[places])


def counted_rows(
    X: Array | pl.DataFrame, y: Array, sample_weight: Any, *, exchangeable: bool
) -> tuple[NDArray[np.int64], Array | None]:
    """The numbers of the rows to learn from, and their weights where these differ.

    Rows of weight 0 are left out. Where rows are ``exchangeable``, their order means nothing: they are put into one
    that depends on what they hold alone, and a row of weight 2 becomes that row twice. So the same rows give the same
    bits, however they were sorted, and however repetition was written down.

    Args:
        X: features, as they were given.
        y: targets as numbers, shape (rows,) or (rows, outputs).
        sample_weight: a weight of each row, or ``None``.
        exchangeable: whether a row is as good at one place as at another.
    """
    places = np.arange(len(y), dtype=np.int64)
    weight = None if sample_weight is None else as_weights(sample_weight, len(y), "float64")
    if weight is not None:
        places = np.flatnonzero(weight > 0)
        weight = weight[places]
        whole = bool((weight == np.floor(weight)).all()) and weight.sum() <= MOST_COPIES * len(weight)
        if exchangeable and whole:
            places = np.repeat(places, weight.astype(np.int64))
            weight = None
        elif (weight == weight[0]).all():
            weight = None
    if exchangeable:
        order = np.argsort(_digests(X, y)[places], kind="stable")
        places, weight = places[order], None if weight is None else weight[order]
    return places, weight


def _digests(X: Array | pl.DataFrame, y: Array) -> NDArray[np.uint64]:
    """A number for each row that depends on what it holds: different rows have, in all likelihood, different ones."""
    result = np.zeros(len(y), np.uint64)
    if isinstance(X, np.ndarray):
        for column in X.T:
            result = _mixed(result, column)
    else:
        result = X.hash_rows(seed=0).to_numpy().astype(np.uint64)
    for column in y.reshape(len(y), -1).T:
        result = _mixed(result, column)
    return result


def _mixed(digest: NDArray[np.uint64], column: Array) -> NDArray[np.uint64]:
    """Take another column into a digest; constants and shifts of SplitMix64 (Steele, Lea, Flood, 2014)."""
    bits = (column.astype(np.float64) + 0.0).view(np.uint64)  # + 0.0 makes -0 into 0
    z = digest + bits + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
