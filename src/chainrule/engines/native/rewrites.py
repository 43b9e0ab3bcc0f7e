"""Rewrites that spare memory traffic on a machine, but would make a program harder to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.passes import drop_unused
from chainrule.program import Atom, Equation, Literal, Program, Var


def derivatives_from_outputs(program: Program) -> Program:
    """``z > 0`` becomes ``max(z, 0) > 0`` where that maximum exists anyway.

    Both are the same truth value, for NaN too. With it, the backward pass of a ReLU reads the output, which the next
    layer's gradient needs in any case, and the input is not kept.
    """
    rectified = {
        e.arguments[0]: e.target
        for e in program.equations
        if e.operation.name == "maximum" and _is_zero(e.arguments[1])
    }
    seen: set[str] = set()
    equations = []
    for equation in program.equations:
        equations.append(_rewritten(equation, rectified, seen))
        seen.add(equation.target.name)
    return drop_unused(replace(program, equations=tuple(equations)))


def _rewritten(equation: Equation, rectified: Mapping[Atom, Var], seen: set[str]) -> Equation:
    if equation.operation.name != "greater" or not _is_zero(equation.arguments[1]):
        return equation
    output = rectified.get(equation.arguments[0])
    if output is None or output.name not in seen:
        return equation
    return replace(equation, arguments=(output, equation.arguments[1]))


def _is_zero(atom: object) -> bool:
    return isinstance(atom, Literal) and atom.value == 0
