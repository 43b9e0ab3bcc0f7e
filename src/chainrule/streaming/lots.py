"""A random number of each row that depends on nothing but its place in the table."""

from __future__ import annotations

import numpy as np

from chainrule.data.values import Floats
from chainrule.engines.threefry import threefry


def lots(first: int, rows: int, seed: int) -> Floats:
    """Numbers in [0, 1) for consecutive rows, shape ``(rows,)``: the same ones whoever asks, and in whichever order.

    Args:
        first: the number of the first row in the table.
        rows: how many.
        seed: of all of them.

    >>> lots(1000, 3, seed=0).tolist() == lots(999, 5, seed=0)[1:4].tolist()
    True
    """
    places = np.arange(first, first + rows, dtype=np.uint64)
    key = (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)
    high, low = threefry(key, (places & np.uint64(0xFFFFFFFF), places >> np.uint64(32)))
    numbers: Floats = (high.astype(np.float64) * 2.0**21 + (low >> np.uint32(11))) * 2.0**-53
    return numbers
