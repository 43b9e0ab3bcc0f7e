"""Layers: descriptions that turn into expressions.

A layer is a frozen dataclass with one method, ``apply(x, build)``: from the expression of its input to that
of its output. A layer of your own is a subclass that asks ``build`` for its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import pi
from typing import Any, Literal

from chainrule.errors import ArgumentError, ShapeError, require, unknown_name, whole_number
from chainrule.expression import REGISTRY, Expression, Operation
from chainrule.init import Constant, He, Initialiser, LeCun, Normal, Uniform, Xavier, Zeros, initialiser
from chainrule.nn.build import Build
from chainrule.ops.arithmetic import complement, minimum, size_of, to_int
from chainrule.ops.arrays import concatenate, take
from chainrule.ops.elementary import cos, sqrt
from chainrule.ops.random import dropout_mask
from chainrule.shapes import show_shape

ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softsign", "hard_tanh",
    "tanh", "sigmoid", "softplus", "softmax", "log_softmax", "exp", "sin", "smooth_clip",
)  # fmt: skip
_RELU_LIKE = frozenset({"relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish"})


def activation_of(name: str | Operation | None) -> Operation | None:
    """The operation of an activation; ``None`` for ``"linear"`` or nothing."""
    if name is None or name == "linear":
        return None
    if isinstance(name, Operation):
        return name
    require(isinstance(name, str), f"an activation is a name or an operation (see cr.elementwise), not {name!r}")
    if name not in ACTIVATIONS and name not in REGISTRY:
        raise unknown_name("activation", name, ACTIVATIONS)
    return REGISTRY[name]


def activation_name(activation: str | Operation | None) -> str | None:
    """The name of an activation."""
    return activation.name if isinstance(activation, Operation) else activation


class Layer:
    """Base of all layers."""

    def apply(self, x: Expression, build: Build) -> Expression:
        """The expression of the layer's output."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """A description that :func:`layer_from_json` reads back."""
        settings = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
        return {"layer": type(self).__name__, **settings}


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


@dataclass(frozen=True)
class Embedding(Layer):
    """Replaces each category code 0, 1, ... by a row of a learnt table, shape (categories, size).

    An input of shape (B, k) becomes (B, k size): the rows side by side.
    """

    categories: int
    size: int
    weights: Any = None

    def __post_init__(self) -> None:
        require(self.categories > 0 and self.size > 0, "an Embedding needs at least one category and one column")
        object.__setattr__(self, "weights", initialiser(self.weights) if self.weights is not None else Uniform())

    def apply(self, x: Expression, build: Build) -> Expression:
        """The rows of the table that the codes name."""
        number, columns = build.next("Embedding"), build.width(x)
        table = build.parameter(f"E{number}", (self.categories, self.size), self.weights)
        rows = take(table, x if x.dtype == "int" else to_int(x))
        return rows.reshape(*x.shape[:-1], columns * self.size).named(f"e{number}")


@dataclass(frozen=True)
class Periodic(Layer):
    """Puts waves of its first columns beside the input: [x, cos(x F + P)], each column at several frequencies.

    With them the first Dense layer can follow what bends sharply within a column. F starts at random, normal with
    standard deviation 2 pi ``scale``; P starts uniform over a whole turn. Gorishniy, Rubachev, Babenko (2022), with the
    input itself kept as in Holzmüller, Grinsztajn, Steinwart (2024).

    Args:
        columns: how many columns, from the first, are numbers to make waves of.
        frequencies: waves of each.
        scale: of the starting frequencies, in turns for each unit of x.
    """

    columns: int
    frequencies: int = 4
    scale: float = 0.1

    def __post_init__(self) -> None:
        for name in ("columns", "frequencies"):
            object.__setattr__(self, name, whole_number(f"{name} of Periodic", getattr(self, name), 1))
        require(self.scale > 0, f"the scale of Periodic must be above 0, not {self.scale!r}")

    def apply(self, x: Expression, build: Build) -> Expression:
        """X and its waves, side by side."""
        number, width = build.next("Periodic"), build.width(x)
        if width < self.columns:
            raise ShapeError(f"{build.place()} makes waves of {self.columns} columns, but its input has {width}")
        rows = (slice(None),) * (x.rank - 1)
        numbers = x if width == self.columns else x[(*rows, slice(0, self.columns))]
        waves = self.columns * self.frequencies
        frequency = build.parameter(f"F{number}", (waves,), Normal(2 * pi * self.scale), penalised=False)
        phase = build.parameter(f"P{number}", (waves,), Uniform(-pi, pi), penalised=False)
        repeated = concatenate(*[numbers] * self.frequencies, axis=-1) if self.frequencies > 1 else numbers
        return concatenate(x, cos(repeated * frequency + phase), axis=-1).named(f"p{number}")


