"""Random numbers from a counter, on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry(key: tuple[int, int], counter: tuple[Any, Any]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Threefry-2x32 with 20 rounds: two words of 32 random bits for each counter.

    Salmon, Moraes, Dror, Shaw (2011). Parallel random numbers: as easy as 1, 2, 3.
    """
    keys = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ PARITY)]
    with np.errstate(over="ignore"):
        x = np.asarray(counter[0], np.uint32) + keys[0]
        y = np.asarray(counter[1], np.uint32) + keys[1]
        for block in range(5):
            for rotation in ROTATIONS[block % 2]:
                x = x + y
                y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
            x = x + keys[(block + 1) % 3]
            y = y + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x, y


def uniform(key: Any, step: Any, *, stream: int, shape: tuple[int, ...], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Numbers in [0, 1) with 24 random bits each, as the operation ``uniform`` defines them."""
    n = int(np.prod(shape))
    x, y = threefry((int(key), stream), (np.arange((n + 1) // 2, dtype=np.uint32), np.uint32(int(step))))
    bits = np.stack((x, y), axis=-1).reshape(-1)[:n].reshape(shape)
    return np.asarray((bits >> np.uint32(8)).astype(dtype) * dtype(2.0**-24))
