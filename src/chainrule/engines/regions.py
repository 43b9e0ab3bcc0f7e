"""Flat vectors taken apart: from one vector of all parameters to one array for each of them.

The step program keeps parameters, gradient and optimiser slots in flat vectors, as users see them. The machine wants
each weight matrix in memory of its own, with its update next to the product that gives its gradient. This pass follows
the vectors through the program: what is done to the whole is done to each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from chainrule.expression import Expression, Label, Operation, symbol
from chainrule.ops.arrays import concatenate
from chainrule.passes import drop_unused
from chainrule.program import Equation, Program, Var
from chainrule.shapes import Shape, broadcast
from chainrule.trace import atom_expression, label_of, symbol_of, trace


@dataclass(frozen=True)
class Region:
    """A part of a flat vector: ``vector[start:stop]`` is the array ``name`` of ``shape``."""

    vector: str
    name: str
    start: int
    stop: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Parts:
    """A flat vector as expressions of its parts, each in its own shape."""

    values: tuple[Expression, ...]


def split_regions(program: Program) -> tuple[Program, tuple[Region, ...]]:
    """The program with an input and an output for each part of its flat vectors, and what these parts are.

    ``theta`` becomes ``W1``, ``b1``, ...; ``m`` becomes ``m_W1``, ...; the output ``new_m`` becomes ``new_m_W1``. A
    program without such vectors comes back as it is.
    """
    pattern = _pattern(program)
    if not pattern:
        return program, ()
    regions = [
        replace(r, vector=v.name, name=r.name if v.role == "parameter" else f"{v.name}_{r.name}")
        for v in program.inputs
        if v.shape == (pattern[-1].stop,) and v.role in ("parameter", "state")
        for r in pattern
    ]
    return drop_unused(_Splitting(program, pattern, regions).run()), tuple(regions)


def _pattern(program: Program) -> list[Region]:
    """The parts into which the program cuts its parameters: every slice, in order, without gaps."""
    vector = next((v for v in program.inputs if v.role == "parameter" and len(v.shape) == 1), None)
    if vector is None or [v.role for v in program.inputs].count("parameter") != 1:
        return []
    shaped = {e.arguments[0]: e.target for e in program.equations if e.operation.name == "reshape"}
    found: dict[int, Region] = {}
    for equation in program.equations:
        if equation.operation.name == "slice" and equation.arguments[0] == vector:
            ((start, stop),) = dict(equation.attributes)["bounds"]
            target = shaped.get(equation.target, equation.target)
            sizes = tuple(int(s) for s in target.shape)
            found[start] = Region(vector.name, target.name, start, stop, sizes)
    parts = [found[start] for start in sorted(found)]
    edges = [0, *(p.stop for p in parts)]
    whole = [p.start for p in parts] == edges[:-1] and (edges[-1],) == vector.shape
    names = {v.name for v in program.variables.values() if v.name not in {p.name for p in parts}}
    return (
        parts if parts and whole and not names & {f"{v.name}_{p.name}" for v in program.inputs for p in parts} else []
    )


class _Splitting:
    """One walk through a program, with flat vectors as :class:`Parts`."""

    def __init__(self, program: Program, pattern: Sequence[Region], regions: Sequence[Region]) -> None:
        self.program, self.pattern = program, pattern
        self.length = pattern[-1].stop
        self.inputs: list[Expression] = []
        self.known: dict[str, Expression | Parts] = {}
        for var in program.inputs:
            own = [r for r in regions if r.vector == var.name]
            values = [symbol(r.name, r.shape, role=var.role or "input") for r in own] if own else [symbol_of(var)]
            self.inputs += values
            self.known[var.name] = Parts(tuple(values)) if own else values[0]

    def run(self) -> Program:
        for equation in self.program.equations:
            self.known[equation.target.name] = self._value(equation)
        outputs: dict[str, Expression] = {}
        for label, atom in self.program.outputs:
            value = self.known[atom.name] if isinstance(atom, Var) else atom_expression(atom, {})
            if isinstance(value, Parts):
                stem = label.removesuffix("theta")
                names = [stem + p.name if stem != label else f"{label}_{p.name}" for p in self.pattern]
                outputs |= dict(zip(names, value.values, strict=True))
            else:
                outputs[label] = value
        return trace(outputs, name=self.program.name, inputs=self.inputs)

    def _value(self, equation: Equation) -> Expression | Parts:
        operation, attributes = equation.operation, dict(equation.attributes)
        operands = [self.known[a.name] if isinstance(a, Var) else atom_expression(a, {}) for a in equation.arguments]
        if operation.name == "concatenate" and equation.target.shape == (self.length,):
            return self._joined([self._whole(o) for o in operands], attributes)
        if operation.name == "reshape" and isinstance(operands[0], Expression):
            return _reshaped(operands[0], attributes["shape"]).labelled(label_of(equation))
        if not any(isinstance(o, Parts) for o in operands):
            return operation(*(self._whole(o) for o in operands), **attributes).labelled(label_of(equation))
        if operation.name == "slice":
            (bounds,) = attributes["bounds"]
            for part, value in zip(self.pattern, self._parts(operands[0]), strict=True):
                if bounds == (part.start, part.stop):
                    return _reshaped(value, (part.stop - part.start,))
        if operation.name == "sum" and attributes["axis"] in (None, 0, (0,)) and not attributes["keepdims"]:
            sums = [value.sum() for value in self._parts(operands[0])]
            return sum(sums[1:], sums[0]).labelled(label_of(equation))
        if operation.shape is broadcast and equation.target.shape == (self.length,):
            return self._elementwise(operation, operands, equation)
        return operation(*(self._whole(o) for o in operands), **attributes).labelled(label_of(equation))

    def _elementwise(self, operation: Operation, operands: Sequence[Expression | Parts], equation: Equation) -> Parts:
        columns = [
            [o] * len(self.pattern) if isinstance(o, Expression) and o.shape == () else self._parts(o) for o in operands
        ]
        label = label_of(equation)
        values = []
        for part, *row in zip(self.pattern, *columns, strict=True):
            name = f"{label.name}_{part.name}" if label.name else None
            values.append(operation(*row).labelled(Label(name)))
        return Parts(tuple(values))

    def _joined(self, parts: list[Expression], attributes: dict[str, object]) -> Expression | Parts:
        if [p.shape for p in parts] != [(r.stop - r.start,) for r in self.pattern]:
            return concatenate(*parts, **attributes)
        return Parts(tuple(_reshaped(p, r.shape) for p, r in zip(parts, self.pattern, strict=True)))

    def _parts(self, value: Expression | Parts) -> tuple[Expression, ...]:
        if isinstance(value, Parts):
            return value.values
        return tuple(_reshaped(value[r.start : r.stop], r.shape) for r in self.pattern)

    def _whole(self, value: Expression | Parts) -> Expression:
        if isinstance(value, Expression):
            return value
        return concatenate(*(_reshaped(v, (prod(int(s) for s in v.shape),)) for v in value.values), axis=0)


def _reshaped(value: Expression, shape: Shape) -> Expression:
    """``value.reshape(shape)``, through one reshape at most."""
    while value.operation is not None and value.operation.name == "reshape":
        value = value.arguments[0]
    return value.reshape(*shape)
