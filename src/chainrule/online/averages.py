"""Three averages of rows of numbers: of all rows, of the last ones, and with what is past counting less and less."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from chainrule.online.quantities import Floats


@dataclass(frozen=True)
class Averages:
    """Sums over the rows so far, from which the averages follow.

    Attributes:
        window: how many of the last rows count, or how slowly what is past fades: by 1 - 1/window a row.
        rows: how many there were.
        totals: the sum of all.
        faded: the sum in which a row counts less with each one after it.
        weight: the sum of what the rows count for in it.
        recent: the last rows, as many as the window takes.

    >>> averages = Averages(window=2).with_rows(np.array([[1.0], [2.0]])).with_rows(np.array([[6.0]]))
    >>> averages.running(), averages.windowed(), averages.fading()
    (array([3.]), array([4.]), array([4.14285714]))
    """

    window: int
    rows: int = 0
    totals: Floats = field(default_factory=lambda: np.zeros(0))
    faded: Floats = field(default_factory=lambda: np.zeros(0))
    weight: float = 0.0
    recent: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def with_rows(self, rows: Floats) -> Averages:
        """The sums after further rows, shape (rows, numbers)."""
        weights = _weights(self.window, len(rows))
        totals, faded, weight = rows.sum(axis=0), (weights * rows).sum(axis=0), float(weights.sum())
        recent = rows[-self.window :]
        if self.rows:
            past = (1 - 1 / self.window) ** len(rows)
            totals, faded, weight = self.totals + totals, past * self.faded + faded, past * self.weight + weight
            recent = np.concatenate([self.recent, recent])[-self.window :]
        return Averages(self.window, self.rows + len(rows), totals, faded, weight, recent)

    def running(self) -> Floats:
        """The averages over all rows."""
        return self.totals / max(self.rows, 1)

    def windowed(self) -> Floats:
        """The averages over the last rows."""
        return np.asarray(self.recent.mean(axis=0)) if self.rows else self.totals

    def fading(self) -> Floats:
        """The averages in which what is past counts less and less."""
        return self.faded / self.weight if self.rows else self.totals


@lru_cache(maxsize=8)
def _weights(window: int, rows: int) -> Floats:
    """What each of so many rows counts for after the last of them, shape (rows, 1)."""
    return np.asarray((1 - 1 / window) ** np.arange(rows - 1, -1, -1.0)[:, None])
