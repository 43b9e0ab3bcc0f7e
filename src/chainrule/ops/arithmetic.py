"""Arithmetic, comparisons and selection."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from chainrule.expression import Example, Expression, Kink, Operation, Spelling
from chainrule.ops.define import elementwise, free, operation

ZERO = 0.0
"""The derivative of what is constant between its jumps."""


def _product(x: Any, y: Any, attributes: Mapping[str, Any]) -> str:
    """Elementwise products of arrays take a circle, products with a number none."""
    sign = r" \odot " if x.shape and y.shape else r" \, "
    return f"{x:20}{sign}{y:21}"


add = elementwise(
    "add", "x y",
    python=("{x:10} + {y:11}", 10), latex=("{x:10} + {y:11}", 10), words=("{x:10} plus {y:11}", 10),
    kind="promote", weak=operator.add, analytic=True, accuracy=0.5,
    vjp=lambda g, z, x, y: (g, g),
    source="(x + y)' = x' + y'",
)  # fmt: skip
subtract = elementwise(
    "subtract", "x y",
    python=("{x:10} - {y:11}", 10), latex=("{x:10} - {y:11}", 10), words=("{x:10} minus {y:11}", 10),
    kind="promote", weak=operator.sub, analytic=True, accuracy=0.5,
    vjp=lambda g, z, x, y: (g, -g),
    source="(x - y)' = x' - y'",
)  # fmt: skip
multiply = elementwise(
    "multiply", "x y",
    python=("{x:20} * {y:21}", 20), latex=Spelling(_product, 20), words=("{x:20} times {y:21}", 20),
    kind="promote", weak=operator.mul, analytic=True, accuracy=0.5,
    vjp=lambda g, z, x, y: (g * y, g * x),
    source="product rule: (x y)' = x' y + x y'",
)  # fmt: skip
divide = elementwise(
    "divide", "x y",
    python=("{x:20} / {y:21}", 20), latex=(r"\frac{{{x}}}{{{y}}}", 100), words=("{x:20} divided by {y:21}", 20),
    kind="float", weak=operator.truediv, analytic=True, accuracy=0.5, domain=((-2.0, 2.0), (0.5, 2.0)),
    vjp=lambda g, z, x, y: (g / y, -(g * z) / y),
    source="quotient rule with z = x / y: dz/dy = -z / y",
)  # fmt: skip


def _sign_joins(x: Any) -> bool:
    """Whether -a * b may be written for -(a * b), which is the same number: not where a is a truth value."""
    return bool(x.precedence == 20 and x.leads_with_number)


negative = elementwise(
    "negative", "x",
    python=Spelling(
        lambda x, attributes: f"-{x}" if _sign_joins(x) else f"-{x:30}",
        lambda x, attributes: 20 if _sign_joins(x) else 30,
    ), latex=("-{x:20}", 15), words=("minus {x:30}", 30),
    kind="promote", weak=operator.neg, analytic=True, accuracy=0.0,
    vjp=lambda g, y, x: (-g,),
    source="(-x)' = -x'",
)  # fmt: skip
abs = elementwise(
    "abs", "x",
    python="np.abs({x})", latex=r"\left|{x}\right|", words="the absolute value of {x}",
    kind="promote", accuracy=0.0, kinks=(Kink((0.0,), (0.0,), "the middle of the slopes -1 and 1"),),
    vjp=lambda g, y, x: (g * sign(x),),
    source="|x|' = sign x",
)  # fmt: skip
sign: Operation = elementwise(
    "sign", "x",
    python="np.sign({x})", latex=r"\operatorname{{sign}}({x})", words="the sign of {x}",
    accuracy=0.0, kinks=(Kink((0.0,), (0.0,), "constant on both sides of its jump"),),
    vjp=lambda g, y, x: (ZERO,),
    source="constant between jumps",
)  # fmt: skip
floor = elementwise(
    "floor", "x",
    python="np.floor({x})", latex=r"\lfloor {x} \rfloor", words="{x} rounded down",
    accuracy=0.0, domain=((0.1, 0.9),), kinks=(Kink((1.0,), (0.0,), "constant on both sides of its jump"),),
    vjp=lambda g, y, x: (ZERO,),
    source="constant between jumps",
)  # fmt: skip
maximum = elementwise(
    "maximum", "x y",
    python="np.maximum({x}, {y})", latex=r"\max({x}, {y})", words="the larger of {x} and {y}",
    kind="promote", accuracy=0.0,
    kinks=(Kink((1.0, 1.0), (0.5, 0.5), "a tie is shared, so that maximum(x, x) has slope 1"),),
    vjp=lambda g, z, x, y: (g * (x > y) + 0.5 * g * equal(x, y), g * (y > x) + 0.5 * g * equal(x, y)),
    source="the slope of the larger argument; ties as in JAX and PyTorch",
)  # fmt: skip
minimum = elementwise(
    "minimum", "x y",
    python="np.minimum({x}, {y})", latex=r"\min({x}, {y})", words="the smaller of {x} and {y}",
    kind="promote", accuracy=0.0,
    kinks=(Kink((1.0, 1.0), (0.5, 0.5), "a tie is shared, so that minimum(x, x) has slope 1"),),
    vjp=lambda g, z, x, y: (g * (x < y) + 0.5 * g * equal(x, y), g * (y < x) + 0.5 * g * equal(x, y)),
    source="the slope of the smaller argument; ties as in JAX and PyTorch",
)  # fmt: skip
clip = elementwise(
    "clip", "x low high",
    python="np.minimum(np.maximum({x}, {low}), {high})",
    latex=r"\operatorname{{clip}}({x}, {low}, {high})", words="{x} kept between {low} and {high}",
    expansion=lambda x, low, high: minimum(maximum(x, low), high),
    accuracy=0.0, domain=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0)),
    kinks=(
        Kink((-1.0, -1.0, 1.0), (1.0, 0.0, 0.0), "a value at a bound may still move inwards"),
        Kink((1.0, -1.0, 1.0), (1.0, 0.0, 0.0), "a value at a bound may still move inwards"),
    ),
    vjp=lambda g, y, x, low, high: (g * (x >= low) * (x <= high), g * (x < low), g * (x > high)),
    source="the slope of the branch taken; at a bound as in PyTorch's clamp",
)  # fmt: skip
where: Operation = elementwise(
    "where", "condition x y",
    python="np.where({condition}, {x}, {y})",
    latex=r"\begin{{cases}} {x} & {condition} \\ {y} & \text{{otherwise}} \end{{cases}}",
    words="{x} where {condition}, otherwise {y}",
    kind="select", accuracy=0.0,
    vjp=lambda g, z, condition, x, y: (None, where(condition, g, 0.0), where(condition, 0.0, g)),
    source="the slope of the branch taken; the condition has none",
)  # fmt: skip


def _comparison(name: str, python: str, latex: str, words: str) -> Operation:
    return elementwise(
        name, "x y",
        python=(f"{{x:6}} {python} {{y:6}}", 5), latex=(rf"\left[{{x}} {latex} {{y}}\right]", 100),
        words=(f"{{x:6}} {words} {{y:6}}", 5),
        kind="compare", accuracy=0.0,
        source="a truth value: no derivative passes through it",
    )  # fmt: skip


less = _comparison("less", "<", "<", "is less than")
less_equal = _comparison("less_equal", "<=", r"\le", "is at most")
greater = _comparison("greater", ">", ">", "is greater than")
greater_equal = _comparison("greater_equal", ">=", r"\ge", "is at least")
equal: Operation = _comparison("equal", "==", "=", "equals")
not_equal = _comparison("not_equal", "!=", r"\ne", "differs from")

constant = operation(
    "constant", "x",
    shape=lambda x: x,
    python="dtype({x})", latex=("{x:100}", 100), words="{x}",
    kind="number", flops=free, analytic=True, accuracy=0.5, examples=(Example(((),)),),
    vjp=lambda g, y, x: (g,),
    source="a Python number in the precision of the program",
)  # fmt: skip
to_float = operation(
    "to_float", "x",
    shape=lambda x: x,
    python="{x:90}.astype(dtype)", latex=("{x:100}", 100), words="{x} as a number",
    kind="number", flops=free, accuracy=0.5,
    vjp=lambda g, y, x: (g,),
    source="integers and truth values as numbers in the precision of the program",
)  # fmt: skip
to_int = operation(
    "to_int", "x",
    shape=lambda x: x,
    python="{x:90}.astype(np.int64)", latex=r"\operatorname{{int}}({x})", words="{x} as a whole number",
    kind="int", flops=free, accuracy=0.0,
    source="numbers cut to whole numbers, for use as indices",
)  # fmt: skip
stop_gradient = operation(
    "stop_gradient", "x",
    shape=lambda x: x,
    python=("{x}", 0), latex=("{x}", 0), words="{x}, held constant",
    kind="same", flops=free, accuracy=0.0,
    vjp=lambda g, y, x: (ZERO,),
    source="the value, taken as a constant by the chain rule",
)  # fmt: skip
size = operation(
    "size", "",
    shape=lambda of: (),
    attributes={"of": "B"},
    python="{of}", latex="{of}", words="{of}",
    kind="number", flops=free, accuracy=0.0,
    source="the value of a named size",
)  # fmt: skip


def size_of(shape: tuple[int | str, ...]) -> Expression | int:
    """The number of elements of ``shape`` as a number, or as an expression of its named sizes."""
    result: Expression | int = 1
    for s in shape:
        factor = size(of=s) if isinstance(s, str) else s
        result = factor if isinstance(result, int) and result == 1 else result * factor
    return result


def complement(share: float) -> float:
    """1 - share, without the digits that binary fractions leave behind (1 - 0.9 = 0.09999999999999998)."""
    return round(1 - share, 15)
