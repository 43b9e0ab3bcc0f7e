"""Rewrites for losses whose rows have weights: the weights stay one factor in front of what is simplified.

The weights of rows are declared as such (the fact ``row_weights``). Without them, no rule of this module applies.
"""

from __future__ import annotations

from chainrule.expression import Expression
from chainrule.ops.arithmetic import multiply
from chainrule.shapes import broadcast, normalise_axes


def weights_first(e: Expression) -> Expression | None:
    """A w = w a, also inside a product; plain numbers stay before the weights."""
    x, y = e.arguments
    if is_weights(x):
        number = _factors(y)
        if number is None or number[0].literal is None:
            return None
        return multiply(number[0], multiply(x, number[1]))
    if x.literal is not None:
        return None
    if is_weights(y):
        return multiply(y, x)
    if (weighted := _weighted(y)) is not None:
        return multiply(weighted[0], multiply(x, weighted[1]))
    if (weighted := _weighted(x)) is not None:
        return multiply(weighted[0], multiply(weighted[1], y))
    return None


def weights_leave_sum(e: Expression) -> Expression | None:
    """The sum of w a over the outputs of a row is w times the sum of a."""
    (x,) = e.arguments
    weighted = _weighted(x)
    if weighted is None or not e.attributes["keepdims"]:
        return None
    w, a = weighted
    axes = normalise_axes(e.attributes["axis"], x.rank)
    if w.rank != x.rank or a.shape != x.shape or any(w.shape[axis] != 1 for axis in axes):
        return None
    return multiply(w, a.sum(axis=e.attributes["axis"], keepdims=True))


def common_weights(e: Expression) -> Expression | None:
    """W a - w b = w (a - b), and the same for a sum."""
    x, y = map(_weighted, e.arguments)
    assert e.operation is not None
    if x is None or y is None or x[0] is not y[0]:
        return None
    inside = e.operation(x[1], y[1])
    return multiply(x[0], inside) if broadcast(x[0].shape, inside.shape) == e.shape else None


def is_weights(x: Expression) -> bool:
    """Whether ``x`` is the weights of rows, of whatever shape."""
    return "row_weights" in x.facts


def _factors(x: Expression) -> tuple[Expression, Expression] | None:
    """The factors of a product that has no name."""
    if x.operation is None or x.operation.name != "multiply" or x.name is not None:
        return None
    return x.arguments[0], x.arguments[1]


def _weighted(x: Expression) -> tuple[Expression, Expression] | None:
    """The weights of rows, and what they weigh."""
    factors = _factors(x)
    return factors if factors is not None and is_weights(factors[0]) else None
