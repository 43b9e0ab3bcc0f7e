"""Sine and cosine as vector code."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from chainrule.engines.native.arithmetic import Arithmetic
from chainrule.engines.native.functions import CONSTANTS, polynomial


@dataclass(frozen=True)
class _Constants:
    limit: float
    """Larger arguments are left to the system's function."""
    half_pi: tuple[float, float, float]
    """Three parts of pi / 2 whose sum is exact to three times the precision."""
    sin: tuple[float, ...]
    cos: tuple[float, ...]


# Remez's algorithm with 60 digits, the coefficients rounded one after another and the others fitted anew.
# sin: (sin(r) / r - 1) / r^2 in r^2 for |r| <= pi / 4; errors of sin(r), relative: 4.0e-9 and 3.7e-18.
# cos: (cos(r) - 1) / r^2 in r^2; errors of cos(r): 1.2e-10 and 5.7e-20.
_CONSTANTS = {
    "float32": _Constants(
        2.0**15, (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
        sin=(-0.16666655242443085, 0.008332189172506332, -0.0001951828453456983),
        cos=(-0.5, 0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-05),
    ),
    "float64": _Constants(
        2.0**28, (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
        sin=(-0.1666666666666663, 0.00833333333332184, -0.00019841269829358525, 2.75573135385113e-06,
             -2.50507343884188e-08, 1.5895433217923497e-10),
        cos=(-0.5, 0.041666666666666595, -0.0013888888888873338, 2.480158728899748e-05, -2.755731421529835e-07,
             2.087570511469348e-09, -1.1358732747039962e-11),
    ),
}  # fmt: skip


def sin(a: Arithmetic, x: str) -> str:
    """The sine; its error is below ``functions.ACCURACY["sin"]``, for large arguments too."""
    sign = a.integer("and", a.bits(x), a.whole(1 << (8 * a.form.bytes - 1)))
    return _turned(a, x, "sin", 0, sign)


def cos(a: Arithmetic, x: str) -> str:
    """The cosine; its error is below ``functions.ACCURACY["cos"]``, for large arguments too."""
    return _turned(a, x, "cos", 1, a.whole(0))


def _turned(a: Arithmetic, x: str, name: str, quarters: int, sign: str) -> str:
    """``sin(|x| + quarters pi / 2)``, with the sign turned where ``sign`` has its highest bit.

    |x| = n pi / 2 + r, and n decides between sin(r), cos(r) and their negatives.
    """
    c = _CONSTANTS[a.form.precision]
    size = a.intrinsic("fabs", x)
    n, r = _reduced(a, size)
    square = a.multiply(r, r)
    fourth = a.multiply(square, square)
    sine = a.fma(a.multiply(r, square), polynomial(a, square, fourth, c.sin), r)
    cosine = a.fma(square, polynomial(a, square, fourth, c.cos), a.constant(1.0))
    n = a.integer("add", n, a.whole(quarters))
    odd = a.function.value(f"trunc {a.form.bits} {n} to {a.form.mask}")
    half_turn = a.integer("shl", a.integer("and", n, a.whole(2)), a.whole(8 * a.form.bytes - 2))
    flipped = a.integer("xor", a.bits(a.select(odd, cosine, sine)), a.integer("xor", half_turn, sign))
    return _with_large(a, x, name, a.compare("ogt", size, a.constant(c.limit)), a.of_bits(flipped))


def _reduced(a: Arithmetic, size: str) -> tuple[str, str]:
    """``n``, in the lowest bits, and ``r`` between -pi/4 and pi/4."""
    rounding = a.constant(1.5 * 2.0 ** CONSTANTS[a.form.precision].mantissa)
    shifted = a.fma(size, a.constant(2 / pi), rounding)
    n = a.subtract(shifted, rounding)
    r = size
    for part in _CONSTANTS[a.form.precision].half_pi:
        r = a.fma(n, a.constant(-part), r)
    return a.bits(shifted), r


def _with_large(a: Arithmetic, x: str, name: str, large: str, result: str) -> str:
    """The system's function for the lanes that ``large`` marks, in a loop that runs only if there are some."""
    f, lanes = a.function, a.form.lanes
    found = large
    if lanes > 1:
        found = f.call(f"llvm.vector.reduce.or.v{lanes}i1", "i1", [(a.form.mask, large)])
    stop = f.value(f"select i1 {found}, i64 {lanes}, i64 0")

    def one(lane: object, total: str) -> list[str]:
        if lanes == 1:
            return [_called(a, name, x)]
        element = f.value(f"extractelement {a.type} {x}, i64 {lane}")
        marked = f.value(f"extractelement {a.form.mask} {large}, i64 {lane}")
        there = f.value(f"extractelement {a.type} {total}, i64 {lane}")
        chosen = f.value(f"select i1 {marked}, {a.form.element} {_called(a, name, element)}, {a.form.element} {there}")
        return [f.value(f"insertelement {a.type} {total}, {a.form.element} {chosen}, i64 {lane}")]

    return f.loop(0, stop, 1, one, [(a.type, result)])[0]


def _called(a: Arithmetic, name: str, x: str) -> str:
    """The system's function of one element. Marked as rare, so that registers are kept for the common way."""
    f = a.function
    wide = x if a.form.element == "double" else f.value(f"fpext float {x} to double")
    result = f.value(f"call double {f.module.declare(name, 'double', ['double'])}(double {wide}) cold")
    return result if a.form.element == "double" else f.value(f"fptrunc double {result} to float")
