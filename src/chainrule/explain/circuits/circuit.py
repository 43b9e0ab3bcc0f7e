"""Circuits: a formula as gates and wires, with a value and a gradient on every wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chainrule.derivation import derive_program
from chainrule.document import Document, Shown
from chainrule.engines.numpy import run_all
from chainrule.errors import ArgumentError, unknown_name
from chainrule.explain.scalars import Element
from chainrule.explain.writing.notation import NOTATIONS, Notation
from chainrule.expression import Expression, symbol
from chainrule.files import write_atomically
from chainrule.passes import simplify
from chainrule.program import Program
from chainrule.trace import atom_expression, expressions_of, trace


@dataclass(frozen=True, eq=False)
class Gate:
    """One gate: its name, the scalars that go in, and what it makes of them.

    ``formula`` is an expression over symbols that are named like the inputs.
    """

    name: str
    inputs: tuple[str, ...]
    formula: Expression

    @cached_property
    def partials(self) -> dict[str, Expression]:
        """The partial derivative by each input, in terms of the inputs and of the gate's own value."""
        return self._derived(simplify)

    @cached_property
    def unsimplified(self) -> dict[str, Expression]:
        """The same as the chain rule gives it, before any rewrite."""
        return self._derived(lambda program: program)

    def _derived(self, rewritten: Callable[[Program], Program]) -> dict[str, Expression]:
        formula = self.formula.labelled(self.formula.label).named(self.name)
        written = rewritten(trace({self.name: formula}, name="gate"))
        derived = rewritten(derive_program(written, list(self.inputs), self.name))
        known = expressions_of(derived)
        partials = [atom_expression(atom, known) for _, atom in derived.outputs[1:]]
        shown = {*self.inputs, self.name}
        return {name: _bare(e, shown) for name, e in zip(self.inputs, partials, strict=True)}


