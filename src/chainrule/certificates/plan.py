"""A program read from plain data, and run on many copies at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.certificates.choices import Choice
from chainrule.certificates.primitives import (
    COMPARISONS,
    PRIMITIVES,
    Array,
    Function,
    aligned,
    axes_of,
    largest,
    shared_max,
)
from chainrule.errors import DataError, unknown_name


@dataclass(frozen=True)
class Own:
    """An operation that is no primitive and has no expansion into some: a function of arrays, as its text computes it.

    ``analytic`` says whether it may be called with complex numbers.
    """

    function: Function
    analytic: bool


@dataclass(frozen=True)
class Step:
    """One equation: what it computes, from what."""

    target: str
    operation: str
    arguments: tuple[str | float, ...]
    attributes: Mapping[str, Any]
    function: Function
    choice: Choice | None = None
    analytic: bool = True

    def run(self, known: Mapping[str, Array]) -> Array:
        """The value, on the side of the step that numbers carry."""
        return self.function(self._read(known), self.attributes)

    def run_chosen(self, known: Mapping[str, Array]) -> Array:
        """The value, with the documented slope at a kink; comparisons and jumps do not see the step."""
        arguments = self._read(known)
        if self.choice is not None:
            return self.choice(arguments, self.attributes)
        if self.operation == "max":
            return shared_max(arguments, self.attributes)
        if self.operation in COMPARISONS or not self.analytic:
            arguments = [a.real for a in arguments]
        return self.function(arguments, self.attributes)

    def ties(self, known: Mapping[str, Array]) -> NDArray[np.bool_] | None:
        """For each element of the value whether the slopes on its two sides may differ; none where they never do."""
        arguments = self._read(known)
        if self.choice is not None:
            return self.choice.ties(arguments)
        if self.operation in COMPARISONS:
            x, y = aligned(arguments)
            return np.asarray(x.real == y.real)
        if self.operation == "max":
            counts = largest(arguments[0], self.attributes)
            return np.asarray(counts.sum(axis=axes_of(counts, self.attributes["axis"]), keepdims=True) > 1)
        return None

    def crossed(self, known: Mapping[str, Array]) -> Array | int:
        """For each copy the number of ties that its step leaves."""
        ties = self.ties(known)
        if ties is None:
            return 0
        moved = np.logical_or.reduce(np.broadcast_arrays(*(a.imag != 0 for a in aligned(self._read(known)))))
        if self.operation == "max":
            moved = moved.any(axis=axes_of(moved, self.attributes["axis"]), keepdims=True)
        return np.asarray((ties & moved).reshape(len(moved), -1).sum(axis=1))

    def _read(self, known: Mapping[str, Array]) -> list[Array]:
        return [known[a] if isinstance(a, str) else np.full(1, a) for a in self.arguments]


@dataclass(frozen=True)
class Plan:
    """The steps of a program, and its outputs: names of variables, or numbers, by label."""

    steps: tuple[Step, ...]
    outputs: Mapping[str, str | float] = field(default_factory=dict)

    @staticmethod
    def of(
        program: Mapping[str, Any],
        operations: Mapping[str, Any] | None = None,
        own: Mapping[str, Own] | None = None,
    ) -> Plan:
        """Read a program.

        Args:
            program: its description, made of primitives and of ``operations``.
            operations: by name, the kinks of operations, and for those that are no primitives the program over single
                numbers that defines them.
            own: by name, operations that only their text defines.

        Raises:
            UnknownNameError: for an operation that is none of these.
            DataError: where a value is read before it is known.
        """
        made = {name: _choice(name, record, own or {}) for name, record in (operations or {}).items()}
        steps = []
        defined = {v["name"] for v in program["inputs"]}
        for record in program["equations"]:
            name, target = record["operation"], record["target"]["name"]
            arguments = tuple(a if isinstance(a, str) else a["value"] for a in record["arguments"])
            missing = [a for a in arguments if isinstance(a, str) and a not in defined]
            if missing or target in defined:
                raise DataError(f"the program assigns {target} twice, or reads what is not known: {missing}")
            defined.add(target)
            function, choice, analytic = _operation(name, made, own or {})
            steps.append(Step(target, name, arguments, record["attributes"], function, choice, analytic))
        outputs = {label: a if isinstance(a, str) else float(a["value"]) for label, a in program["outputs"]}
        return Plan(tuple(steps), outputs)

    def run(self, known: Mapping[str, Array]) -> dict[str, Array]:
        """Every value by name, from those of the inputs."""
        values = dict(known)
        for step in self.steps:
            values[step.target] = step.run(values)
        return values

    def below(self, names: Iterable[str]) -> list[Step]:
        """The steps that depend on any of these variables."""
        moved, found = set(names), []
        for step in self.steps:
            if any(a in moved for a in step.arguments if isinstance(a, str)):
                moved.add(step.target)
                found.append(step)
        return found

    def above(self, name: str | float) -> Plan:
        """The part that one variable needs."""
        needed, kept = {name}, []
        for step in reversed(self.steps):
            if step.target in needed:
                needed.update(step.arguments)
                kept.append(step)
        return Plan(tuple(reversed(kept)), self.outputs)

    def of_output(self, label: str, values: Mapping[str, Array]) -> Array:
        """An output, from every value."""
        atom = self.outputs[label]
        return values[atom] if isinstance(atom, str) else np.full(1, atom)


def _choice(name: str, record: Mapping[str, Any], own: Mapping[str, Own]) -> Choice:
    """An operation with kinks: a primitive, or one that a program over single numbers defines."""
    program = record["program"]
    if program is not None and name in PRIMITIVES:
        raise DataError(f"the primitive {name} has a meaning, and cannot be given another one")
    function = _operation(name, {}, own)[0] if program is None else _defined(program, own)
    return Choice(function, [(kink["point"], kink["slopes"]) for kink in record["kinks"]])


def _defined(program: Mapping[str, Any], own: Mapping[str, Own]) -> Function:
    plan = Plan.of(program, own=own)
    names = [v["name"] for v in program["inputs"]]
    (label,) = plan.outputs

    def function(arguments: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
        return plan.of_output(label, plan.run(dict(zip(names, aligned(arguments), strict=True))))

    return function


def _operation(name: str, made: Mapping[str, Choice], own: Mapping[str, Own]) -> tuple[Function, Choice | None, bool]:
    if name in made:
        return made[name].function, made[name], True
    if name in own:
        return own[name].function, None, own[name].analytic
    if name not in PRIMITIVES:
        raise unknown_name("operation", name, PRIMITIVES)
    return PRIMITIVES[name], None, True
