"""Simplification: the rewrites of :mod:`chainrule.passes.rules`, applied until none fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chainrule.expression import NO_LABEL, Expression
from chainrule.passes.cleanup import drop_unused, share_common
from chainrule.passes.rules import applicable
from chainrule.program import Equation, Program, Var
from chainrule.trace import atom_expression, expression_of, label_of, symbol_of, trace


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
    return drop_unused(share_common(_Rewriter(log if log is not None else []).rewrite(program)))


class _Rewriter:
    """One walk over a program; names and outputs stay."""

    def __init__(self, log: list[Step]) -> None:
        self.log = log
        self.variable = ""
        self.known: dict[str, Expression] = {}
        self.conditions: dict[str, tuple[str, ...]] = {}
        # Expressions met, by identity, with their normal form. Holding both keeps identities from being used again.
        self.done: dict[int, tuple[Expression, Expression]] = {}
        # Normal forms by content, so that equal values are one object, which the rules compare by identity.
        self.by_content: dict[object, Expression] = {}

    def rewrite(self, program: Program) -> Program:
        for var in program.inputs:
            self.known[var.name] = symbol_of(var)
        for equation in program.equations:
            self.visit(equation)
        return trace(
            {label: atom_expression(atom, self.known) for label, atom in program.outputs},
            name=program.name,
            inputs=[self.known[v.name] for v in program.inputs],
            order=[self.known[e.target.name] for e in program.equations if not e.target.anonymous],
        )

    def visit(self, equation: Equation) -> None:
        """Rewrite one equation; conditions met on the way are written to the line that it becomes part of."""
        target, start = equation.target, len(self.log)
        self.variable = target.name
        arguments = [atom_expression(a, self.known) for a in equation.arguments]
        result = self.normal_form(expression_of(equation, arguments, label=False))
        notes = [s.condition for s in self.log[start:] if s.condition]
        for a in equation.arguments:
            if isinstance(a, Var) and a.anonymous:
                notes += self.conditions.get(a.name, ())
        self.conditions[target.name] = tuple(dict.fromkeys(notes))
        label = label_of(equation)
        if notes and not target.anonymous:
            label = replace(label, origin=", ".join(filter(None, [label.origin, *self.conditions[target.name]])))
        met_before = result.label is not NO_LABEL
        final = result if met_before and target.anonymous else result.labelled(label)
        self.known[target.name] = final
        self.done[id(final)] = (final, final)
        if final.operation is not None:
            self.by_content[_content(final)] = final

    def normal_form(self, node: Expression) -> Expression:
        """Rewrite until no rule fits; what a rule builds is rewritten too, from its arguments up."""
        if node.operation is None or id(node) in self.done:
            return self.done.get(id(node), (node, node))[1]
        original = node
        for _ in range(100):  # a bound that no set of rules should reach
            result = self.apply_first(node)
            if result is None:
                break
            node = self.rebuilt(result)
        if node.operation is not None:
            node = self.by_content.setdefault(_content(node), node)
        self.done[id(original)] = (original, node)
        self.done[id(node)] = (node, node)
        return node

    def apply_first(self, node: Expression) -> Expression | None:
        """What the first rule that fits makes of the expression."""
        if node.operation is None or id(node) in self.done:
            return None
        for rule in applicable(node):
            result = rule.apply(node)
            if result is not None:
                assert result.shape == node.shape, f"{rule.name} changed the shape"
                subject = next((a.name for a in node.arguments if a.name), "") or "the target"
                self.log.append(Step(rule.name, self.variable, rule.condition.format(subject)))
                return result
        return None

    def rebuilt(self, node: Expression) -> Expression:
        """The expression with its arguments in normal form."""
        if node.operation is None or id(node) in self.done:
            return self.done.get(id(node), (node, node))[1]
        arguments = [self.normal_form(self.rebuilt(a)) for a in node.arguments]
        if all(a is b for a, b in zip(arguments, node.arguments, strict=True)):
            return node
        return node.operation(*arguments, **node.attributes).labelled(node.label)


def _content(node: Expression) -> object:
    """What makes two expressions the same: operation, attributes, and arguments (numbers by value)."""
    arguments = tuple((a.literal,) if a.literal is not None else id(a) for a in node.arguments)
    assert node.operation is not None
    return node.operation.name, arguments, tuple(sorted(node.attributes.items()))