@dataclass(frozen=True, eq=False)
class Circuit(Shown):
    """Leaves and gates in the order in which they are computed; the last gate is the output.

    ``elements`` says which element of which array a scalar is, where it is one. With ``inputs`` (a value for each leaf)
    the circuit knows the value on every wire, and the derivative of the output by it. ``ones`` are sets of leaves that
    are known to add up to 1. ``notation`` is that of its page.
    """

    leaves: tuple[str, ...]
    gates: tuple[Gate, ...]
    elements: Mapping[str, Element] = field(default_factory=dict)
    ones: tuple[frozenset[str], ...] = ()
    inputs: Mapping[str, float] | None = None
    notation: Notation = NOTATIONS["names"]

    @cached_property
    def document(self) -> Document:
        """The drawing, and a table of the wires."""
        from chainrule.explain.circuits.pages import circuit_page

        return circuit_page(self)

    @property
    def svg(self) -> str:
        """The drawing alone, as one ``<svg>`` element."""
        from chainrule.explain.circuits.pages import drawing_of

        return drawing_of(self).svg

    def save(self, path: str | Path) -> Path:
        """Write the page (``.html``, ``.tex``, ``.txt``), or the drawing alone (``.svg``), for light and for dark."""
        if Path(path).suffix != ".svg":
            return super().save(path)
        from chainrule.explain.circuits.pages import drawing_of

        write_atomically(Path(path), drawing_of(self).file.encode())
        return Path(path)

    def to_json(self) -> dict[str, Any]:
        """The wires, for programs: names, and values and gradients where there are numbers."""
        known = self.inputs is not None
        spelled = {name: str(self.elements.get(name, name)) for name in (*self.leaves, *self.gate)}
        return {
            "output": spelled[self.output],
            "gates": {spelled[gate.name]: [spelled[name] for name in gate.inputs] for gate in self.gates},
            "values": {spelled[name]: value for name, value in self.values.items()} if known else {},
            "gradients": {spelled[name]: value for name, value in self.gradients.items()} if known else {},
        }

    @property
    def output(self) -> str:
        """The name of what the circuit computes."""
        return self.gates[-1].name

    @cached_property
    def gate(self) -> dict[str, Gate]:
        """Each gate by the name of its value."""
        return {gate.name: gate for gate in self.gates}

    @cached_property
    def readers(self) -> dict[str, tuple[Gate, ...]]:
        """The gates that read each scalar: more than one at a fork."""
        found: dict[str, list[Gate]] = {name: [] for name in (*self.leaves, *self.gate)}
        for gate in self.gates:
            for name in gate.inputs:
                found[name].append(gate)
        return {name: tuple(gates) for name, gates in found.items()}

    @cached_property
    def program(self) -> Program:
        """The circuit as a program over its named scalars."""
        known = {name: symbol(name) for name in self.leaves}
        for gate in self.gates:
            known[gate.name] = placed(gate.formula, known).named(gate.name)
        order = [known[gate.name] for gate in self.gates]
        return trace(
            {self.output: known[self.output]},
            name="circuit",
            inputs=list(known.values())[: len(self.leaves)],
            order=order,
        )

    @cached_property
    def values(self) -> dict[str, float]:
        """The value of every leaf and gate."""
        return {name: self._numbers[name] for name in (*self.leaves, *self.gate)}

    @cached_property
    def gradients(self) -> dict[str, float]:
        """The derivative of the output by every leaf and gate, summed where wires fork."""
        found = dict.fromkeys((*self.leaves, *self.gate), 0.0) | {self.output: 1.0}
        for gate in reversed(self.gates):
            for name in gate.inputs:
                found[name] += found[gate.name] * self.partial(gate.name, name)
        return found

    def partial(self, gate: str, by: str) -> float:
        """The number that a partial derivative is here."""
        return self.number(self.gate[gate].partials[by])

    def number(self, expression: Expression) -> float:
        """The value of an expression over the circuit's scalars."""
        if expression.literal is not None:
            return float(expression.literal)
        if expression.name is not None:
            return self.values[expression.name]
        replaced = _cut(expression, {})
        program = trace({"number": replaced}, name="number")
        given = {v.name: self.values[v.name] for v in program.inputs}
        return float(run_all(program, given, "float64")["number"])

    @property
    def _given(self) -> Mapping[str, float]:
        if self.inputs is None:
            raise ArgumentError(f"the circuit needs a value for {' and '.join(self.leaves)} before it has numbers")
        return self.inputs

    @cached_property
    def _numbers(self) -> dict[str, float]:
        return {name: float(value) for name, value in run_all(self.program, dict(self._given), "float64").items()}

    def check_name(self, name: str) -> str:
        """The name of a scalar, by itself or as an element (``W1[0,1]``)."""
        spelled = {str(element): variable for variable, element in self.elements.items()}
        found = spelled.get(name.replace(" ", ""), name)
        if found not in self.readers:
            shown = [str(self.elements.get(n, n)) for n in self.readers]
            raise unknown_name("scalar", name, shown)
        return found


def _bare(expression: Expression, shown: set[str]) -> Expression:
    """The expression without the names of adjoints."""
    if expression.name in shown or expression.operation is None:
        return expression
    return expression.operation(*(_bare(a, shown) for a in expression.arguments), **expression.attributes)


def placed(expression: Expression, known: Mapping[str, Expression]) -> Expression:
    """The formula of a gate over other expressions in the place of its symbols."""
    if expression.is_symbol and expression.name is not None:
        return known[expression.name]
    if expression.operation is None:
        return expression
    return expression.operation(*(placed(a, known) for a in expression.arguments), **expression.attributes)


def _cut(expression: Expression, made: dict[str, Expression]) -> Expression:
    """The expression with a symbol in the place of every named value."""
    if expression.name is not None:
        return made.setdefault(expression.name, symbol(expression.name))
    if expression.operation is None:
        return expression
    return expression.operation(*(_cut(a, made) for a in expression.arguments), **expression.attributes)
