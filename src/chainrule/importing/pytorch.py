"""Networks from PyTorch's Sequentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, require
from chainrule.importing.pieces import Piece, assemble, dense, normalised, unreadable
from chainrule.network import Network
from chainrule.nn import Activation, BatchNorm, Dropout, Embedding, Flatten, LayerNorm

PLAIN: Final = {
    "ReLU": "relu",
    "SELU": "selu",
    "SiLU": "silu",
    "Mish": "mish",
    "Softsign": "softsign",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
}
"""Modules without settings that matter, and our activations."""
_SET: Final = ("LeakyReLU", "ELU", "GELU", "Hardtanh", "Softplus", "Softmax", "LogSoftmax")
_LAYERS: Final = ("Sequential", "Linear", "Identity", "Flatten", "Dropout", "BatchNorm1d", "LayerNorm", "Embedding")
_KNOWN: Final = (*PLAIN, *_SET, *_LAYERS)


def from_torch(model: Any, *, inputs: int | Sequence[int] | None = None, loss: Any = None) -> Network:
    """The network of a ``torch.nn.Sequential``, with the predictions of its evaluation mode.

    Linear, activations, Dropout, BatchNorm1d, LayerNorm, Flatten, Embedding (of a single column of codes, or followed
    by Flatten) and Sequentials inside of each other are read. Conventions are translated: weights are transposed, and
    the momentum of BatchNorm1d is the share of the new, ours that of the old. Two things differ afterwards: PyTorch's
    Softplus is linear above its threshold (by default 20, where it leaves out 2e-9), and its BatchNorm1d divides the
    running variance by n - 1 in training, ours by n.

    Args:
        model: the Sequential.
        inputs: the number of features, or the shape of a row, where the first layers do not say.
        loss: of further training. By default the one that goes with the last module: ``binary_cross_entropy`` for
            Sigmoid, ``cross_entropy`` for Softmax, else ``squared_error``. A model that ends in logits gets the
            activation of the loss that you give, ``"cross_entropy"`` say: its predictions are then probabilities.

    Returns:
        A network in the precision of the model.

    Raises:
        ArgumentError: for a module that cannot be read; it is named, with those that can.

    >>> import pytest
    >>> torch = pytest.importorskip("torch")
    >>> import chainrule as cr
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).double()
    >>> cr.from_torch(model)
    Network(Dense(units=8, activation='relu', bias=True, weights=None, biases=Constant(value=0.0)), \
Dense(units=1, activation=None, bias=True, weights=None, biases=Constant(value=0.0)), loss='squared_error', \
inputs={'X': ('B', 3)})
    """
    modules = list(_flat(model))
    read = (_piece(module, place) for place, module in enumerate(modules, 1))
    pieces = [piece for piece in read if piece is not None]
    require(len(pieces) > 0, "the Sequential holds no module")
    kinds = {parameter.dtype for module in modules for parameter in module.parameters()}
    dtype = "float64" if any(str(kind) == "torch.float64" for kind in kinds) else "float32"
    return assemble(pieces, _width(modules) if inputs is None else inputs, loss, dtype)


def _flat(model: Any) -> Iterator[Any]:
    """The modules in the order in which they run."""
    kind = type(model)
    own = not kind.__module__.startswith("torch.nn.modules")
    if own or kind.__name__ not in _KNOWN:
        why = "what a module of your own does stands in its forward, which is not read" if own else ""
        raise unreadable("PyTorch", kind.__name__, why, _KNOWN)
    if model._forward_hooks or model._forward_pre_hooks:
        raise unreadable("PyTorch", kind.__name__, "it has hooks, which may change what it gives", _KNOWN)
    if kind.__name__ != "Sequential":
        yield model
        return
    for module in model:
        yield from _flat(module)


def _piece(module: Any, place: int) -> Piece | None:
    """A module as a layer here; nothing for one that does nothing."""
    name = type(module).__name__
    match name:
        case "Identity":
            return None
        case "Linear":
            weights = _values(module.weight)
            assert weights is not None
            return dense(weights.T, _values(module.bias))
        case "Dropout":
            return Piece(Dropout(module.p))
        case "BatchNorm1d" if module.momentum is not None and module.track_running_stats:
            states = [_values(module.running_mean), _values(module.running_var)]
            layer = BatchNorm(1 - module.momentum, module.eps)
            return normalised(layer, module.num_features, *_affine(module), *(s for s in states if s is not None))
        case "LayerNorm" if len(module.normalized_shape) == 1:
            return normalised(LayerNorm(module.eps), module.normalized_shape[0], *_affine(module))
        case "Flatten" if (module.start_dim, module.end_dim) == (1, -1):
            return Piece(Flatten())
        case "Embedding" if module.max_norm is None:
            table = _values(module.weight)
            assert table is not None
            return Piece(Embedding(*table.shape), (table,))
        case _ if name in PLAIN:
            return Piece(Activation(PLAIN[name]))
        case _:
            activation = _activation(name, module)
            if activation is None:
                raise unreadable("PyTorch", f"module {place}, {module},", "with these settings", _KNOWN)
            return Piece(activation)


def _activation(name: str, module: Any) -> Activation | None:
    """An activation that has settings; nothing where there is no counterpart."""
    match name:
        case "LeakyReLU":
            return Activation("leaky_relu", {"slope": module.negative_slope})
        case "ELU":
            return Activation("elu", {"alpha": module.alpha})
        case "GELU":
            return Activation("gelu" if module.approximate == "none" else "gelu_tanh")
        case "Hardtanh" if (module.min_val, module.max_val) == (-1, 1):
            return Activation("hard_tanh")
        case "Softplus" if module.beta == 1:
            return Activation("softplus")
        case "Softmax" | "LogSoftmax" if module.dim in (None, 1, -1):
            return Activation("softmax" if name == "Softmax" else "log_softmax")
        case _:
            return None


def _affine(module: Any) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Scale and shift of a normalisation."""
    return _values(module.weight), _values(module.bias)


def _values(tensor: Any) -> NDArray[np.float64] | None:
    return None if tensor is None else np.asarray(tensor.detach().cpu().double().numpy())


def _width(modules: Sequence[Any]) -> int:
    """The number of features, from the first module that says it."""
    table = None
    flat = False
    for module in modules:
        flat = flat or type(module).__name__ == "Flatten"
        if type(module).__name__ == "Embedding" and table is None:
            table, flat = module, False
            continue
        width = _inputs_of(module)
        if width is not None:
            return width if table is None else _columns(table, width, flat)
    if table is not None and not flat:
        return 1
    raise ArgumentError("no module says how many features a row has: give inputs=")


def _inputs_of(module: Any) -> int | None:
    """The number of columns that a module takes, where it is known."""
    match type(module).__name__:
        case "Linear":
            return int(module.in_features)
        case "BatchNorm1d":
            return int(module.num_features)
        case "LayerNorm":
            return int(module.normalized_shape[0])
        case _:
            return None


def _columns(table: Any, width: int, flat: bool) -> int:
    """The columns of codes whose rows of the table, side by side, make a width."""
    columns = width // int(table.embedding_dim)
    if columns != 1 and not flat:
        raise unreadable("PyTorch", str(table), "without a Flatten after it, for several columns of codes", _KNOWN)
    return columns
