"""What of a circuit becomes a gate, a wire or a letter beside one, and in which column it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from chainrule.explain.circuits.circuit import Circuit, Gate
from chainrule.explain.drawings.layout import Point, heights
from chainrule.expression import Expression

MOST_WIRES = 60
"""Wires up to which a picture can be read."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The plan of a picture: weights stand on wires and biases at gates, everything else has a place of its own."""

    circuit: Circuit

    @cached_property
    def weights(self) -> dict[tuple[str, str], str]:
        """(gate, input) -> the leaf that multiplies the input in a weighted sum, and is written on its wire."""
        found: dict[tuple[str, str], str] = {}
        for gate in self.circuit.gates:
            for left, right in _products(gate.formula):
                weight = next((n for n in (left, right) if self._is_parameter(n, "w")), None)
                other = right if weight == left else left
                if weight is not None and (gate.name, other) not in found:
                    found[gate.name, other] = weight
        return found

    @cached_property
    def summing(self) -> set[str]:
        """The gates that are weighted sums."""
        return {gate for gate, _ in self.weights}

    @cached_property
    def biases(self) -> dict[str, str]:
        """Gate -> the leaf that is added to a weighted sum, and is written below the gate."""
        return {
            gate.name: name
            for gate in self.circuit.gates
            for name in gate.inputs
            if gate.name in self.summing and self._is_parameter(name, "b")
        }

    def _is_parameter(self, name: str, letter: str) -> bool:
        only = name in self.circuit.leaves and len(self.circuit.readers[name]) == 1
        return only and name[0].lower() == letter

    def sources(self, gate: Gate) -> list[str]:
        """What is drawn as a wire into a gate."""
        written = {weight for (g, _), weight in self.weights.items() if g == gate.name} | {self.biases.get(gate.name)}
        return [name for name in gate.inputs if name not in written]

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of each gate and of each leaf that has a place of its own."""
        column: dict[str, int] = {}
        for gate in self.circuit.gates:
            column[gate.name] = 1 + max((column.get(s, 0) for s in self.sources(gate)), default=0)
        written = {*self.weights.values(), *self.biases.values()}
        for name in self.circuit.leaves:
            if name not in written and self.circuit.readers[name]:
                column[name] = min(column[g.name] for g in self.circuit.readers[name]) - 1
        return {name: column[name] for name in (*self.circuit.leaves, *self.circuit.gate) if name in column}

    @property
    def leaves(self) -> list[str]:
        """The leaves that have a place of their own."""
        return [name for name in self.circuit.leaves if name in self.columns]

    @cached_property
    def wires(self) -> list[tuple[str, str]]:
        """Source and gate of each wire."""
        return [(source, gate.name) for gate in self.circuit.gates for source in self.sources(gate)]

    @property
    def readable(self) -> bool:
        """Whether there are few enough wires."""
        return len(self.wires) <= MOST_WIRES

    @cached_property
    def levels(self) -> dict[Point, float]:
        """The height of each node and of each bend of a wire."""
        return heights(self.columns, self.wires)


def _products(formula: Expression) -> Iterator[tuple[str, str]]:
    """The products of two named values among the addends of a sum; none if it is no sum."""
    if formula.operation is None or formula.operation.name != "add":
        return
    stack = [formula]
    while stack:
        node = stack.pop()
        if node.operation is None:
            continue
        if node.operation.name == "add":
            stack.extend(reversed(node.arguments))
        elif node.operation.name == "multiply":
            left, right = (a.name for a in node.arguments)
            if left is not None and right is not None:
                yield left, right
