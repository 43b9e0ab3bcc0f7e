"""Elementwise primitives as code: the one place where the native engine knows operations by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isnan

from chainrule.engines.native import functions, trigonometry
from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.powers import power
from chainrule.shapes import DType


@dataclass(frozen=True)
class Value:
    """A value in code.

    Args:
        text: the name of an LLVM value: of ``a.form.type`` for floats, of ``a.form.mask`` for truth values, and whole
            numbers have 64 bits. It may be empty for a literal.
        dtype: the element type.
        literal: a number that is known now and takes on the type of what it meets.
    """

    text: str
    dtype: DType
    literal: float | int | None = None


def write(a: Arithmetic, operation: str, operands: Sequence[Value]) -> Value:
    """The code of an elementwise operation, with NumPy's results for NaN, infinities and mixed types.

    Args:
        a: the form of the floats; each lane has one element.
        operation: the name of a primitive operation.
        operands: its arguments. Truth values count as 1 and 0 beside numbers, so that False times infinity is NaN.

    Raises:
        KeyError: for an operation that is none of the primitives.
    """
    if operation in ("stop_gradient", "broadcast_to"):
        return operands[0]
    if operation in ("constant", "to_float"):
        return Value(as_float(a, operands[0]), "float")
    if operation == "to_int":
        return Value(_truncated(a, operands[0]), "int")
    if operation == "where":
        return _chosen(a, *operands)
    if operation in COMPARISONS:
        return _compared(a, operation, operands)
    if operation in _WHOLE and _are_whole(operands):
        return Value(_WHOLE[operation](a, *(as_whole(a, o) for o in operands)), "int")
    if operation in _WITH_LITERALS:
        return Value(_WITH_LITERALS[operation](a, *operands), "float")
    return Value(_FLOATS[operation](a, *(as_float(a, o) for o in operands)), "float")


def _are_whole(operands: Sequence[Value]) -> bool:
    """Whether an operation is one of whole numbers, as in a program's type rules."""
    kinds = {o.dtype for o in operands if not isinstance(o.literal, int)}
    return "int" in kinds and "float" not in kinds


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


def _truncated(a: Arithmetic, value: Value) -> str:
    """Whole numbers, cut towards 0; what is no number, or too large, becomes the smallest one, as in NumPy."""
    if value.dtype != "float":
        return as_whole(a, value)
    x = as_float(a, value)
    wide = a.form.of("i64")
    lanes = "i64" if a.form.lanes == 1 else f"v{a.form.lanes}i64"
    cut = a.function.call(f"llvm.fptosi.sat.{lanes}.{a.form.suffix}", wide, [(a.type, x)])
    within = a.compare("olt", a.intrinsic("fabs", x), a.constant(2.0**63))
    smallest = as_whole(a, Value("", "int", -(2**63)))
    return a.function.value(f"select {a.form.mask} {within}, {wide} {cut}, {wide} {smallest}")


def _chosen(a: Arithmetic, condition: Value, x: Value, y: Value) -> Value:
    mask = condition.text
    if condition.dtype != "bool" or condition.literal is not None:
        mask = a.compare("une", as_float(a, condition), a.constant(0.0))
    if _are_whole((x, y)):
        kind = a.form.of("i64")
        first, second = as_whole(a, x), as_whole(a, y)
        return Value(a.function.value(f"select {a.form.mask} {mask}, {kind} {first}, {kind} {second}"), "int")
    return Value(a.select(mask, as_float(a, x), as_float(a, y)), "float")


# For floats and for whole numbers; only != holds for NaN.
COMPARISONS = {
    "less": ("olt", "slt"), "less_equal": ("ole", "sle"), "greater": ("ogt", "sgt"),
    "greater_equal": ("oge", "sge"), "equal": ("oeq", "eq"), "not_equal": ("une", "ne"),
}  # fmt: skip


def _compared(a: Arithmetic, operation: str, operands: Sequence[Value]) -> Value:
    for_floats, for_whole = COMPARISONS[operation]
    if _are_whole(operands):
        x, y = (as_whole(a, o) for o in operands)
        return Value(a.function.value(f"icmp {for_whole} {a.form.of('i64')} {x}, {y}"), "bool")
    return Value(a.compare(for_floats, *(as_float(a, o) for o in operands)), "bool")


def _extreme(predicate: str) -> Callable[[Arithmetic, Value, Value], str]:
    """The larger or smaller of two: the second where the predicate holds. NaN of either side passes."""

    def write_extreme(a: Arithmetic, x: Value, y: Value) -> str:
        if x.literal is not None:
            x, y = y, x
        first, second = as_float(a, x), as_float(a, y)
        chosen = a.select(a.compare(predicate, first, second), second, first)
        if y.literal is not None and not isnan(y.literal):
            return chosen  # one instruction of the processor
        return a.select(a.compare("uno", second, second), second, chosen)

    return write_extreme


def _power(a: Arithmetic, x: Value, y: Value) -> str:
    """Powers; squares, roots and reciprocals by what is quicker and no less exact."""
    base, one = as_float(a, x), a.constant(1.0)
    match y.literal:
        case 0:
            return one
        case 1:
            return base
        case 2:
            return a.multiply(base, base)
        case 3:
            return a.multiply(a.multiply(base, base), base)
        case -1:
            return a.divide(one, base)
        case -2:
            inverse = a.divide(one, base)
            return a.multiply(inverse, inverse)
        case 0.5:
            return a.intrinsic("sqrt", base)
        case 1.5:
            return a.multiply(a.intrinsic("fabs", base), _root(a, base))
        case -0.5:
            return a.divide(one, _root(a, base))
        case _:
            return power(a, base, as_float(a, y))


def _root(a: Arithmetic, x: str) -> str:
    """The square root as powers have it: of -0 it is 0, of -inf it is inf."""
    infinite = a.compare("oeq", x, a.constant(-inf))
    return a.intrinsic("sqrt", a.add(a.select(infinite, a.constant(inf), x), a.constant(0.0)))


_WITH_LITERALS: dict[str, Callable[[Arithmetic, Value, Value], str]] = {
    "power": _power,
    "maximum": _extreme("olt"),
    "minimum": _extreme("ogt"),
}
"""What is simpler where an operand is known."""


def _sign(a: Arithmetic, x: str) -> str:
    """Of 0 and of -0 it is 0, of NaN it is NaN: x + 0."""
    same = a.compare("ueq", x, a.constant(0.0))
    return a.select(same, a.add(x, a.constant(0.0)), a.intrinsic("copysign", a.constant(1.0), x))


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
