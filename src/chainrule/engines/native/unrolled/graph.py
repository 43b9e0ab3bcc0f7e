"""The scalars of a program as a graph in which each distinct value exists once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import isfinite, prod
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["float", "weak", "truth", "whole"]
"""A number of the program's precision, a plain Python number (a double), a truth value, a whole number."""


class Reach(IntEnum):
    """What a value depends on, and so how often it must be computed."""

    NUMBER = 0
    """A number in the program's text."""
    RUN = 1
    """The run's constants: once before the first step."""
    STEP = 2
    """The step's number and rows: once a step, for all networks."""
    NETWORK = 3
    """A network's parameters: once a step for each network."""


@dataclass(eq=False, slots=True)
class Node:
    """One scalar; with a ``width``, as many scalars side by side (a whole vector of parameters)."""

    operation: str
    arguments: tuple[Node, ...]
    settings: tuple[int | str, ...]
    kind: Kind
    reach: Reach
    width: int
    index: int
    value: float = field(default=0.0)

    @property
    def is_number(self) -> bool:
        """Whether it is a number in the text."""
        return self.operation == "number"


class Graph:
    """Makes nodes; equal ones are the same object. A node's arguments have smaller indices."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[object, Node] = {}

    def node(
        self,
        operation: str,
        arguments: Sequence[Node] = (),
        kind: Kind = "float",
        *,
        settings: tuple[int | str, ...] = (),
        reach: Reach = Reach.RUN,
        width: int | None = None,
    ) -> Node:
        """The value of an operation; it reaches at least as far as its arguments, and is as wide unless said."""
        key = (operation, kind, settings, tuple(a.index for a in arguments))
        if key not in self._known:
            reach = max([reach, *(a.reach for a in arguments)])
            if width is None:
                width = max((a.width for a in arguments), default=0)
            self._known[key] = self._append(Node(operation, tuple(arguments), settings, kind, reach, width, 0))
        return self._known[key]

    def _append(self, node: Node) -> Node:
        node.index = len(self.nodes)
        self.nodes.append(node)
        return node

    def number(self, value: float, kind: Kind = "weak") -> Node:
        """A number known now."""
        key = ("number", kind, repr(float(value)))
        if key not in self._known:
            made = Node("number", (), (), kind, Reach.NUMBER, 0, 0, float(value))
            self._known[key] = self._append(made)
        return self._known[key]

    def as_float(self, x: Node) -> Node:
        """A plain number rounded to the program's precision, a truth value as 0 or 1."""
        if x.kind == "float":
            return x
        if x.is_number:
            return self.number(x.value, "float")
        return self.node("round" if x.kind == "weak" else "as_float", [x])

    def add(self, terms: Iterable[Node]) -> Node:
        """The sum, in whatever order turns out to be quickest."""
        kept = list(terms)
        kind = kept[0].kind
        numbers = [t.value for t in kept if t.is_number]
        others = [t for t in kept if not t.is_number]
        if sum(numbers) != 0 or not others:
            others.append(self.number(sum(numbers), kind))
        others.sort(key=lambda n: n.index)
        return others[0] if len(others) == 1 else self.node("add", others, kind)

    def negative(self, x: Node) -> Node:
        """``-x``."""
        if x.is_number:
            return self.number(-x.value, x.kind)
        return x.arguments[0] if x.operation == "negative" else self.node("negative", [x], x.kind)

    def multiply(self, *factors: Node) -> Node:
        """The product; a truth value chooses between the other factor and 0."""
        truths = [f for f in factors if f.kind == "truth"]
        if truths:
            rest = self.multiply(*(f for f in factors if f.kind != "truth"))
            for truth in truths:
                rest = self.choose(truth, rest, self.number(0.0, rest.kind))
            return rest
        kind = factors[0].kind
        number = prod(f.value for f in factors if f.is_number)
        others = [f for f in factors if not f.is_number]
        if not others or number == 0:
            return self.number(number, kind) if not others else self.node("multiply", factors, kind)
        if number == -1:
            return self.negative(self.multiply(*others))
        if number != 1:
            others.append(self.number(number, kind))
        others.sort(key=lambda n: n.index)
        return others[0] if len(others) == 1 else self.node("multiply", others, kind)

    def divide(self, x: Node, y: Node) -> Node:
        """``x / y``; to divide by a number of the text is to multiply by its inverse."""
        if y.is_number and y.value != 0 and isfinite(1 / y.value):
            return self.multiply(x, self.number(1 / y.value, y.kind))
        return self.node("divide", [x, y], x.kind)

    def power(self, x: Node, y: Node) -> Node:
        """``x ** y``, by multiplication or a square root where these do."""
        quick: dict[float, Callable[[], Node]] = {
            0.0: lambda: self.number(1.0, x.kind),
            0.5: lambda: self.node("sqrt", [x], x.kind),
            1.0: lambda: x,
            2.0: lambda: self.multiply(x, x),
            3.0: lambda: self.multiply(x, x, x),
            -1.0: lambda: self.divide(self.number(1.0, x.kind), x),
        }
        if x.is_number and y.is_number:
            return self.number(operator.pow(x.value, y.value), x.kind)
        if y.is_number and y.value in quick:
            return quick[y.value]()
        return self.node("power", [x, y], x.kind)

    def choose(self, condition: Node, x: Node, y: Node) -> Node:
        """``x`` where the condition holds, else ``y``."""
        return x if x is y else self.node("choose", [condition, x, y], x.kind)
