"""Layers that compute with all columns of their input: Dense, activations, dropout, normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import require, whole_number
from chainrule.expression import Expression, Operation
from chainrule.init import Constant, He, Initialiser, LeCun, Xavier, Zeros, initialiser
from chainrule.nn.activations import activation_name, activation_of
from chainrule.nn.build import Build
from chainrule.nn.layer import Layer
from chainrule.ops.arithmetic import complement, minimum, size_of
from chainrule.ops.elementary import sqrt
from chainrule.ops.random import dropout_mask

_RELU_LIKE = frozenset({"relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish"})


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer: z = x W + b, h = activation(z).

    Args:
        units: the number of outputs.
        activation: a name of :data:`ACTIVATIONS`, an operation, or ``None``: linear, or in the last layer what the
            loss wants (sigmoid for binary cross-entropy, softmax for cross-entropy, exp for Poisson).
        bias: whether there is a b.
        weights: starting values of W, shape (inputs, units): an initialiser, its name, a number or an array.
            By default Xavier, He for ReLU and its relatives, LeCun for SELU.
        biases: starting values of b, shape (units,).
    """

    units: int
    activation: str | Operation | None = None
    bias: bool = True
    weights: Any = None
    biases: Any = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", whole_number("the units of Dense", self.units, 1))
        activation_of(self.activation)
        if self.weights is not None:
            object.__setattr__(self, "weights", initialiser(self.weights))
        object.__setattr__(self, "biases", initialiser(self.biases))

    def apply(self, x: Expression, build: Build) -> Expression:
        """Z = x W + b, then the activation."""
        number, inputs = build.next("Dense"), build.width(x)
        start = self.weights or default_weights(activation_name(self.activation))
        z = x @ build.parameter(f"W{number}", (inputs, self.units), start)
        if self.bias:
            z = z + build.parameter(f"b{number}", (self.units,), self.biases, penalised=False)
        z = z.named(f"z{number}")
        operation = activation_of(self.activation)
        return z if operation is None else operation(z).named(f"h{number}")


def default_weights(activation: str | None) -> Initialiser:
    """The usual starting values for an activation."""
    if activation in _RELU_LIKE:
        return He()
    return LeCun() if activation == "selu" else Xavier()


@dataclass(frozen=True)
class Activation(Layer):
    """An activation on its own: h = activation(x).

    ``settings`` are the operation's further arguments, such as ``{"slope": 0.2}`` of ``leaky_relu``.
    """

    activation: str | Operation
    settings: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        activation_of(self.activation)

    def apply(self, x: Expression, build: Build) -> Expression:
        """activation(x)."""
        operation = activation_of(self.activation)
        return x if operation is None else operation(x, **self.settings).named(f"a{build.next('Activation')}")


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets each element to 0 with probability ``rate`` while training, and scales the others by 1 / (1 - rate).

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), inverted form. The mask depends only on the
    seed, the step, the layer and the element's place: every engine draws the same.
    """

    rate: float

    def __post_init__(self) -> None:
        require(0 <= self.rate < 1, f"the dropout rate must be at least 0 and below 1, not {self.rate!r}")

    def apply(self, x: Expression, build: Build) -> Expression:
        """The thinned x in training, x itself otherwise."""
        number = build.next("Dropout")
        if not build.training or self.rate == 0:
            return x
        key, step = build.random()
        kept = dropout_mask(key, step, self.rate, like=x, stream=number)
        return (x * kept / (1 - self.rate)).named(f"r{number}")


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each column over the rows of the batch, then scales and shifts it. Ioffe and Szegedy (2015).

    n = gamma (x - mean) / sqrt(variance + epsilon) + beta. In training, mean and variance (divided by the number of
    rows) are those of the batch; elsewhere their running averages, new = momentum old + (1 - momentum) batch, which a
    batch of a single row leaves as they are.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        require(0 <= self.momentum < 1, f"the momentum must be at least 0 and below 1, not {self.momentum!r}")

    def apply(self, x: Expression, build: Build) -> Expression:
        """The normalised columns."""
        number, width = build.next("Norm"), build.width(x)
        running_mean = build.state(f"mean{number}", (width,), 0.0)
        running_variance = build.state(f"variance{number}", (width,), 1.0)
        mean, variance = running_mean, running_variance
        if build.training:
            axes = tuple(range(x.rank - 1)) if x.rank > 2 else 0
            mean = x.mean(axis=axes).named(f"mu{number}")
            centred = x - mean
            variance = (centred**2).mean(axis=axes).named(f"var{number}")
            for old, new in ((running_mean, mean), (running_variance, variance)):
                assert old.name is not None
                # A batch of a single row has no spread to learn from: it changes nothing.
                share = complement(self.momentum) * minimum(size_of(x.shape[:-1]) - 1, 1)
                build.update(old.name, (1 - share) * old + share * new)
        return _scaled((x - mean) / sqrt(variance + self.epsilon), width, number, build)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalises each row over its columns, then scales and shifts. Ba, Kiros, Hinton (2016)."""

    epsilon: float = 1e-5

    def apply(self, x: Expression, build: Build) -> Expression:
        """The normalised rows."""
        number, width = build.next("Norm"), build.width(x)
        centred = (x - x.mean(axis=-1, keepdims=True)).named(f"c{number}")
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return _scaled(centred / sqrt(variance + self.epsilon), width, number, build)


def _scaled(x: Expression, width: int, number: int, build: Build) -> Expression:
    gamma = build.parameter(f"gamma{number}", (width,), Constant(1.0), penalised=False)
    beta = build.parameter(f"beta{number}", (width,), Zeros(), penalised=False)
    return (gamma * x + beta).named(f"n{number}")
