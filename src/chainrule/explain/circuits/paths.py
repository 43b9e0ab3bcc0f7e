"""Paths: the derivative as a sum over all ways through a circuit, each a product of partial derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

from chainrule.document import Document, Shown
from chainrule.errors import ArgumentError
from chainrule.explain.circuits.circuit import Circuit
from chainrule.expression import Expression

MOST_LISTED = 1000
"""Paths up to which they are listed."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One partial derivative on a path: of the value of a gate by one of its inputs."""

    gate: str
    by: str
    partial: Expression
    value: float | None


@dataclass(frozen=True, eq=False)
class Path:
    """One way from the output of a circuit down to one of its scalars."""

    factors: tuple[Factor, ...]

    @cached_property
    def value(self) -> float | None:
        """The product of the factors."""
        numbers = [f.value for f in self.factors]
        return None if any(n is None for n in numbers) else prod(n for n in numbers if n is not None)


@dataclass(frozen=True, eq=False)
class Paths(Shown):
    """All paths from the output of a circuit to one of its scalars."""

    circuit: Circuit
    name: str

    @cached_property
    def paths(self) -> list[Path]:
        """The paths, in the order of the gates."""
        count = count_paths(self.circuit, self.name)
        if count > MOST_LISTED:
            raise ArgumentError(
                f"{count:,} paths lead to {self.name}: too many to list (the limit is {MOST_LISTED}); "
                "derive works out their sum without listing them"
            )
        return paths_of(self.circuit, self.name)

    @cached_property
    def value(self) -> float | None:
        """The sum over the paths: the derivative; without values there is none."""
        numbers = [path.value for path in self.paths]
        return None if self.circuit.inputs is None else sum(n for n in numbers if n is not None)

    def to_json(self) -> dict[str, Any]:
        """Each path with its gates and factors, and the sum, for programs."""
        return {
            "by": self.name,
            "paths": [
                {
                    "gates": [factor.gate for factor in path.factors],
                    "factors": [factor.value for factor in path.factors],
                    "value": path.value,
                }
                for path in self.paths
            ],
            "value": self.value,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        from chainrule.explain.circuits.pages import paths_page

        return paths_page(self)


def count_paths(circuit: Circuit, name: str) -> int:
    """How many paths lead from the output to a scalar."""
    counts = {circuit.output: 1}
    for gate in reversed(circuit.gates):
        for source in gate.inputs:
            counts[source] = counts.get(source, 0) + counts.get(gate.name, 0)
    return counts.get(name, 0)


def paths_of(circuit: Circuit, name: str, most: int | None = None) -> list[Path]:
    """The paths from the output to a scalar, at most so many, in the order of the gates."""
    return list(islice(_walk(circuit, name), most))


def _walk(circuit: Circuit, name: str) -> Iterator[Path]:
    stack: list[tuple[str, tuple[Factor, ...]]] = [(name, ())]
    while stack:
        at, factors = stack.pop()
        if at == circuit.output:
            yield Path(factors)
            continue
        for gate in reversed(circuit.readers[at]):
            value = circuit.partial(gate.name, at) if circuit.inputs is not None else None
            stack.append((gate.name, (Factor(gate.name, at, gate.partials[at], value), *factors)))
