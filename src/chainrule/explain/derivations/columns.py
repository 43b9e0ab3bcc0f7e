"""Programs as those write them who keep samples in columns: every array transposed, ``W a + b`` for ``x @ W + b``."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.expression import Expression, Label, symbol
from chainrule.passes import simplify
from chainrule.program import Equation, Program, Var
from chainrule.shapes import Shape, broadcast, normalise_axes
from chainrule.trace import atom_expression, label_of, trace


def transposed(program: Program) -> Program:
    """The same program with every array transposed; a vector of parameters becomes a column.

    Names stay. ``z1 = X @ W1 + b1`` becomes ``z1 = W1 @ X + b1``, where each sample is a column.
    """
    known = {v.name: symbol(v.name, _column(v.shape), v.dtype, v.role or "input", v.facts) for v in program.inputs}
    for equation in program.equations:
        arguments = [atom_expression(a, known) for a in equation.arguments]
        value = _value(equation, arguments, program.name)
        label = label_of(equation)
        known[equation.target.name] = value.labelled(
            label if not equation.target.anonymous else Label(section=label.section)
        )
    outputs = {label: atom_expression(atom, known) for label, atom in program.outputs}
    order = [known[e.target.name] for e in program.equations if not e.target.anonymous]
    inputs = [known[v.name] for v in program.inputs]
    return simplify(trace(outputs, name=program.name, inputs=inputs, order=order))


def _column(shape: Shape) -> Shape:
    return (*shape, 1) if len(shape) == 1 else tuple(reversed(shape))


def _value(equation: Equation, arguments: list[Expression], where: str) -> Expression:
    operation, settings = equation.operation, dict(equation.attributes)
    match operation.name:
        case "matmul":
            return operation(arguments[1], arguments[0])
        case "sum" | "mean" | "max":
            return _reduced(equation, arguments[0], settings)
        case "transpose" if settings["axes"] is None:
            return arguments[0].T
        case "broadcast_to":
            return operation(arguments[0], shape=_column(settings["shape"]))
        case "softmax" | "log_softmax" | "logsumexp" if settings["axis"] in (-1, 1):
            return operation(arguments[0], **{**settings, "axis": 0})
    if (
        operation.shape is broadcast
        or not equation.target.shape
        or operation.name in ("constant", "to_float", "to_int")
    ):
        return operation(*arguments, **settings)
    raise ArgumentError(
        f"{where}: {operation.name} has no form with samples in columns here: choose a notation with rows"
    )


def _reduced(equation: Equation, x: Expression, settings: dict[str, Any]) -> Expression:
    """A reduction over the mirrored axes; sums over the samples stay columns."""
    (source,) = equation.arguments
    rank = len(source.shape) if isinstance(source, Var) else 0
    axes = normalise_axes(settings["axis"], rank)
    if len(axes) == rank:
        return equation.operation(x, axis=None, keepdims=False)
    mirrored = tuple(sorted(rank - 1 - a for a in axes))
    return equation.operation(x, axis=mirrored[0] if len(mirrored) == 1 else mirrored, keepdims=True)
