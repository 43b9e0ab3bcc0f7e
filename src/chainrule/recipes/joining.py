"""Several trained networks as one, whose output before the last activation is their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chainrule.network import Network
from chainrule.nn import Activation, Join
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Dense

Floats = NDArray[np.float64]

SHARPEST: Final = 8.0
"""By how much logits are multiplied or divided at most."""


def join(members: Sequence[Network], dtype: str | None = None) -> Network:
    """The ensemble of networks of the same layers as one network.

    The outputs of the members before their last activation (their logits, in classification) are averaged, then that
    activation follows. Parameters are numbered through, those of the first member first. Label smoothing is part of
    how members are trained, not of what is predicted: the loss of the ensemble is without it.

    Args:
        members: the networks.
        dtype: the precision of the ensemble; by default theirs.

    >>> import chainrule as cr
    >>> nets = [cr.mlp([2, 3, 1], loss="binary_cross_entropy", seed=seed) for seed in range(2)]
    >>> both = join(nets)
    >>> both.predict([[1.0, 2.0]]).shape
    (1, 1)
    """
    first = members[0]
    loss = replace(first.loss_function, label_smoothing=0.0)
    layers: list[Layer] = list(first.layers)
    if len(members) > 1:
        link = [] if loss.link == "linear" else [Activation(loss.link)]
        layers = [Join(*(list(member.layers) for member in members), how="average"), *link]
    joined = Network(*layers, loss=loss, inputs=first.inputs, seed=first.seed, dtype=dtype or first.dtype)
    joined.parameters.theta[:] = np.concatenate([member.parameters.theta for member in members])
    states = [values for member in members for values in member.states.values()]
    for name, values in zip(joined.states, states, strict=True):
        joined.states[name] = values
    return joined


def without_link(network: Network) -> Network:
    """The same network without its last activation: in classification, it gives logits."""
    bare = Network(*network.layers, loss="squared_error", inputs=network.inputs, dtype=network.dtype)
    bare.take(network.arrays())
    return bare


def sharpened(network: Network, factor: float) -> None:
    """Multiply what the network gives before its last activation, by multiplying the last layer's W and b."""
    last = network.layers[-1]
    assert isinstance(last, Dense)
    for name in list(network.parameters)[-1 - last.bias :]:
        network.parameters[name] *= factor


def best_factor(z: Floats, codes: NDArray[np.int64], weight: Floats | None = None) -> float:
    """The factor of the logits with which the classes of rows that were not learnt from are the most likely.

    One number, so that it can hardly overfit, and it changes no prediction, only how sure it is (the inverse of a
    temperature). Guo, Pleiss, Sun, Weinberger (2017). The loss is convex in the factor: a ternary search finds it.

    Args:
        z: logits, shape (rows, classes), or (rows, 1) of a sigmoid.
        codes: the classes of the rows, shape (rows,).
        weight: of the rows.

    >>> round(best_factor(np.array([[4.0], [4.0], [4.0], [4.0]]), np.array([1, 1, 1, 0])), 3)  # log 3 / 4
    0.275
    """
    scores = z if z.shape[1] > 1 else np.hstack([np.zeros_like(z), z])

    def loss(log_factor: float) -> float:
        scaled = np.exp(log_factor) * scores
        right = np.take_along_axis(scaled, codes[:, None], axis=1)[:, 0]
        return float(np.average(np.logaddexp.reduce(scaled, axis=1) - right, weights=weight))

    low, high = -np.log(SHARPEST), np.log(SHARPEST)
    while high - low > 1e-4:
        third = (high - low) / 3
        if loss(low + third) < loss(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))
