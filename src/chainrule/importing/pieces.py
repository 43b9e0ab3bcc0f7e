"""What a library's model is read into, and how a network is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.network import Network
from chainrule.nn import Activation, Dense, Layer

Array = NDArray[Any]

_LOSS_OF_OUTPUT: Final = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy", "exp": "poisson"}
"""The loss that goes with the activation of an output, where none is given."""


@dataclass(frozen=True)
class Piece:
    """A layer of a model: its description here, and the values of its arrays.

    Attributes:
        layer: the layer.
        parameters: its parameters, in the order in which the layer asks for them.
        states: its running states, likewise.
    """

    layer: Layer
    parameters: tuple[Array, ...] = ()
    states: tuple[Array, ...] = ()


def dense(weights: Array, bias: Array | None) -> Piece:
    """A Dense layer without an activation; the weights have shape (inputs, units)."""
    return Piece(Dense(weights.shape[1], bias=bias is not None), (weights,) if bias is None else (weights, bias))


def normalised(layer: Layer, width: int, scale: Array | None, shift: Array | None, *states: Array) -> Piece:
    """A normalisation; a scale of 1 and a shift of 0 stand for those that the model does not have."""
    gamma = np.ones(width) if scale is None else scale
    beta = np.zeros(width) if shift is None else shift
    return Piece(layer, (gamma, beta), states)


def assemble(
    pieces: Iterable[Piece], inputs: int | Sequence[int] | Mapping[str, Any], loss: Any, dtype: str
) -> Network:
    """The network of these pieces; without a loss, the one that goes with the activation of its output."""
    joined = _with_activations(pieces)
    layers = [piece.layer for piece in joined]
    chosen = _LOSS_OF_OUTPUT.get(str(getattr(layers[-1], "activation", None)), "squared_error")
    network = Network(*layers, loss=chosen if loss is None else loss, inputs=inputs, dtype=dtype)
    for place, kind in ((network.parameters, "parameters"), (network.states, "states")):
        values = [array for piece in joined for array in getattr(piece, kind)]
        for name, array in zip(place, values, strict=True):
            place[name] = array
    return network


def _with_activations(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, each activation without settings put into the Dense layer before it, where there is one."""
    joined: list[Piece] = []
    for piece in pieces:
        before, layer = joined[-1].layer if joined else None, piece.layer
        bare = before if isinstance(before, Dense) and before.activation is None else None
        if bare is not None and isinstance(layer, Activation) and not layer.settings:
            joined[-1] = replace(joined[-1], layer=replace(bare, activation=layer.activation))
        else:
            joined.append(piece)
    return joined


def unreadable(library: str, what: str, why: str, known: Iterable[str]) -> ArgumentError:
    """An error that names what cannot be read, why, and what can."""
    reason = f" ({why})" if why else ""
    return ArgumentError(f"{what} cannot be read from {library}{reason}; what can: {', '.join(sorted(known))}")
