"""Splits rows into parts, such as training and validation rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import DataError, require

Indices = NDArray[np.int64]
_ROUNDING: Final = 9
"""Decimals that a share of rows is taken at, so that 0.29 of 100 is 29 and not a little less."""


def split_rows(
    n: int, fractions: Sequence[float], rng: np.random.Generator, labels: ArrayLike | None = None
) -> tuple[Indices, ...]:
    """Split the rows 0 to n - 1 at random into parts, the first of which is for training.

    Each part gets at least one row. Beyond that, a part's rows of each class are its fraction of the class,
    rounded up or down; without labels all rows are one class. A class of two rows or more is always among the
    training rows.

    Args:
        n: number of rows.
        fractions: the share of each part, above 0, 1 together.
        rng: decides which rows go where, and their order in each part.
        labels: the class of each row, shape ``(n,)``.

    Returns:
        The row numbers of each part, shuffled; together each row once.

    Raises:
        DataError: where there are too few rows.
        ArgumentError: for fractions or labels that do not fit.

    >>> train, test = split_rows(10, (0.8, 0.2), np.random.default_rng(0))
    >>> len(train), len(test), sorted({*train.tolist(), *test.tolist()}) == list(range(10))
    (8, 2, True)
    """
    shares = np.asarray(fractions, np.float64)
    require(
        shares.ndim == 1 and shares.size > 0 and bool(np.all(shares > 0)) and math.isclose(shares.sum(), 1.0),
        f"fractions should be above 0 and 1 together, not {list(fractions)}",
    )
    known = np.zeros(n) if labels is None else np.asarray(labels)
    require(known.shape == (n,), f"labels should hold one class for each of the {n} rows, not shape {known.shape}")
    if n < len(shares):
        raise DataError(f"{n} rows cannot be split into {len(shares)} parts; add rows, or ask for fewer parts")
    class_of_row = np.unique(known, return_inverse=True)[1]
    counts = _counts(np.bincount(class_of_row), shares)
    shuffled = rng.permutation(n)
    part_of_place = np.empty(n, np.int64)
    for label, row_counts in enumerate(counts):
        part_of_place[class_of_row[shuffled] == label] = np.repeat(np.arange(len(shares)), row_counts)
    return tuple(shuffled[part_of_place == part] for part in range(len(shares)))


def single_rows_first(parts: Sequence[Indices], labels: ArrayLike) -> tuple[Indices, ...]:
    """Move the rows whose class has no other row to the first part: only there can the class be learnt.

    >>> single_rows_first([np.array([1, 2]), np.array([0, 3])], ["rare", "often", "often", "often"])
    (array([1, 2, 0]), array([3]))
    """
    class_of_row = np.unique(np.asarray(labels), return_inverse=True)[1]
    single = np.bincount(class_of_row)[class_of_row] == 1
    first, *others = parts
    moved = [first, *(part[single[part]] for part in others)]
    return np.concatenate(moved), *(part[~single[part]] for part in others)


def _counts(sizes: Indices, shares: NDArray[np.float64]) -> Indices:
    """How many rows of each class go to each part, shape ``(classes, parts)``."""
    exact = np.round(np.outer(sizes, shares), _ROUNDING)
    counts = np.floor(exact).astype(np.int64)
    owed = np.zeros(len(shares))  # what each part should have had by now, less what it got
    for label, size in enumerate(sizes):
        row = counts[label]
        owed += exact[label] - row
        # A whole share takes no more; training comes first where it lacks the class; then the most owed.
        urgency = np.where(exact[label] > row, owed, -np.inf)
        if size >= 2 and row[0] == 0:
            urgency[0] = np.inf
        extra = np.argsort(-urgency, kind="stable")[: size - row.sum()]
        row[extra] += 1
        owed[extra] -= 1
    _fill_empty_parts(counts)
    return counts


def _fill_empty_parts(counts: Indices) -> None:
    """Move rows so that no part is empty, each from the largest group of rows that can spare one."""
    for part in np.flatnonzero(counts.sum(axis=0) == 0):
        spare = np.where(counts.sum(axis=0) >= 2, counts, 0)
        spare[(counts[:, 0] == 1) & (counts.sum(axis=1) >= 2), 0] = 0  # the class would vanish from training
        label, donor = np.unravel_index(spare.argmax(), spare.shape)
        if spare[label, donor] == 0:
            raise DataError(
                f"{counts.sum()} rows of {len(counts)} classes cannot be split into {counts.shape[1]} parts "
                "with each class in the first; add rows, or ask for fewer parts"
            )
        counts[label, donor] -= 1
        counts[label, part] += 1
