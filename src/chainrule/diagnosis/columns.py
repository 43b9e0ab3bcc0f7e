"""Columns to look at before a network learns from them: row numbers, and ones that give the target away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.show.numbers import are_amounts

FEWEST_ROWS: Final = 50
"""Shorter columns are not judged: a few different whole numbers in order mean nothing."""
MOST_ROWS: Final = 4000
"""Rows that columns are judged by."""
MOST_CATEGORIES: Final = 64
"""A column of numbers with no more different values is taken for categories too."""
FEWEST_AMOUNTS: Final = 10
"""With fewer different values, numbers with a unit may well be names, such as sizes."""
BINS: Final = 32
"""Parts of equally many rows into which a column of numbers is cut."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnFacts:
    """What one column alone tells.

    Attributes:
        name: of the column.
        identifier: why it looks like a number of the rows; empty if it does not.
        amount: one of its values, where all are numbers with something beside them, such as a unit; else empty.
        score: the share of the variance of the target's ranks that it explains, on rows that it was not fitted to; 1 is
            all of it. Ranks, so that a few very large targets do not count for everything.
    """

    name: str
    identifier: str
    amount: str
    score: float


def column_facts(columns: Mapping[str, NDArray[Any]], target: NDArray[Any]) -> tuple[ColumnFacts, ...]:
    """Facts about each column.

    Args:
        columns: values by name, of numbers or of text, shape (rows,); NaN or None where missing.
        target: shape (rows, outputs).
    """
    rows = len(target)
    if rows < FEWEST_ROWS:
        return ()
    order = np.random.default_rng(0).permutation(rows)[:MOST_ROWS]
    halves = np.array_split(order, 2)
    Y = np.stack([_ranks(column) for column in np.asarray(target, np.float64).T], axis=1)
    facts = []
    for name, column in columns.items():
        values = np.asarray(column)
        score = explained(_as_numbers(values), Y, halves[0], halves[1])
        facts.append(ColumnFacts(name, _numbers_rows(values), _amount(values[order]), score))
    return tuple(facts)


def _numbers_rows(values: NDArray[Any]) -> str:
    """Why a column looks like a number of the rows: whole numbers, all different, in order or without large gaps."""
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or (values != np.floor(values)).any():
        return ""
    if len(np.unique(values)) < len(values):
        return ""
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return f"{len(values)} different whole numbers in the order of the rows"
    span = float(values.max()) - float(values.min()) + 1
    if span <= 2 * len(values):
        return f"{len(values)} different whole numbers from {values.min():g} to {values.max():g}"
    return ""


def _amount(values: NDArray[Any]) -> str:
    """A value of a column whose texts are numbers with something beside them."""
    texts = {value for value in values if isinstance(value, str)} if values.dtype.kind == "O" else set()
    return min(texts) if len(texts) >= FEWEST_AMOUNTS and are_amounts(texts) else ""


def _ranks(values: Floats) -> Floats:
    """The place of each value among all of them, sorted; the mean of their places for equal ones."""
    ordered = np.sort(values)
    return np.asarray((np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2.0)


def _as_numbers(values: NDArray[Any]) -> Floats:
    """Numbers as they are, others by their place in the alphabet; below all of them where missing."""
    if values.dtype.kind in "iufb":
        numbers = values.astype(np.float64)
    else:
        missing = np.array([v is None for v in values])
        _, codes = np.unique(np.where(missing, "", values).astype(str), return_inverse=True)
        numbers = np.where(missing, np.nan, codes.astype(np.float64))
    finite = numbers[np.isfinite(numbers)]
    low, span = (float(finite.min()), float(np.ptp(finite))) if finite.size else (0.0, 0.0)
    return np.where(np.isfinite(numbers), numbers, low - span - 1.0)


def explained(x: Floats, Y: Floats, learnt: NDArray[np.int64], held: NDArray[np.int64]) -> float:
    """The share of Y's variance on held rows that the better of two simple functions of x explains.

    They are fitted to other rows: means of parts of equally many rows (of categories where there are few different
    values) and straight lines between neighbours. 0 where none is better than the mean.

    >>> x = np.linspace(-1, 1, 200)
    >>> even, odd = np.arange(0, 200, 2), np.arange(1, 199, 2)
    >>> explained(x, np.sin(5 * x)[:, None], even, odd) > 0.999
    True
    """
    total = float(((Y[held] - Y[learnt].mean(axis=0)) ** 2).sum())
    if total == 0:
        return 0.0
    guesses = [_binned(x, Y, learnt, held), _between(x, Y, learnt, held)]
    return max(0.0, *(1 - float(((Y[held] - guess) ** 2).sum()) / total for guess in guesses))


def _binned(x: Floats, Y: Floats, learnt: NDArray[np.int64], held: NDArray[np.int64]) -> Floats:
    values = np.unique(x)
    if len(values) <= MOST_CATEGORIES:
        codes, parts = np.searchsorted(values, x), len(values)
    else:
        edges = np.quantile(x[learnt], np.linspace(0, 1, BINS + 1)[1:-1])
        codes, parts = np.searchsorted(edges, x), BINS
    counts = np.bincount(codes[learnt], minlength=parts)[:, None]
    sums = np.zeros((parts, Y.shape[1]))
    np.add.at(sums, codes[learnt], Y[learnt])
    means = np.where(counts > 0, sums / np.maximum(counts, 1), Y[learnt].mean(axis=0))
    return np.asarray(means[codes[held]])


def _between(x: Floats, Y: Floats, learnt: NDArray[np.int64], held: NDArray[np.int64]) -> Floats:
    places, which = np.unique(x[learnt], return_inverse=True)
    sums = np.zeros((len(places), Y.shape[1]))
    np.add.at(sums, which, Y[learnt])
    means = sums / np.bincount(which)[:, None]
    return np.stack([np.interp(x[held], places, column) for column in means.T], axis=1)
