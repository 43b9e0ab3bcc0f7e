"""Random networks with rows: every activation, loss and normalisation, weights of many sizes, rows of zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

ACTIVATIONS = [
    "tanh", "relu", "sigmoid", "gelu", "softplus", "elu", "selu", "leaky_relu", "silu", "mish", "softsign",
    "hard_tanh", "gelu_tanh",
]  # fmt: skip
LOSSES = [
    "squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "huber", "binary_cross_entropy",
    "cross_entropy", "hinge", "poisson", "quantile",
]  # fmt: skip


def random_network(seed: int) -> tuple[cr.Network, Any, Any]:
    """A network, rows and targets."""
    rng = np.random.default_rng(seed)
    features, outputs, rows = (int(rng.integers(1, n)) for n in (6, 4, 6))
    loss = str(rng.choice(LOSSES))
    layers: list[Any] = []
    for _ in range(rng.integers(0, 4)):
        layers.append(cr.Dense(int(rng.integers(1, 7)), str(rng.choice(ACTIVATIONS))))
        extra = rng.choice([None, None, None, cr.LayerNorm(), cr.BatchNorm(), cr.Dropout(0.3)])
        layers += [extra] if extra is not None else []
    layers.append(cr.Dense(outputs + (loss == "cross_entropy")))
    penalties = {name: float(rng.choice([0.0, 0.01])) for name in ("l1", "l2")}
    dtype = str(rng.choice(["float32", "float64"]))
    network = cr.Network(*layers, loss=loss, inputs=features, seed=seed, dtype=dtype, **penalties)
    if rng.random() < 0.4:
        for name in network.parameters:
            network.parameters[name] *= 10.0 ** rng.integers(-8, 2)
    X = rng.normal(size=(rows, features)) * 10.0 ** rng.integers(-3, 2)
    X[0] *= rng.random() < 0.7  # zeros lie on the kinks of units without bias
    return network, X, _targets(network, rows, rng)


def _targets(network: cr.Network, rows: int, rng: np.random.Generator) -> Any:
    match network.loss_function.target:
        case "classes":
            return rng.integers(0, network.outputs, rows)
        case "binary" | "signs":
            return rng.integers(0, 2, (rows, network.outputs))
        case "counts":
            return rng.integers(0, 5, (rows, network.outputs))
        case _:
            return rng.normal(size=(rows, network.outputs))


@pytest.fixture(name="random_network", scope="session")
def _random_network() -> Callable[[int], tuple[cr.Network, Any, Any]]:
    return random_network
