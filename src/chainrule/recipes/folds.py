"""Which rows each member of an ensemble does not learn from, but watches."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import whole_number

FEWEST_FOLDS: Final = 5
"""A member learns from four fifths of the rows at least."""


def held_back_by(
    rows: int, members: int, rng: np.random.Generator, labels: NDArray[Any] | None = None
) -> list[NDArray[np.int64]]:
    """For each member the rows that it holds back, in order; no row is held back twice.

    Each class is dealt out evenly. The only row of its class is never held back.

    Args:
        rows: how many there are.
        members: how many members.
        rng: decides who gets what.
        labels: the class of each row, shape ``(rows,)``.

    >>> parts = held_back_by(10, 2, np.random.default_rng(0))
    >>> [len(part) for part in parts], len(set(np.concatenate(parts).tolist()))
    ([2, 2], 4)
    """
    folds = max(whole_number("members", members, 1), FEWEST_FOLDS)
    order = rng.permutation(rows)
    lonely = np.zeros(rows, bool)
    if labels is not None:
        codes = np.unique(labels, return_inverse=True)[1]
        order = order[np.argsort(codes[order], kind="stable")]
        lonely = np.bincount(codes)[codes] == 1
    fold = np.empty(rows, np.int64)
    fold[order] = np.arange(rows) % folds
    return [np.flatnonzero((fold == member) & ~lonely) for member in range(members)]


def others(rows: int, held: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows that are not held back, in order."""
    kept = np.ones(rows, bool)
    kept[held] = False
    return np.flatnonzero(kept)


def seeds(seed: int, members: int) -> list[int]:
    """A seed for each member; that of the first is ``seed`` itself."""
    return [seed, *np.random.SeedSequence(seed).generate_state(members)[1:].tolist()]
