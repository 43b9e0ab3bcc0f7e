"""Which derivatives are checked where there are too many for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import whole_number

ELEMENTS = 1000
"""Derivatives that are checked unless told otherwise."""


def spread_evenly(sizes: Mapping[str, int], elements: int | Any) -> dict[str, NDArray[np.int64]]:
    """Places in flat arrays, as many of each as there can be without going beyond a total.

    Small arrays are taken whole; what they leave goes to the others. The same sizes give the same places.

    Args:
        sizes: the number of elements of each array.
        elements: the total, or ``"all"``.

    >>> {name: len(places) for name, places in spread_evenly({"W1": 800, "b1": 8, "W2": 80}, 100).items()}
    {'W1': 46, 'b1': 8, 'W2': 46}
    """
    left = sum(sizes.values()) if elements == "all" else whole_number("elements", elements, 1)
    counts: dict[str, int] = {}
    for position, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        counts[name] = min(sizes[name], -(-left // (len(sizes) - position)))
        left -= counts[name]
    generator = np.random.default_rng(0)
    return {
        name: np.sort(generator.choice(size, counts[name], replace=False)).astype(np.int64)
        for name, size in sizes.items()
    }
