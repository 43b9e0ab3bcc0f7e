"""Simplification: the rewrites of :mod:`chainrule.passes.rules`, applied until none fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from chainrule.expression import Expression
from chainrule.passes.cleanup import drop_unused, share_common
from chainrule.passes.rules import Rewrite, applicable
from chainrule.program import Program, Var
from chainrule.trace import atom_expression, expression_of, label_of, symbol_of, trace


_Done: TypeAlias = dict[int, tuple[Expression, Expression]]
"""Expressions met, by identity, with their normal form; holding both keeps identities from being used again."""


@dataclass(frozen=True)
class Step:
    """One application of a rewrite: which, in the line of which variable, and under what condition."""

    rewrite: str
    variable: str
    condition: str = ""


def simplify(program: Program, log: list[Step] | None = None) -> Program:
    """The program after all rewrites, with common subexpressions shared and dead code dropped.

    Args:
        program: what to simplify.
        log: receives a :class:`Step` for each rewrite applied, in order.
    """
    return drop_unused(share_common(rewrite(program, log if log is not None else [])))


def rewrite(program: Program, log: list[Step]) -> Program:
    """Apply the rewrites to each equation in turn; names and outputs stay."""
    known: dict[str, Expression] = {}
    conditions: dict[str, tuple[str, ...]] = {}
    done: _Done = {}
    for var in program.inputs:
        known[var.name] = symbol_of(var)
    for equation in program.equations:
        target = equation.target
        start = len(log)
        arguments = [atom_expression(a, known) for a in equation.arguments]
        plain = expression_of(equation, arguments, label=False)
        result = _normal_form(plain, target.name, log, done)
        notes = [s.condition for s in log[start:] if s.condition]
        for a in equation.arguments:
            if isinstance(a, Var) and a.anonymous:
                notes += conditions.get(a.name, ())
        conditions[target.name] = tuple(dict.fromkeys(notes))
        label = label_of(equation)
        if notes and not target.anonymous:
            label = replace(label, origin=", ".join(filter(None, [label.origin, *conditions[target.name]])))
        known[target.name] = final = result.labelled(label)
        done[id(final)] = (final, final)
    return trace(
        {label: atom_expression(atom, known) for label, atom in program.outputs},
        name=program.name,
        inputs=[known[v.name] for v in program.inputs],
        order=[known[e.target.name] for e in program.equations if not e.target.anonymous],
    )


def _normal_form(node: Expression, variable: str, log: list[Step], done: _Done) -> Expression:
    """Rewrite until no rule fits; what a rule builds is rewritten too, from its arguments up."""
    if node.operation is None or id(node) in done:
        return done.get(id(node), (node, node))[1]
    original, steps = node, 0
    while node.operation is not None:
        hit = _first_hit(node)
        if hit is None:
            break
        rule, result = hit
        assert result.shape == node.shape, f"{rule.name} changed the shape"
        subject = next((a.name for a in node.arguments if a.name), "") or "the target"
        log.append(Step(rule.name, variable, rule.condition.format(subject)))
        node = _rebuilt(result, variable, log, done)
        steps += 1
        if steps > 100:  # pragma: no cover - a rule that undoes another would be a mistake in the rules
            raise RuntimeError(f"the rewrites of {variable} do not come to an end ({rule.name})")
    done[id(original)] = (original, node)
    done[id(node)] = (node, node)
    return node


def _rebuilt(node: Expression, variable: str, log: list[Step], done: _Done) -> Expression:
    """The expression with its new arguments in normal form."""
    if node.operation is None or id(node) in done:
        return done.get(id(node), (node, node))[1]
    arguments = [_normal_form(_rebuilt(a, variable, log, done), variable, log, done) for a in node.arguments]
    if all(a is b for a, b in zip(arguments, node.arguments, strict=True)):
        return node
    return node.operation(*arguments, **node.attributes).labelled(node.label)


def _first_hit(node: Expression) -> tuple[Rewrite, Expression] | None:
    for rule in applicable(node):
        result = rule.apply(node)
        if result is not None:
            return rule, result
    return None
