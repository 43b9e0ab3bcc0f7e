"""Networks: the face that users hold, put together from what it is, computes, shows, learns and keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from chainrule.errors import ChainruleError, ModelFileError, require, whole_number
from chainrule.expression import Operation
from chainrule.network.diagnosed import Diagnosed
from chainrule.network.explained import Explained
from chainrule.network.exported import Exportable
from chainrule.nn.activations import activation_of
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Dense, Dropout
from chainrule.storage import read_model


class Network(Explained, Diagnosed, Exportable):
    """A neural network: layers and a loss, their parameters, and all that can be done with them.

    Args:
        layers: such as ``cr.Dense(64, "relu")``.
        loss: a name, a loss of :mod:`chainrule.losses`, or a formula over prediction and target.
        inputs: the number of features, or the shape of a row; for several inputs a dictionary of them. Without it,
            the first data seen decides.
        seed: of the starting values, and of shuffling and dropout unless ``fit`` gets one of its own.
        dtype: ``"float32"`` or ``"float64"``.
        l1, l2: penalties, l1 times the sum of |w| and l2 times the sum of w^2 over all weights (not biases), that are
            part of the loss.

    >>> import chainrule as cr
    >>> net = cr.Network(cr.Dense(8, "relu"), cr.Dense(1), loss="binary_cross_entropy", inputs=3)
    >>> net.parameters["W1"].shape
    (3, 8)
    """


def load(path: str | Path, layers: Sequence[type[Layer]] = ()) -> Network:
    """The network that :meth:`Network.save` wrote.

    Args:
        path: the file or folder.
        layers: the classes of layers of your own that the network has.

    Raises:
        ModelFileError: if the file is missing, damaged, truncated or not one of ours.
    """
    description, arrays = read_model(path)
    return network_from(description, arrays, path, layers)


def network_from(
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    path: str | Path,
    layers: Sequence[type[Layer]] = (),
) -> Network:
    """The network of a model that was read from ``path``."""
    try:
        return Network.from_json(description, arrays, layers)
    except ChainruleError as error:
        raise ModelFileError(f"{path} cannot be read back: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelFileError(f"{path}: the model's description is damaged ({error!r})") from None


def mlp(
    sizes: Sequence[int],
    *,
    hidden: str | Operation | Sequence[str | Operation] = "tanh",
    output: str | Operation | None = None,
    loss: Any = "squared_error",
    bias: bool = True,
    dropout: float = 0.0,
    weights: Any = None,
    biases: Any = 0.0,
    seed: int = 0,
    dtype: str = "float32",
    l1: float = 0.0,
    l2: float = 0.0,
) -> Network:
    """A multilayer perceptron.

    Args:
        sizes: features, units of each hidden layer, outputs: ``[2, 2, 1]``.
        hidden: the activation of the hidden layers, or one for each.
        output: the activation of the last layer; what the loss wants by default.
        loss: as in :class:`Network`.
        bias: whether layers have biases.
        dropout: the rate of dropout after each hidden layer.
        weights: starting values of the weights, as in :class:`Dense`.
        biases: starting values of the biases.
        seed: as in :class:`Network`.
        dtype: as in :class:`Network`.
        l1: as in :class:`Network`.
        l2: as in :class:`Network`.

    >>> import chainrule as cr
    >>> net = cr.mlp([2, 2, 1], hidden="tanh", output="sigmoid", loss="squared_error", bias=True, seed=0)
    >>> list(net.parameters)
    ['W1', 'b1', 'W2', 'b2']
    """
    require(
        len(sizes) >= 2,
        f"sizes must give at least features and outputs, as in [2, 8, 1], not {list(sizes)!r}",
    )
    sizes = [whole_number("each of the sizes", s, 1) for s in sizes]
    inner = len(sizes) - 2
    for name in [hidden] if isinstance(hidden, str | Operation) else hidden:
        activation_of(name)
    names = [hidden] * inner if isinstance(hidden, str | Operation) else list(hidden)
    require(len(names) == inner, f"{inner} hidden layers need {inner} activations, not {len(names)}")
    layers: list[Layer] = []
    for units, name in zip(sizes[1:-1], names, strict=True):
        layers.append(Dense(units, name, bias, weights, biases))
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Dense(sizes[-1], output, bias, weights, biases))
    return Network(*layers, loss=loss, inputs=sizes[0], seed=seed, dtype=dtype, l1=l1, l2=l2)
