"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import numpy as np

from chainrule.errors import whole_number


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """Independent streams for starting values, shuffling and dropout: using one never shifts another."""
    seed = whole_number("the seed", seed, 0)
    names = ("parameters", "shuffling", "dropout", "validation")
    spawned = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(s) for name, s in zip(names, spawned, strict=True)}
