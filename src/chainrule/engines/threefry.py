"""Random numbers from a counter, on NumPy and on whatever else has its functions."""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry(key: tuple[Any, Any], counter: tuple[Any, Any], xp: Any = np) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds: two words of 32 random bits for each counter, as arrays of ``xp``.

    Salmon, Moraes, Dror, Shaw (2011). Parallel random numbers: as easy as 1, 2, 3.
    """
    first, second, x, y = (xp.asarray(word, xp.uint32) for word in (*key, *counter))
    keys = [first, second, first ^ second ^ xp.uint32(PARITY)]
    with np.errstate(over="ignore"):
        x, y = x + keys[0], y + keys[1]
        for block in range(5):
            for rotation in ROTATIONS[block % 2]:
                x = x + y
                y = ((y << xp.uint32(rotation)) | (y >> xp.uint32(32 - rotation))) ^ x
            x = x + keys[(block + 1) % 3]
            y = y + keys[(block + 2) % 3] + xp.uint32(block + 1)
    return x, y


def uniform(key: Any, step: Any, *, stream: int, shape: tuple[int, ...], dtype: Any, xp: Any = np) -> Any:
    """Numbers in [0, 1) with 24 random bits each, as the operation ``uniform`` defines them."""
    n = int(np.prod(shape))
    x, y = threefry((key, stream), (xp.arange((n + 1) // 2, dtype=xp.uint32), step), xp)
    bits = xp.stack((x, y), axis=-1).reshape(-1)[:n].reshape(shape)
    return (bits >> xp.uint32(8)).astype(dtype) * dtype(2.0**-24)
