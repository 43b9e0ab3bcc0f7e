"""Derived formulas as a person writes them: known values by their names, squares as squares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from chainrule.explain.writing.writer import content
from chainrule.expression import REGISTRY, Expression, lift, symbol


@dataclass(frozen=True)
class Recogniser:
    """Rewrites a formula over scalars into an equal one that reads better.

    Args:
        known: names of values by what computes them, as :func:`~chainrule.explain.writing.writer.content` says it.
        ones: sets of names that add up to 1: the targets of a row, where they are probabilities.
    """

    known: Mapping[object, str] = field(default_factory=dict)
    ones: Collection[frozenset[str]] = ()

    def __call__(self, node: Expression) -> Expression:
        """The formula, rewritten from its arguments up."""
        if node.operation is None or node.name is not None:
            return node
        node = node.operation(*(self(a) for a in node.arguments), **node.attributes)
        return self._changed(node)

    def _changed(self, node: Expression) -> Expression:
        if node.operation is None:
            return node
        name = self.known.get(content(node))
        if name is not None:
            return symbol(name)
        rule = _RULES.get(node.operation.name)
        changed = rule(self, node) if rule is not None else None
        return node if changed is None else self(changed)

    def _sum(self, node: Expression) -> Expression | None:
        """Values that add up to 1; a + -b = a - b; a + (b + c) = a + b + c; two cases of one condition."""
        left, right = node.arguments
        positive = _without_sign(right)
        if positive is not None:
            return left - positive
        if _is(left, "where") and _is(right, "where") and content(left.arguments[0]) == content(right.arguments[0]):
            return REGISTRY["where"](left.arguments[0], *map(_added, left.arguments[1:], right.arguments[1:]))
        if _is(right, "add"):
            return left + right.arguments[0] + right.arguments[1]
        names = frozenset(n.name for n in _addends(node) if n.name is not None)
        return lift(1.0) if names in self.ones and len(names) == len(_addends(node)) else None

    def _product(self, node: Expression) -> Expression | None:
        """(a / b) c = a (c / b) where c / b has a name; x x = x^2; ones fall away; (1 or 0) c = c or 0."""
        left, right = node.arguments
        if _is(left, "where") and {_literal(a) for a in left.arguments[1:]} == {0, 1}:
            return REGISTRY["where"](
                left.arguments[0], *(right if _literal(a) else lift(0.0) for a in left.arguments[1:])
            )
        if _literal(left) == 1:
            return right
        if _literal(right) == 1:
            return left
        if content(left) == content(right) and left.literal is None:
            return left**2
        if left.operation is not None and left.operation.name == "divide":
            name = self.known.get(("divide", content(right), content(left.arguments[1])))
            return None if name is None else left.arguments[0] * symbol(name)
        return None

    def _negative(self, node: Expression) -> Expression | None:
        """-(a + b) = -a - b, where -a needs no sign of its own."""
        (inner,) = node.arguments
        if inner.operation is None or inner.operation.name != "add" or inner.name is not None:
            return None
        first, second = (_turned(a) for a in inner.arguments)
        if first is not None:
            return first - inner.arguments[1]
        return None if second is None else second - inner.arguments[0]


def _is(node: Expression, operation: str) -> bool:
    """Whether a value without a name is computed by the operation."""
    return node.operation is not None and node.name is None and node.operation.name == operation


def _literal(node: Expression) -> float | int | None:
    """The number that a factor is, as it stands or in the program's precision."""
    return (node.arguments[0] if _is(node, "constant") else node).literal


def _added(x: Expression, y: Expression) -> Expression:
    """The sum, in which a zero falls away."""
    return y if _literal(x) == 0 else x if _literal(y) == 0 else x + y


def _addends(node: Expression) -> list[Expression]:
    if node.operation is None or node.name is not None or node.operation.name != "add":
        return [node]
    return [a for argument in node.arguments for a in _addends(argument)]


def _without_sign(node: Expression) -> Expression | None:
    """What a term is minus of: b of -b, and b c of -b c."""
    if node.operation is None or node.name is not None:
        return None
    if node.operation.name == "negative":
        return node.arguments[0]
    if node.operation.name in ("multiply", "divide"):
        first = _without_sign(node.arguments[0])
        return None if first is None else node.operation(first, node.arguments[1])
    return None


def _turned(node: Expression) -> Expression | None:
    """Minus a quotient (p - q) / r, as (q - p) / r."""
    if node.operation is None or node.operation.name != "divide" or node.name is not None:
        return None
    above, below = node.arguments
    if above.operation is None or above.operation.name != "subtract" or above.name is not None:
        return None
    return REGISTRY["subtract"](above.arguments[1], above.arguments[0]) / below


_RULES = {"add": Recogniser._sum, "multiply": Recogniser._product, "negative": Recogniser._negative}
