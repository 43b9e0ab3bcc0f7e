"""From operations to machine primitives: what is defined by an expansion is replaced by it."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.expression import Expression, lift
from chainrule.passes import drop_unused, share_common
from chainrule.program import Equation, Program
from chainrule.trace import atom_expression, expression_of, label_of, symbol_of, trace


def expand(program: Program) -> Program:
    """An equal program of primitives only: inputs, outputs and the order of what is computed stay.

    Values that occur twice after that are computed once, and what no output needs is left out.
    """
    while not all(equation.operation.primitive for equation in program.equations):
        program = _expanded_once(program)
    return drop_unused(share_common(program))


def _expanded_once(program: Program) -> Program:
    """Each expansion written out; it may hold operations that have expansions themselves."""
    known = {var.name: symbol_of(var) for var in program.inputs}
    inputs = list(known.values())
    for equation in program.equations:
        known[equation.target.name] = _value(equation, known)
    outputs = {label: atom_expression(atom, known) for label, atom in program.outputs}
    return trace(outputs, name=program.name, inputs=inputs, order=list(known.values()))


def _value(equation: Equation, known: Mapping[str, Expression]) -> Expression:
    operands = [atom_expression(a, known) for a in equation.arguments]
    if equation.operation.expansion is None:
        return expression_of(equation, operands)
    return lift(equation.operation.expansion(*operands, **dict(equation.attributes))).labelled(label_of(equation))
