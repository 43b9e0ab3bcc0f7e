"""Powers of a number by the number of the update, ahead of time."""

from __future__ import annotations

import numpy as np

BLOCK = 64
"""Powers between two that are computed by themselves."""

AHEAD = 4096
"""How many powers are made at least, so that short slices share them."""


class Powers:
    """``base ** t`` for whole t in float64, each within 2 units in the last place.

    A power is base ** (64 i) times base ** j with t = 64 i + j, so that it depends on t alone and costs one
    multiplication.
    """

    def __init__(self, base: float) -> None:
        self._base = base
        self._first = self._stop = 0
        self._small = base ** np.arange(BLOCK, dtype=np.float64)
        self._table, self._address = self._small, 0

    def address(self, t: int, count: int) -> int:
        """The address of ``base ** t``, which is followed by those of the next ``count - 1`` numbers."""
        if not self._first <= t <= t + count <= self._stop:
            self._first = t // BLOCK * BLOCK
            blocks = -(-(t + max(count, AHEAD) - self._first) // BLOCK)
            large = self._base ** (self._first + BLOCK * np.arange(blocks, dtype=np.float64))
            self._table = np.multiply.outer(large, self._small).ravel()
            self._stop = self._first + len(self._table)
            self._address = self._table.ctypes.data
        return self._address + (t - self._first) * self._table.itemsize
