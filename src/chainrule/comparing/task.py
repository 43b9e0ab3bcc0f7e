"""What every library is given: a network at its starting weights, an optimiser, rows, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from numpy.typing import NDArray

from chainrule.comparing.definitions import Definition
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.nn import Activation, Dense, Dropout, Embedding, Layer
from chainrule.nn.activations import activation_name
from chainrule.optim import Optimizer

Array = NDArray[Any]


class LeftOut(Exception):  # noqa: N818 - not an error
    """Why a library cannot take part."""


@dataclass(frozen=True)
class Task:
    """The training that is compared.

    Attributes:
        network: at its starting weights, in the precision of the comparison.
        optimizer: with a learning rate that stays the same.
        X: all features.
        Y: all targets, one row for each, as the loss takes them.
        batches: the row numbers of each step.
    """

    network: Network
    optimizer: Optimizer
    X: Array
    Y: Array
    batches: Sequence[NDArray[Any]]

    @property
    def lr(self) -> float:
        """The learning rate."""
        return float(self.optimizer.lr)  # type: ignore[arg-type]

    @property
    def outputs(self) -> int:
        """Outputs of a row."""
        return self.network.outputs

    @property
    def rows(self) -> int:
        """Rows of a step."""
        return len(self.batches[0])

    @cached_property
    def penalised(self) -> list[str]:
        """The parameters of which penalties are taken; none without penalties."""
        if self.network.l1 == self.network.l2 == 0:
            return []
        return [p.name for p in self.network.model.assemble(training=False).parameters if p.penalised]

    def same_as(self, other: Task) -> bool:
        """Whether another form of the task is none: the same loss, optimiser and precision."""
        keys = [(t.network.loss_function.name, t.optimizer, t.network.dtype) for t in (self, other)]
        return keys[0] == keys[1]

    def under(self, *, optimizer: Optimizer | None = None, loss: Loss | None = None, dtype: str | None = None) -> Task:
        """The same with another optimiser, another loss, or in another precision."""
        dtype = dtype or self.network.dtype
        network = in_precision(self.network, dtype, loss)
        X, Y = (a.astype(dtype, copy=False) for a in (self.X, self.Y))
        return replace(self, network=network, optimizer=optimizer or self.optimizer, X=X, Y=Y)


class Peer(Protocol):
    """A library at work on a task."""

    @property
    def name(self) -> str:
        """Of the library, with its version."""
        ...

    @property
    def definitions(self) -> Sequence[Definition]:
        """What is defined in another way there."""
        ...

    @property
    def theirs(self) -> Task:
        """The task as the library defines it, where its settings cannot reach our definition; else the task."""
        ...

    def step(self, rows: NDArray[Any]) -> float:
        """Make one update with these rows; the loss before it."""
        ...

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters, by the names and in the shapes that they have here."""
        ...


def in_precision(network: Network, dtype: str, loss: Loss | None = None) -> Network:
    """A copy of a network in another precision, or with another loss."""
    penalties = {"l1": network.l1, "l2": network.l2}
    chosen = network.loss_function if loss is None else loss
    copy = Network(*network.layers, loss=chosen, inputs=network.inputs, seed=network.seed, dtype=dtype, **penalties)
    copy.take(network.arrays())
    return copy


@dataclass(frozen=True)
class Part:
    """A step of the forward pass: a layer (Dense without its activation), and the names of its parameters."""

    layer: Layer
    names: tuple[str, ...] = ()


LAYERS = ("Dense", "Activation", "BatchNorm", "LayerNorm", "Embedding", "Flatten")
LOGITS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
"""Losses that libraries compute from what enters the output's activation."""


def parts_of(network: Network) -> list[Part]:
    """The forward pass of a network whose layers follow one another; for a loss of logits, up to those.

    Raises:
        LeftOut: for a layer that other libraries do not have.
    """
    names = iter(network.parameters)
    parts: list[Part] = []
    for place, layer in enumerate(network.layers, 1):
        kind = type(layer).__name__
        if isinstance(layer, Dropout) and layer.rate == 0:
            continue
        if kind not in LAYERS or (kind == "Embedding" and parts):
            raise LeftOut(
                f"no counterpart there for layer {place}, {kind}: only for {', '.join(LAYERS)}, one after another"
            )
        count = {"Dense": 1 + getattr(layer, "bias", 0), "BatchNorm": 2, "LayerNorm": 2, "Embedding": 1}.get(kind, 0)
        parts.append(Part(layer, tuple(next(names) for _ in range(count))))
        if isinstance(layer, Dense) and activation_name(layer.activation) not in (None, "linear"):
            parts.append(Part(Activation(layer.activation or "linear")))
    loss = network.loss_function
    last = network.layers[-1]
    if isinstance(last, Dense) and last.activation is None and loss.link != "linear":
        parts.append(Part(Activation(loss.link)))
    if loss.name in LOGITS:
        end = parts.pop().layer
        if activation_name(getattr(end, "activation", None)) != LOGITS[loss.name]:
            raise LeftOut(f"its {loss.name} takes the logits of a {LOGITS[loss.name]}")
    return parts


def has_codes(parts: Sequence[Part]) -> bool:
    """Whether the features are codes of categories."""
    return isinstance(parts[0].layer, Embedding)


def known_loss(task: Task, known: Sequence[str]) -> Loss:
    """The loss, if a library has it."""
    loss = task.network.loss_function
    if loss.name not in known or "formula" in loss.to_json() or loss.label_smoothing or loss.reduction != "mean":
        raise LeftOut(f"no counterpart there for the loss {loss.name}: only for {', '.join(known)}, as means over rows")
    return loss
