"""Networks from Keras models whose layers follow one another."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, require
from chainrule.importing.pieces import Piece, assemble, dense, normalised, unreadable
from chainrule.network import Network
from chainrule.nn import Activation, BatchNorm, Dropout, Embedding, Flatten, LayerNorm

ACTIVATIONS: Final = {
    "linear": Activation("linear"),
    "relu": Activation("relu"),
    "leaky_relu": Activation("leaky_relu", {"slope": 0.2}),
    "elu": Activation("elu"),
    "selu": Activation("selu"),
    "gelu": Activation("gelu"),
    "silu": Activation("silu"),
    "mish": Activation("mish"),
    "softsign": Activation("softsign"),
    "hard_tanh": Activation("hard_tanh"),
    "tanh": Activation("tanh"),
    "sigmoid": Activation("sigmoid"),
    "softplus": Activation("softplus"),
    "softmax": Activation("softmax"),
    "log_softmax": Activation("log_softmax"),
    "exponential": Activation("exp"),
}
"""Keras's activation functions by name, and ours."""
_LAYERS: Final = (
    "InputLayer", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Dropout", "BatchNormalization",
    "LayerNormalization", "Embedding", "Flatten", "Identity",
)  # fmt: skip


def from_keras(model: Any, *, loss: Any = None) -> Network:
    """The network of a Keras model whose layers follow one another, with the same predictions.

    Dense, activations, Dropout, BatchNormalization, LayerNormalization, Flatten and Embedding (followed by Flatten) are
    read; penalties of layers and the state of the optimiser stay behind.

    Args:
        model: a Sequential, or a functional model without branches; of Keras 3, on any backend.
        loss: of further training. By default the one that goes with the output: ``binary_cross_entropy`` for a sigmoid,
            ``cross_entropy`` for a softmax, ``poisson`` for an exponential, else ``squared_error``. A model that ends
            in logits gets the activation of the loss that you give: its predictions are then probabilities.

    Returns:
        A network in the precision of the model.

    Raises:
        ArgumentError: for a layer that cannot be read; it is named, with those that can.
    """
    name = type(model).__name__
    require(
        hasattr(model, "layers") and type(model).__module__.startswith("keras."),
        f"from_keras takes a Keras model made of layers, not {name}: what its call does is not read",
    )
    require(model.built, f"the {name} does not know its inputs yet: begin it with keras.Input, or call it once")
    layers = list(model.layers)
    _check_chain(model, layers)
    pieces = [piece for layer in layers for piece in _pieces(layer)]
    require(len(pieces) > 0, f"the {name} holds no layers")
    dtype = "float64" if "float64" in {weight.dtype for weight in model.weights} else "float32"
    return assemble(pieces, tuple(model.input_shape[1:]), loss, dtype)


def _check_chain(model: Any, layers: list[Any]) -> None:
    """Check that each layer reads what the one before gives."""
    if type(model).__name__ != "Sequential":
        for before, layer in pairwise(layers):
            if layer.input is not before.output:
                raise ArgumentError(
                    f"layer {layer.name!r} does not read what {before.name!r} gives: a model with branches is not read"
                )
    for layer, after in pairwise([*layers, None]):
        if type(layer).__name__ == "Embedding" and type(after).__name__ != "Flatten":
            raise unreadable("Keras", f"layer {layer.name!r} (Embedding)", "without a Flatten after it", _LAYERS)


def _pieces(layer: Any) -> list[Piece]:
    """A layer of Keras as layers here."""
    kind = type(layer).__name__ if type(layer).__module__.startswith("keras.") else ""
    match kind:
        case "InputLayer" | "Identity":
            return []
        case "Dense":
            kernel = _values(layer.kernel)
            assert kernel is not None
            return [dense(kernel, _values(layer.bias)), *_activation(layer.activation, layer)]
        case "Activation":
            return _activation(layer.activation, layer)
        case "ReLU" if layer.max_value is None and layer.threshold == 0:
            slope = float(layer.negative_slope)
            return [Piece(Activation("leaky_relu", {"slope": slope}) if slope else Activation("relu"))]
        case "LeakyReLU":
            return [Piece(Activation("leaky_relu", {"slope": float(layer.negative_slope)}))]
        case "ELU":
            return [Piece(Activation("elu", {"alpha": float(layer.alpha)}))]
        case "Softmax" if _over_columns(layer):
            return [Piece(Activation("softmax"))]
        case "Dropout" if layer.noise_shape is None:
            return [Piece(Dropout(float(layer.rate)))]
        case "BatchNormalization" if _over_columns(layer):
            scale, shift = _values(layer.gamma), _values(layer.beta)
            states = [_values(layer.moving_mean), _values(layer.moving_variance)]
            kept = BatchNorm(float(layer.momentum), float(layer.epsilon))
            return [normalised(kept, layer.input.shape[-1], scale, shift, *(s for s in states if s is not None))]
        case "LayerNormalization" if _over_columns(layer) and not getattr(layer, "rms_scaling", False):
            scale, shift = _values(layer.gamma), _values(layer.beta)
            return [normalised(LayerNorm(float(layer.epsilon)), layer.input.shape[-1], scale, shift)]
        case "Embedding":
            table = _values(layer.embeddings)
            assert table is not None
            return [Piece(Embedding(*table.shape), (table,))]
        case "Flatten":
            return [Piece(Flatten())]
        case _:
            why = "with these settings" if kind in _LAYERS else ""
            raise unreadable("Keras", f"layer {layer.name!r} ({type(layer).__name__})", why, _LAYERS)


def _over_columns(layer: Any) -> bool:
    """Whether what a layer does is about the last axis."""
    last = len(layer.input.shape) - 1
    return layer.axis in (-1, last, [-1], [last])


def _activation(function: Any, layer: Any) -> list[Piece]:
    """An activation function, or a layer in the place of one."""
    if hasattr(function, "get_config"):
        return _pieces(function)
    name = getattr(function, "__name__", repr(function))
    if getattr(function, "__module__", "").startswith("keras.") and name in ACTIVATIONS:
        found = ACTIVATIONS[name]
        return [] if found.activation == "linear" else [Piece(found)]
    raise unreadable("Keras", f"the activation {name} of layer {layer.name!r}", "", ACTIVATIONS)


def _values(variable: Any) -> NDArray[np.float64] | None:
    if variable is None:
        return None
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)
