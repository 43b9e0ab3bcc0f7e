"""Values and derivatives of a circuit at several points at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import compile_program
from chainrule.explain import Circuit
from chainrule.expression import REGISTRY, Expression, symbol
from chainrule.trace import trace

Array: TypeAlias = NDArray[Any]
Edge: TypeAlias = tuple[str, str]
"""A partial derivative: of a gate, by one of its inputs."""


@dataclass(frozen=True, eq=False)
class World:
    """A circuit with an array of numbers for each leaf: one number for each point.

    A person may have made other numbers of some values, derivatives of the output or partial derivatives; where those
    are no NaN, everything that follows from them follows from the person's.

    Args:
        circuit: leaves and gates.
        leaves: the numbers of each leaf.
        formulas: other formulas for some gates.
        values: a person's values of leaves and gates.
        adjoints: a person's derivatives of the output by leaves and gates.
        partials: a person's partial derivatives.
    """

    circuit: Circuit
    leaves: Mapping[str, Array]
    formulas: Mapping[str, Expression] = field(default_factory=dict)
    values: Mapping[str, Array] = field(default_factory=dict)
    adjoints: Mapping[str, Array] = field(default_factory=dict)
    partials: Mapping[Edge, Array] = field(default_factory=dict)

    @cached_property
    def numbers(self) -> dict[str, Array]:
        """The value of every leaf and gate."""
        found: dict[str, Array] = {}
        for name, leaf in self.leaves.items():
            found[name] = _preferred(self.values.get(name), leaf)
        for gate in self.circuit.gates:
            made = self.number(self.formulas.get(gate.name, gate.formula), found)
            found[gate.name] = _preferred(self.values.get(gate.name), made)
        return found

    def number(self, expression: Expression, numbers: Mapping[str, Array] | None = None) -> Array:
        """The value of an expression over the names of the circuit."""
        shape = next(iter(self.leaves.values())).shape
        with np.errstate(all="ignore"):
            return np.broadcast_to(_value(expression, self.numbers if numbers is None else numbers), shape)

    def partial(self, edge: Edge) -> Array:
        """A partial derivative."""
        if edge not in self._known:
            gate, by = edge
            made = self.number(self.circuit.gate[gate].partials[by])
            self._known[edge] = _preferred(self.partials.get(edge), made)
        return self._known[edge]

    def derivative(self, of: str, by: str, edges: Mapping[Edge, Array] | None = None) -> Array:
        """The derivative of one scalar by another: the sum over all paths of the products of partial derivatives.

        Args:
            of: the scalar above.
            by: the scalar below.
            edges: partial derivatives to take instead of the right ones.
        """
        changed = edges or {}
        below = depending(self.circuit, by)
        zeros = np.zeros(next(iter(self.leaves.values())).shape)
        adjoints = {of: zeros + 1}
        with np.errstate(all="ignore"):
            for gate in reversed(self.circuit.gates):
                if gate.name not in adjoints or gate.name not in below:
                    continue
                g = adjoints[gate.name]
                if of == self.circuit.output != gate.name:
                    g = _preferred(self.adjoints.get(gate.name), g)
                for name in gate.inputs:
                    if name in below:
                        edge = (gate.name, name)
                        part = g * (changed[edge] if edge in changed else self.partial(edge))
                        adjoints[name] = adjoints.get(name, zeros) + part
        return adjoints.get(by, zeros) if of in below else zeros

    @cached_property
    def _known(self) -> dict[Edge, Array]:
        return {}


def depending(circuit: Circuit, name: str) -> frozenset[str]:
    """A scalar and every gate that depends on it."""
    found = {name}
    for gate in circuit.gates:
        if found.intersection(gate.inputs):
            found.add(gate.name)
    return frozenset(found)


def _preferred(own: Array | None, made: Array) -> Array:
    return made if own is None else np.where(np.isnan(own), made, own)


def _value(node: Expression, numbers: Mapping[str, Array]) -> Any:
    if node.literal is not None:
        return np.float64(node.literal)
    if node.name is not None:
        return numbers[node.name]
    assert node.operation is not None
    return _function(node.operation.name)(*(_value(a, numbers) for a in node.arguments))[0]


@cache
def _function(name: str) -> Any:
    """An operation on arrays of numbers."""
    operation = REGISTRY[name]
    arguments = [symbol(argument) for argument in operation.arguments]
    return compile_program(trace({"value": operation(*arguments)}, inputs=arguments, name=f"one_{name}"))
