"""From layers to expressions: the symbols, parameters and running states that layers ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chainrule.errors import ArgumentError, ShapeError, unknown_name
from chainrule.expression import Expression, symbol
from chainrule.init import Initialiser
from chainrule.shapes import show_shape

if TYPE_CHECKING:
    from chainrule.nn.layer import Layer


@dataclass(frozen=True)
class Parameter:
    """One array that training changes."""

    name: str
    shape: tuple[int, ...]
    start: Initialiser
    penalised: bool = True
    """Whether L1 and L2 count it: weights do, biases and scales do not."""


@dataclass(frozen=True)
class State:
    """One array that training carries along without deriving by it (running means)."""

    name: str
    shape: tuple[int, ...]
    start: float


@dataclass
class Build:
    """What layers see while a network is put together."""

    inputs: Mapping[str, Expression]
    training: bool
    parameters: list[Parameter] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    updates: dict[str, Expression] = field(default_factory=dict)
    symbols: dict[str, Expression] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    where: list[str] = field(default_factory=list)
    results: list[tuple[str, Expression]] = field(default_factory=list)
    """The places that were passed, the innermost first, with what each gave."""

    def next(self, kind: str) -> int:
        """The next number for a kind of layer: 1, 2, ..."""
        self.counters[kind] += 1
        return self.counters[kind]

    def parameter(self, name: str, shape: tuple[int, ...], start: Initialiser, *, penalised: bool = True) -> Expression:
        """A new parameter, as a symbol."""
        self.parameters.append(Parameter(name, shape, start, penalised))
        self.symbols[name] = symbol(name, shape, role="parameter")
        return self.symbols[name]

    def state(self, name: str, shape: tuple[int, ...], start: float) -> Expression:
        """A new running state, as a symbol."""
        self.states.append(State(name, shape, start))
        self.symbols[name] = symbol(name, shape, role="state")
        return self.symbols[name]

    def update(self, name: str, value: Expression) -> None:
        """The value that a state has after a training step."""
        self.updates[name] = value

    def random(self) -> tuple[Expression, Expression]:
        """The key and the step number that random masks are made from."""
        return (
            self.symbols.setdefault("key", symbol("key", dtype="int", role="constant")),
            self.symbols.setdefault("step", symbol("step", dtype="int", role="constant")),
        )

    def input(self, name: str) -> Expression:
        """An input by name."""
        if name not in self.inputs:
            raise unknown_name("input", name, self.inputs)
        return self.inputs[name]

    def width(self, x: Expression) -> int:
        """The number of columns of ``x``, which must be known."""
        if x.rank < 2 or not isinstance(x.shape[-1], int):
            raise ShapeError(f"{self.place()} needs rows with a known number of columns, not {show_shape(x.shape)}")
        return x.shape[-1]

    def place(self) -> str:
        """Where in the network we are, for error messages."""
        return " > ".join(self.where) or "the network"

    def run(self, layers: Sequence[Layer], x: Expression) -> Expression:
        """Apply layers one after another."""
        for number, layer in enumerate(layers, 1):
            self.where.append(f"layer {number} ({type(layer).__name__})")
            try:
                x = layer.apply(x, self)
            except ShapeError as error:
                named = str(error).startswith("layer ")
                raise error if named else ShapeError(f"{self.place()}: {error}") from None
            if not isinstance(x, Expression):
                raise ArgumentError(f"{self.place()}: apply gives {x!r}, not an expression")
            self.results.append((self.place(), x))
            self.where.pop()
        return x
