"""Passes that change no value: shared subexpressions, and dead code."""

from __future__ import annotations

from dataclasses import replace

from chainrule.program import Atom, Equation, Literal, Program, Var, typecheck

CHEAP = frozenset({"add", "subtract", "multiply", "divide", "negative"})
"""Operations that cost no more than reading their result again."""


def share_common(program: Program) -> Program:
    """Compute each distinct value once; the name that a person gave wins over one made by the machine.

    Arithmetic on values that have names stays where it is read best, once in each section.
    """
    renamed: dict[str, Var] = {}
    first: dict[object, int] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        equation = replace(equation, arguments=tuple(_renamed(a, renamed) for a in equation.arguments))
        key: object = (equation.operation.name, equation.arguments, equation.attributes)
        if _readable(equation):
            key = (key, equation.section)
        at = first.setdefault(key, len(equations))
        if at == len(equations):
            equations.append(equation)
            continue
        kept, dropped = equations[at].target, equation.target
        if kept.anonymous and not dropped.anonymous:
            # The first place keeps its position and takes the name.
            equations[at] = replace(equations[at], target=dropped, origin=equation.origin, section=equation.section)
            renamed[kept.name] = dropped
            equations = [
                replace(e, arguments=tuple(_renamed(a, {kept.name: dropped}) for a in e.arguments)) for e in equations
            ]
        else:
            renamed[dropped.name] = kept
    outputs = tuple((label, _renamed(atom, renamed)) for label, atom in program.outputs)
    return typecheck(replace(program, equations=tuple(equations), outputs=outputs))


def _readable(equation: Equation) -> bool:
    """Whether the equation is as easily read, and computed, as a name for it would be."""
    return equation.operation.name in CHEAP and all(
        isinstance(a, Literal) or not a.anonymous for a in equation.arguments
    )


def _renamed(atom: Atom, renamed: dict[str, Var]) -> Atom:
    while isinstance(atom, Var) and atom.name in renamed:
        atom = renamed[atom.name]
    return atom


def drop_unused(program: Program) -> Program:
    """Drop every equation that no output needs; inputs stay."""
    needed = {a.name for _, a in program.outputs if isinstance(a, Var)}
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if equation.target.name in needed:
            kept.append(equation)
            needed |= {a.name for a in equation.arguments if isinstance(a, Var)}
    return typecheck(replace(program, equations=tuple(reversed(kept))))