@dataclass(frozen=True)
class Columns(Layer):
    """Picks columns of its input, by their numbers."""

    numbers: tuple[int, ...]

    def __init__(self, *numbers: int) -> None:
        object.__setattr__(self, "numbers", numbers)
        require(len(numbers) > 0, "Columns needs at least one column number")

    def apply(self, x: Expression, build: Build) -> Expression:
        """The columns, in the order given."""
        width, rows = build.width(x), (slice(None),) * (x.rank - 1)
        if not all(0 <= n < width for n in self.numbers):
            raise ShapeError(f"{build.place()}: the input has columns 0 to {width - 1}, not all of {self.numbers}")
        first, last = self.numbers[0], self.numbers[-1]
        if self.numbers == tuple(range(first, last + 1)):
            return x[(*rows, slice(first, last + 1))]
        return concatenate(*(x[(*rows, slice(n, n + 1))] for n in self.numbers), axis=-1)


@dataclass(frozen=True)
class Flatten(Layer):
    """Puts all axes but the first into one."""

    def apply(self, x: Expression, build: Build) -> Expression:
        """Rows of all the elements."""
        width = 1
        for size in x.shape[1:]:
            if not isinstance(size, int):
                raise ShapeError(f"{build.place()} needs known sizes, not {show_shape(x.shape)}")
            width *= size
        return x.reshape(x.shape[0], width)


@dataclass(frozen=True)
class Input(Layer):
    """Starts a branch from the input of that name, for networks with several inputs."""

    name: str

    def apply(self, x: Expression, build: Build) -> Expression:
        """The input."""
        return build.input(self.name)


@dataclass(frozen=True)
class Residual(Layer):
    """Adds its input to what its layers make of it: s = x + f(x). He, Zhang, Ren, Sun (2016)."""

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", as_layers(layers))

    def apply(self, x: Expression, build: Build) -> Expression:
        """X + f(x)."""
        y = build.run(self.layers, x)
        if y.shape != x.shape:
            raise ShapeError(
                f"{build.place()} adds {show_shape(y.shape)} to {show_shape(x.shape)}: "
                f"its last layer must have {x.shape[-1]} units"
            )
        return (x + y).named(f"s{build.next('Residual')}")


@dataclass(frozen=True)
class Join(Layer):
    """Several paths from one input, or from inputs of their own (:class:`Input`), that meet.

    Args:
        branches: layers, or sequences of layers.
        how: ``"concatenate"`` puts the results side by side, ``"add"`` adds them, ``"average"`` takes their mean.
    """

    branches: tuple[tuple[Layer, ...], ...]
    how: Literal["concatenate", "add", "average"]

    def __init__(self, *branches: Any, how: Literal["concatenate", "add", "average"] = "concatenate") -> None:
        paths = tuple(as_layers(b if isinstance(b, list | tuple) else (b,)) for b in branches)
        require(len(paths) > 1, "Join needs at least two branches")
        known = ("concatenate", "add", "average")
        require(how in known, f"branches join by 'concatenate', 'add' or 'average', not {how!r}")
        object.__setattr__(self, "branches", paths)
        object.__setattr__(self, "how", how)

    def apply(self, x: Expression, build: Build) -> Expression:
        """The joined results."""
        results = []
        for number, branch in enumerate(self.branches, 1):
            build.where.append(f"branch {number}")
            results.append(build.run(branch, x))
            build.where.pop()
        name = f"j{build.next('Join')}"
        if self.how == "concatenate":
            return concatenate(*results, axis=-1).named(name)
        total = results[0]
        for result in results[1:]:
            if result.shape != total.shape:
                raise ShapeError(f"{build.place()} cannot add {show_shape(total.shape)} and {show_shape(result.shape)}")
            total = total + result
        return (total / len(results) if self.how == "average" else total).named(name)


LAYERS: dict[str, type[Layer]] = {
    c.__name__: c
    for c in (
        Dense, Activation, Dropout, BatchNorm, LayerNorm, Embedding, Periodic, Columns, Flatten, Input, Residual, Join,
    )
}  # fmt: skip


def as_layers(layers: Any) -> tuple[Layer, ...]:
    """Check that these are layers."""
    for layer in layers:
        require(
            isinstance(layer, Layer),
            f"a network is made of layers such as cr.Dense(8, 'relu'), not {layer!r}",
        )
    return tuple(layers)


def _plain(value: Any) -> Any:
    if isinstance(value, Layer | Initialiser):
        return value.to_json()
    if isinstance(value, Operation):
        return value.name
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def layer_from_json(data: dict[str, Any], own: Sequence[type[Layer]] = ()) -> Layer:
    """The layer that :meth:`Layer.to_json` described; ``own`` are the user's layer classes that may occur."""
    settings = dict(data)
    name = settings.pop("layer")
    known = LAYERS | {c.__name__: c for c in own}
    if name not in known:
        raise ArgumentError(f"it has a layer {name} of your own: give its class, as in cr.load(path, layers=[{name}])")
    if name == "Residual":
        return Residual(*(layer_from_json(d, own) for d in settings["layers"]))
    if name == "Join":
        return Join(*([layer_from_json(d, own) for d in b] for b in settings["branches"]), how=settings["how"])
    if name == "Columns":
        return Columns(*settings["numbers"])
    return known[name](**settings)
