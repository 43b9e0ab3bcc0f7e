"""Elementwise primitives as code: the one place where the native engine knows operations by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.engines.native import functions, trigonometry
from chainrule.engines.native.emit import Arithmetic
from chainrule.engines.native.powers import power
from chainrule.shapes import DType


@dataclass(frozen=True)
class Value:
    """A value in code: the name of an LLVM value of its element type in every lane, or a number.

    Floats are of the type ``a.form.type``, truth values masks, whole numbers of 64 bits.
    """

    text: str
    dtype: DType
    literal: float | int | None = None


def write(a: Arithmetic, operation: str, operands: Sequence[Value]) -> Value:
    """The code of an elementwise operation on some operands.

    Raises:
        KeyError: for an operation that is none of the primitives.
    """
    if operation in ("stop_gradient", "broadcast_to"):
        return operands[0]
    if operation in ("constant", "to_float"):
        return Value(as_float(a, operands[0]), "float")
    if operation == "to_int":
        return Value(_truncated(a, as_float(a, operands[0])), "int")
    if operation == "where":
        return _chosen(a, *operands)
    whole = all(o.dtype == "int" or isinstance(o.literal, int) for o in operands)
    if operation in _COMPARISONS:
        return _compared(a, operation, operands, whole=whole)
    if whole and operation in _WHOLE:
        return Value(_WHOLE[operation](a, *(as_whole(a, o) for o in operands)), "int")
    if operation == "power":
        return Value(_power(a, *operands), "float")
    if operation in ("maximum", "minimum"):
        return Value(_extreme(a, operation, *operands), "float")
    return Value(_FLOATS[operation](a, *(as_float(a, o) for o in operands)), "float")


def as_float(a: Arithmetic, value: Value) -> str:
    """A value as floats; truth values are 1 and 0."""
    if value.literal is not None:
        return a.constant(float(value.literal))
    if value.dtype == "bool":
        return a.select(value.text, a.constant(1.0), a.constant(0.0))
    if value.dtype == "int":
        return a.function.value(f"sitofp {a.form.of('i64')} {value.text} to {a.type}")
    return value.text


def as_whole(a: Arithmetic, value: Value) -> str:
    """A value as whole numbers."""
    if value.literal is not None:
        return str(int(value.literal)) if a.form.lanes == 1 else f"splat (i64 {int(value.literal)})"
    if value.dtype == "bool":
        return a.function.value(f"zext {a.form.mask} {value.text} to {a.form.of('i64')}")
    return value.text


def _truncated(a: Arithmetic, x: str) -> str:
    """Whole numbers, cut towards 0; what is no number, or too large, becomes the smallest one, as in NumPy."""
    wide = a.form.of("i64")
    lanes = "i64" if a.form.lanes == 1 else f"v{a.form.lanes}i64"
    cut = a.function.call(f"llvm.fptosi.sat.{lanes}.{a.form.suffix}", wide, [(a.type, x)])
    within = a.compare("olt", a.intrinsic("fabs", x), a.constant(2.0**63))
    smallest = as_whole(a, Value("", "int", -(2**63)))
    return a.function.value(f"select {a.form.mask} {within}, {wide} {cut}, {wide} {smallest}")


def _chosen(a: Arithmetic, condition: Value, x: Value, y: Value) -> Value:
    mask = condition.text
    if condition.dtype != "bool":
        mask = a.compare("une", as_float(a, condition), a.constant(0.0))
    if all(o.dtype == "int" or isinstance(o.literal, int) for o in (x, y)) and "int" in (x.dtype, y.dtype):
        kind = a.form.of("i64")
        first, second = as_whole(a, x), as_whole(a, y)
        return Value(a.function.value(f"select {a.form.mask} {mask}, {kind} {first}, {kind} {second}"), "int")
    return Value(a.select(mask, as_float(a, x), as_float(a, y)), "float")


# For floats and for whole numbers; only != holds for NaN.
_COMPARISONS = {
    "less": ("olt", "slt"), "less_equal": ("ole", "sle"), "greater": ("ogt", "sgt"),
    "greater_equal": ("oge", "sge"), "equal": ("oeq", "eq"), "not_equal": ("une", "ne"),
}  # fmt: skip


def _compared(a: Arithmetic, operation: str, operands: Sequence[Value], *, whole: bool) -> Value:
    for_floats, for_whole = _COMPARISONS[operation]
    if whole:
        x, y = (as_whole(a, o) for o in operands)
        return Value(a.function.value(f"icmp {for_whole} {a.form.of('i64')} {x}, {y}"), "bool")
    return Value(a.compare(for_floats, *(as_float(a, o) for o in operands)), "bool")


def _extreme(a: Arithmetic, operation: str, x: Value, y: Value) -> str:
    """The larger or smaller of two; NaN of either side passes, which a number known beforehand makes cheaper."""
    if x.literal is not None:
        x, y = y, x
    keep = "olt" if operation == "maximum" else "ogt"
    first, second = as_float(a, x), as_float(a, y)
    chosen = a.select(a.compare(keep, first, second), second, first)
    if y.literal is not None:
        return chosen
    return a.select(a.compare("uno", second, second), second, chosen)


def _power(a: Arithmetic, x: Value, y: Value) -> str:
    """Powers; squares, roots and reciprocals by what is quicker and no less exact."""
    base = as_float(a, x)
    match y.literal:
        case 1:
            return base
        case 2:
            return a.multiply(base, base)
        case 3:
            return a.multiply(a.multiply(base, base), base)
        case -1:
            return a.divide(a.constant(1.0), base)
        case 0.5:
            return a.intrinsic("sqrt", base)
        case _:
            return power(a, base, as_float(a, y))


def _sign(a: Arithmetic, x: str) -> str:
    zero = a.compare("ueq", x, a.constant(0.0))  # NaN stays NaN, and 0 is 0
    nothing = a.select(a.compare("uno", x, x), x, a.constant(0.0))
    return a.select(zero, nothing, a.intrinsic("copysign", a.constant(1.0), x))


_FLOATS: dict[str, Callable[..., str]] = {
    "add": Arithmetic.add,
    "subtract": Arithmetic.subtract,
    "multiply": Arithmetic.multiply,
    "divide": Arithmetic.divide,
    "negative": Arithmetic.negative,
    "abs": lambda a, x: a.intrinsic("fabs", x),
    "floor": lambda a, x: a.intrinsic("floor", x),
    "sqrt": lambda a, x: a.intrinsic("sqrt", x),
    "sign": _sign,
    "exp": functions.exp,
    "expm1": functions.expm1,
    "log": functions.log,
    "log1p": functions.log1p,
    "sin": trigonometry.sin,
    "cos": trigonometry.cos,
    "tanh": functions.tanh,
}


def _whole(instruction: str) -> Callable[[Arithmetic, str, str], str]:
    return lambda a, x, y: a.function.value(f"{instruction} {a.form.of('i64')} {x}, {y}")


def _whole_intrinsic(name: str, *more: str) -> Callable[..., str]:
    def write_call(a: Arithmetic, *operands: str) -> str:
        kind = a.form.of("i64")
        lanes = "i64" if a.form.lanes == 1 else f"v{a.form.lanes}i64"
        arguments = [(kind, o) for o in operands] + [("i1", m) for m in more]
        return a.function.call(f"llvm.{name}.{lanes}", kind, arguments)

    return write_call


_WHOLE: dict[str, Callable[..., str]] = {
    "add": _whole("add"),
    "subtract": _whole("sub"),
    "multiply": _whole("mul"),
    "negative": lambda a, x: a.function.value(f"sub {a.form.of('i64')} {as_whole(a, Value('', 'int', 0))}, {x}"),
    "abs": _whole_intrinsic("abs", "false"),
    "maximum": _whole_intrinsic("smax"),
    "minimum": _whole_intrinsic("smin"),
}
