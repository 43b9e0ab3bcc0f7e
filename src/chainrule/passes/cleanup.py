"""Passes that change no value: shared subexpressions, and dead code."""

from __future__ import annotations

from dataclasses import replace

from chainrule.program import Atom, Equation, Program, Var


def share_common(program: Program) -> Program:
    """Compute each distinct value once; the name that a person gave wins over one made by the machine."""
    renamed: dict[str, Var] = {}
    first: dict[object, int] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        equation = replace(equation, arguments=tuple(_renamed(a, renamed) for a in equation.arguments))
        key = (equation.operation.name, equation.arguments, equation.attributes)
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
    return replace(program, equations=tuple(equations), outputs=outputs)


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
    return replace(program, equations=tuple(reversed(kept)))
