"""Derived formulas as a person writes them: known values by their names, squares as squares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from chainrule.explain.writing import content
from chainrule.expression import REGISTRY, Expression, lift, symbol


@dataclass(frozen=True)
class Recogniser:
    """Rewrites a formula over scalars into an equal one that reads better.

    Args:
        known: names of values by what computes them, as :func:`~chainrule.explain.writing.content` says it.
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
        """Values that add up to 1; a + -b = a - b."""
        positive = _without_sign(node.arguments[1])
        if positive is not None:
            return node.arguments[0] - positive
        names = frozenset(n.name for n in _addends(node) if n.name is not None)
        return lift(1.0) if names in self.ones and len(names) == len(_addends(node)) else None

    def _product(self, node: Expression) -> Expression | None:
        """(a / b) c = a (c / b) where c / b has a name; x x = x^2; what is one falls away."""
        left, right = node.arguments
        if _is_one(left):
            return right
        if _is_one(right):
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


def _is_one(node: Expression) -> bool:
    """Whether a factor is 1, as it stands or in the program's precision."""
    constant = node.operation is not None and node.operation.name == "constant"
    return (node.arguments[0] if constant else node).literal == 1


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
