"""The rewrites: each a named fact of algebra, with the condition under which it holds.

A rule looks at one expression, whose arguments are already rewritten, and returns an equal one or
``None``. Equal means: the same real number. Rounding may differ in the last digits, and where a textbook
form overflows (``log(softmax(z))``) the rewritten one does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.expression import Expression
from chainrule.ops.arithmetic import constant, divide, multiply, size_of
from chainrule.ops.arrays import broadcast_to
from chainrule.ops.elementary import softplus
from chainrule.ops.reductions import log_softmax, softmax, sum
from chainrule.passes.weights import common_weights, is_weights, weights_first, weights_leave_sum
from chainrule.shapes import broadcast, normalise_axes


@dataclass(frozen=True)
class Rewrite:
    """A named rewrite of expressions whose operation is among ``operations``.

    ``condition`` says in words when it holds (nothing: always); the rule itself tests it.
    """

    name: str
    operations: tuple[str, ...]
    apply: Callable[[Expression], Expression | None]
    condition: str = ""


def _is(x: Expression, name: str) -> bool:
    """Whether ``x`` is that operation; a value that has a name is left whole."""
    return x.operation is not None and x.operation.name == name and x.name is None


def _computed_by(x: Expression, name: str) -> bool:
    """Whether ``x`` is that operation, under whatever name."""
    return x.operation is not None and x.operation.name == name


def _scalar(x: Expression) -> bool:
    return x.shape == ()


def _twice(e: Expression) -> Expression | None:
    """X + x = 2 x, also at the end of a sum: a - x - x = a - 2 x."""
    x, y = e.arguments
    assert e.operation is not None
    if x is y and e.operation.name == "add":
        return 2 * x
    if x.operation is e.operation and x.name is None and x.arguments[1] is y:
        return e.operation(x.arguments[0], 2 * y)
    return None


def _drop_neutral(e: Expression) -> Expression | None:
    x, y = e.arguments
    assert e.operation is not None
    neutral = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1, "power": 1}[e.operation.name]
    if y.literal == neutral:
        return x
    if x.literal == neutral and e.operation.name in ("add", "multiply"):
        return y
    return None


def _implicit_broadcast(e: Expression) -> Expression | None:
    assert e.operation is not None
    for i, a in enumerate(e.arguments):
        if _is(a, "broadcast_to"):
            others = [o.shape for j, o in enumerate(e.arguments) if j != i]
            inner = a.arguments[0]
            if broadcast(inner.shape, *others) == e.shape:
                return e.operation(*e.arguments[:i], inner, *e.arguments[i + 1 :])
    return None


def _broadcast_last(e: Expression) -> Expression | None:
    """An operation on a stretched value is stretched afterwards: fewer elements to compute."""
    assert e.operation is not None
    if not any(_is(a, "broadcast_to") for a in e.arguments):
        return None
    inner = [a.arguments[0] if _is(a, "broadcast_to") else a for a in e.arguments]
    small = broadcast(*(a.shape for a in inner))
    if small == e.shape:
        return None
    return broadcast_to(e.operation(*inner), shape=e.shape)


def _broadcast_once(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if x.shape == e.shape:
        return x
    return broadcast_to(x.arguments[0], shape=e.shape) if _is(x, "broadcast_to") else None


def _reshape_scalar(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if x.shape == e.shape:
        return x
    return broadcast_to(x.arguments[0], shape=e.shape) if _is(x, "broadcast_to") and _scalar(x.arguments[0]) else None


def _plain_number(e: Expression) -> Expression | None:
    """``dtype(c)`` next to an array of that type can be the plain number ``c``; next to numbers it takes them in."""
    assert e.operation is not None
    bare = [a.arguments[0] if _is(a, "constant") else a for a in e.arguments]
    if all(a is b for a, b in zip(bare, e.arguments, strict=True)):
        return None
    if all(b.is_weak for b in bare):
        return constant(e.operation(*bare))
    return e.operation(*bare) if any(b.dtype == "float" and not b.is_weak for b in bare) else None


def _sign_of_reshape(e: Expression) -> Expression | None:
    (x,) = e.arguments
    assert e.operation is not None
    return -e.operation(x.arguments[0], **e.attributes) if _is(x, "negative") else None


def _sign_of_product(e: Expression) -> Expression | None:
    assert e.operation is not None
    x, y = e.arguments
    if _is(x, "negative"):
        return -e.operation(x.arguments[0], y)
    if _is(y, "negative"):
        return -e.operation(x, y.arguments[0])
    return None


def _sign_of_sum(e: Expression) -> Expression | None:
    assert e.operation is not None
    x, y = e.arguments
    minus_x, minus_y = _is(x, "negative"), _is(y, "negative")
    if e.operation.name == "subtract":
        if minus_x and minus_y:
            return y.arguments[0] - x.arguments[0]
        if minus_y:
            return x + y.arguments[0]
        return -(x.arguments[0] + y) if minus_x else None
    if minus_x and minus_y:
        return -(x.arguments[0] + y.arguments[0])
    if minus_x:
        return y - x.arguments[0]
    return x - y.arguments[0] if minus_y else None


def _sign_of_sign(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if _is(x, "negative"):
        return x.arguments[0]
    return x.arguments[1] - x.arguments[0] if _is(x, "subtract") else None


def _scalar_divisor(e: Expression) -> Expression | None:
    """(a / c) b = a b / c for a number c."""
    x, y = e.arguments
    for a, b, left in ((x, y, True), (y, x, False)):
        if not _is(a, "divide"):
            continue
        numerator, divisor = a.arguments
        # A quotient of plain numbers (lr / c) stays one: it costs less than another pass over b.
        small = a.is_weak or divisor.literal is not None or _scalar(b)
        if _scalar(divisor) and (numerator.literal is not None or is_weights(numerator) or not small):
            return divide(multiply(numerator, b) if left else multiply(b, numerator), divisor)
    return None


def _common_divisor(e: Expression) -> Expression | None:
    assert e.operation is not None
    x, y = e.arguments
    if _is(x, "divide") and _is(y, "divide") and _same(x.arguments[1], y.arguments[1]) and x.shape == y.shape:
        return divide(e.operation(x.arguments[0], y.arguments[0]), x.arguments[1])
    return None


def _gather_numbers(e: Expression) -> Expression | None:
    """C (d x) = (c d) x for numbers c and d, which also come first."""
    x, y = e.arguments
    if y.literal is not None and x.literal is None:
        return multiply(y, x)
    if x.literal is not None and _is(y, "multiply") and y.arguments[0].literal is not None:
        return multiply(multiply(x, y.arguments[0]), y.arguments[1])
    if x.literal is not None and x.literal < 0:
        return -multiply(-x.literal, y)
    if _is(x, "multiply") and _is(x.arguments[0], "constant") and x.arguments[1].dtype == "bool" and y.dtype == "float":
        return multiply(x.arguments[0], multiply(x.arguments[1], y))
    return None


def _scale_of_sum(e: Expression) -> Expression | None:
    (x,) = e.arguments
    assert e.operation is not None
    if _is(x, "negative"):
        return -e.operation(x.arguments[0], **e.attributes)
    if _is(x, "divide") and _scalar(x.arguments[1]):
        return e.operation(x.arguments[0], **e.attributes) / x.arguments[1]
    if _is(x, "multiply") and x.arguments[0].literal is not None:
        return x.arguments[0] * e.operation(x.arguments[1], **e.attributes)
    return None


def _mean_as_sum(e: Expression) -> Expression | None:
    (x,) = e.arguments
    count = size_of(tuple(x.shape[a] for a in normalise_axes(e.attributes["axis"], x.rank)))
    return sum(x, **e.attributes) / count


def _sum_of_sums(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if e.shape == () and _is(x, "sum") and not e.attributes["keepdims"]:
        return sum(x.arguments[0])
    return None


def _rows_sum_to_one(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if "rows_sum_to_one" in x.facts and normalise_axes(e.attributes["axis"], x.rank) == (x.rank - 1,):
        return broadcast_to(constant(1.0), shape=e.shape)
    return None


def _log_of_softmax(e: Expression) -> Expression | None:
    (x,) = e.arguments
    return log_softmax(x.arguments[0], **x.attributes) if _computed_by(x, "softmax") else None


def _log_of_sigmoid(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if _computed_by(x, "sigmoid"):
        return -softplus(-x.arguments[0])
    if _is(x, "subtract") and x.arguments[0].literal == 1 and _computed_by(x.arguments[1], "sigmoid"):
        return -softplus(x.arguments[1].arguments[0])
    return None


def _log_of_exp(e: Expression) -> Expression | None:
    (x,) = e.arguments
    return x.arguments[0] if _computed_by(x, "exp") else None


def _exp_of_log_softmax(e: Expression) -> Expression | None:
    (x,) = e.arguments
    return softmax(x.arguments[0], **x.attributes) if _computed_by(x, "log_softmax") else None


def _sigmoid_and_cross_entropy(e: Expression) -> Expression | None:
    """(1 - y) s(z) - y s(-z) = s(z) - y."""
    for one_minus_y, s in _orders(e.arguments[0]):
        if not (_is(one_minus_y, "subtract") and one_minus_y.arguments[0].literal == 1 and _computed_by(s, "sigmoid")):
            continue
        for y, s_minus in _orders(e.arguments[1]):
            if y is one_minus_y.arguments[1] and _computed_by(s_minus, "sigmoid"):
                (minus_z,) = s_minus.arguments
                if _computed_by(minus_z, "negative") and minus_z.arguments[0] is s.arguments[0]:
                    return s - y
    return None


def _orders(product: Expression) -> list[tuple[Expression, Expression]]:
    """The factors of a product, in both orders."""
    if not _is(product, "multiply"):
        return []
    x, y = product.arguments
    return [(x, y), (y, x)]


def _same(x: Expression, y: Expression) -> bool:
    """Whether two values are one object, or equal numbers."""
    return x is y or (x.literal is not None and x.literal == y.literal)


def _double_transpose(e: Expression) -> Expression | None:
    (x,) = e.arguments
    if _is(x, "transpose") and e.attributes["axes"] is None and x.attributes["axes"] is None:
        return x.arguments[0]
    return None


_ELEMENTWISE = ("add", "subtract", "multiply", "divide")

RULES: tuple[Rewrite, ...] = (
    Rewrite("neutral element", (*_ELEMENTWISE, "power"), _drop_neutral),
    Rewrite("twice", ("add", "subtract"), _twice),
    Rewrite("broadcasting is implicit", (*_ELEMENTWISE, "where", "power"), _implicit_broadcast),
    Rewrite("broadcast last", (*_ELEMENTWISE, "negative"), _broadcast_last),
    Rewrite("broadcast once", ("broadcast_to",), _broadcast_once),
    Rewrite("a stretched number has any shape", ("reshape",), _reshape_scalar),
    Rewrite("a plain number", (*_ELEMENTWISE, "negative"), _plain_number),
    Rewrite("sign of a product", ("multiply", "divide"), _sign_of_product),
    Rewrite("sign of a reshape", ("reshape",), _sign_of_reshape),
    Rewrite("sign of a sum", ("add", "subtract"), _sign_of_sum),
    Rewrite("minus minus", ("negative",), _sign_of_sign),
    Rewrite("numbers first", ("multiply",), _gather_numbers),
    Rewrite("a number's division comes last", ("multiply",), _scalar_divisor),
    Rewrite("common divisor", ("add", "subtract"), _common_divisor),
    Rewrite("a mean is a sum over the count", ("mean",), _mean_as_sum),
    Rewrite("a factor leaves the sum", ("sum",), _scale_of_sum),
    Rewrite("a sum of sums", ("sum",), _sum_of_sums),
    Rewrite("rows that sum to 1", ("sum",), _rows_sum_to_one, "each row of {0} sums to 1"),
    Rewrite("log of softmax", ("log",), _log_of_softmax),
    Rewrite("log of sigmoid", ("log",), _log_of_sigmoid),
    Rewrite("log of exp", ("log",), _log_of_exp),
    Rewrite("exp of log_softmax", ("exp",), _exp_of_log_softmax),
    Rewrite("sigmoid and cross-entropy", ("subtract",), _sigmoid_and_cross_entropy),
    Rewrite("transposed twice", ("transpose",), _double_transpose),
    Rewrite("weights of rows first", ("multiply",), weights_first),
    Rewrite("weights of rows leave the sum", ("sum",), weights_leave_sum),
    Rewrite("common weights of rows", ("add", "subtract"), common_weights),
)

BY_OPERATION: dict[str, list[Rewrite]] = {
    name: [rule for rule in RULES if name in rule.operations] for rule in RULES for name in rule.operations
}


def applicable(expression: Expression) -> list[Rewrite]:
    """The rules that look at expressions of this operation."""
    assert expression.operation is not None
    return BY_OPERATION.get(expression.operation.name, [])
