"""From operations to machine primitives: what is defined by an expansion is replaced by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chainrule.expression import Expression, Operation, lift
from chainrule.passes import drop_unused, share_common
from chainrule.program import Equation, Program
from chainrule.trace import atom_expression, expression_of, label_of, symbol_of, trace


def expand(program: Program, keep: Callable[[Operation], bool] = lambda operation: operation.primitive) -> Program:
    """An equal program of primitives only, or of operations to ``keep``: inputs, outputs and order of computation stay.

    Values that occur twice after that are computed once, and what no output needs is left out.
    """
    while not all(equation.operation.primitive or keep(equation.operation) for equation in program.equations):
        program = _expanded_once(program, keep)
    return drop_unused(share_common(program))


def _expanded_once(program: Program, keep: Callable[[Operation], bool]) -> Program:
    """Each expansion written out; it may hold operations that have expansions themselves."""
    known = {var.name: symbol_of(var) for var in program.inputs}
    inputs = list(known.values())
    for equation in program.equations:
        known[equation.target.name] = _value(equation, known, keep)
    outputs = {label: atom_expression(atom, known) for label, atom in program.outputs}
    return trace(outputs, name=program.name, inputs=inputs, order=list(known.values()))


def _value(equation: Equation, known: Mapping[str, Expression], keep: Callable[[Operation], bool]) -> Expression:
    operands = [atom_expression(a, known) for a in equation.arguments]
    if equation.operation.expansion is None or keep(equation.operation):
        return expression_of(equation, operands)
    return lift(equation.operation.expansion(*operands, **dict(equation.attributes))).labelled(label_of(equation))
