"""A training that is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 2))
Y = X[:, 0] - X[:, 1]


@pytest.fixture
def fit() -> Callable[..., tuple[cr.Network, cr.History]]:
    """Trains a small network with callbacks."""

    def train(*callbacks: Any, **settings: Any) -> tuple[cr.Network, cr.History]:
        net = cr.mlp([2, 3, 1], seed=1)
        arguments = {"epochs": 4, "batch_size": 5, "validation": 0.2, "metrics": ["mae"]}
        return net, net.fit(X, Y, callbacks=list(callbacks), **arguments | settings)

    return train
