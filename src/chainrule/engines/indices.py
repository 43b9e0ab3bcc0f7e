"""Row numbers with which a program reads tables: machine code must not get one that is outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from chainrule.engines.numpy import compile_program
from chainrule.errors import DataError
from chainrule.expression import Expression, lift
from chainrule.ops.arithmetic import maximum, minimum, size_of, to_int, where
from chainrule.passes import drop_unused
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import Size
from chainrule.trace import atom_expression, expression_of, symbol_of, trace

COSTLY = "matmul"
"""Row numbers that depend on a matrix product are not computed beforehand."""


class RowNumbers:
    """The row numbers of a program that follow from given inputs alone, to be checked before it runs.

    Args:
        program: what reads rows.
        given: names of inputs whose values are known before.
        precision: of the program's floats.
    """

    def __init__(self, program: Program, given: Collection[str], precision: str) -> None:
        known = _known(program, given)
        self._tables = [
            (f"rows{i}", index, size)
            for i, (index, size) in enumerate(dict.fromkeys(_lookups(program)))
            if isinstance(index, Literal) or index in known
        ]
        outputs = tuple((label, index) for label, index, _ in self._tables)
        needed = drop_unused(Program("row_numbers", program.inputs, program.equations, outputs))
        read = {a for e in needed.equations for a in e.arguments} | {atom for _, atom in outputs}
        self.inputs = tuple(v for v in program.inputs if v in read)
        self._program = Program("row_numbers", self.inputs, needed.equations, outputs)
        self._function = compile_program(self._program, precision) if outputs else None

    def check(self, values: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Look at the row numbers for these values of the inputs and named sizes.

        Raises:
            DataError: if one is not a row of its table.
        """
        if self._function is None:
            return
        with np.errstate(all="ignore"):
            results = self._function(*(values[v.name] for v in self.inputs))
        for (_, index, size), numbers in zip(self._tables, results, strict=True):
            rows = sizes[size] if isinstance(size, str) else size
            wrong = np.asarray(numbers)[(np.asarray(numbers) < 0) | (np.asarray(numbers) >= rows)]
            if wrong.size:
                name = index.name if isinstance(index, Var) and not index.anonymous else "an index"
                raise DataError(f"{name} holds {int(wrong[0])}, but what it reads has the rows 0 to {rows - 1}")


def guarded(program: Program, given: Collection[str]) -> Program:
    """The program in which row numbers that cannot be checked beforehand stay inside their tables.

    What such a number would have read or added outside is NaN.
    """
    known = _known(program, given)
    if all(isinstance(index, Literal) or index in known for index, _ in _lookups(program)):
        return program
    made = {v.name: symbol_of(v) for v in program.inputs}
    inputs = list(made.values())
    for equation in program.equations:
        operands = [atom_expression(a, made) for a in equation.arguments]
        value = expression_of(equation, operands)
        for index, size in _lookups_of(equation):
            if not isinstance(index, Literal) and index not in known:
                value = _kept_inside(equation, operands, size)
        made[equation.target.name] = value
    outputs = {label: atom_expression(atom, made) for label, atom in program.outputs}
    return trace(outputs, name=program.name, inputs=inputs, order=list(made.values()))


def _kept_inside(equation: Equation, operands: list[Expression], size: Size) -> Expression:
    values, index = operands
    last = to_int(lift(size_of((size,)))) - 1
    nearest = minimum(maximum(index, 0), last)
    inside = where(index < 0, 0.0, where(index > last, 0.0, 1.0))
    width = len(equation.target.shape if equation.operation.name == "take" else values.shape) - index.rank
    inside = inside.reshape(*index.shape, *[1] * width) > 0
    attributes = dict(equation.attributes)
    if equation.operation.name == "take":
        taken = equation.operation(values, nearest, **attributes)
        return where(inside, taken, float("nan")) if taken.dtype == "float" else taken
    if values.dtype == "float":
        values = where(inside, values, float("nan"))
    return equation.operation(values, nearest, **attributes)


def _lookups(program: Program) -> list[tuple[Atom, Size]]:
    """Every index with the rows of the table that it reads or adds to."""
    return [found for equation in program.equations for found in _lookups_of(equation)]


def _lookups_of(equation: Equation) -> list[tuple[Atom, Size]]:
    name = equation.operation.name
    if name == "take" and isinstance(equation.arguments[0], Var):
        return [(equation.arguments[1], equation.arguments[0].shape[0])]
    return [(equation.arguments[1], equation.target.shape[0])] if name == "add_rows" else []


def _known(program: Program, given: Collection[str]) -> set[Atom]:
    """Variables that follow from the given inputs without great cost."""
    known: set[Atom] = {v for v in program.inputs if v.name in given}
    for equation in program.equations:
        if equation.operation.name != COSTLY and all(a in known or isinstance(a, Literal) for a in equation.arguments):
            known.add(equation.target)
    return known
