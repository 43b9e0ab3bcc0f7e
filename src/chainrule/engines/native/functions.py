"""Elementary functions as vector code: without branches, without tables, each special case as NumPy has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from chainrule.engines.native.emit import Arithmetic

ACCURACY: dict[str, float] = {
    "exp": 1.5, "expm1": 2.5, "log": 1.5, "log1p": 3.0, "tanh": 4.0, "sin": 1.0, "cos": 1.0, "power": 1.0,
}  # fmt: skip
"""Maximal errors in units in the last place, in float32 and float64; ``sin``, ``cos`` and ``power`` are the system's."""


@dataclass(frozen=True)
class _Constants:
    """What depends on the precision."""

    magic: float
    """1.5 * 2^m: added to a number, it leaves the nearest whole number in the low bits."""
    bias: int
    mantissa: int
    lowest: float
    """Below this, e^x is 0."""
    highest: float
    """Above this, e^x is infinite."""
    high: float
    low: float
    """Two parts of log 2; whole multiples of the first are exact."""
    smallest: float
    """The smallest normal number."""
    exp: tuple[float, ...]
    """(e^r - 1 - r) / r^2 for |r| <= log(2) / 2, interpolated at Chebyshev nodes with 50 digits."""
    log: tuple[float, ...]
    """Terms of 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + ...), as many as |s| <= 0.172 needs."""


_CONSTANTS = {
    "float32": _Constants(
        1.5 * 2**23, 127, 23, -104.0, 89.0, 0.693359375, -2.12194440e-4, 2.0**-126,
        (0.5, 0.16666576266288757, 0.041666556149721146, 0.008363178931176662, 0.0013926184037700295),
        tuple(2 / (2 * i + 1) for i in range(1, 6)),
    ),
    "float64": _Constants(
        1.5 * 2**52, 1023, 52, -746.0, 710.0, 6.93147180369123816490e-01, 1.90821492927058770002e-10, 2.0**-1022,
        (0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
         0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
         2.510038549551032e-08),
        tuple(2 / (2 * i + 1) for i in range(1, 13)),
    ),
}  # fmt: skip


def _horner(a: Arithmetic, x: str, coefficients: Sequence[float]) -> str:
    """The polynomial with the constant term first."""
    highest, *others = reversed(coefficients)
    return reduce(lambda total, c: a.fma(total, x, a.constant(c)), others, a.constant(highest))


def _reduced(a: Arithmetic, x: str) -> tuple[str, str, str]:
    """``n`` as whole numbers and as floats, and ``e^r - 1``, with x = n log 2 + r."""
    c = _CONSTANTS[a.form.precision]
    shifted = a.fma(x, a.constant(1.4426950408889634), a.constant(c.magic))
    n = a.subtract(shifted, a.constant(c.magic))
    r = a.fma(n, a.constant(-c.low), a.fma(n, a.constant(-c.high), x))
    p = a.fma(_horner(a, r, c.exp), a.multiply(r, r), r)
    whole = a.integer("sub", a.bits(shifted), a.bits(a.constant(c.magic)))
    return whole, n, p


def _power_of_two(a: Arithmetic, n: str) -> str:
    c = _CONSTANTS[a.form.precision]
    return a.of_bits(a.integer("shl", a.integer("add", n, a.whole(c.bias)), a.whole(c.mantissa)))


def _clamped(a: Arithmetic, x: str) -> str:
    """``x`` within the range of the exponential; NaN stays."""
    c = _CONSTANTS[a.form.precision]
    low, high = a.constant(c.lowest), a.constant(c.highest)
    x = a.select(a.compare("ogt", x, high), high, x)
    return a.select(a.compare("olt", x, low), low, x)


def exp(a: Arithmetic, x: str) -> str:
    """``e^x`` = 2^n e^r; two factors 2^(n/2) let the result underflow gradually."""
    n, _, p = _reduced(a, _clamped(a, x))
    half = a.integer("ashr", n, a.whole(1))
    scaled = a.multiply(a.add(p, a.constant(1.0)), _power_of_two(a, half))
    return a.multiply(scaled, _power_of_two(a, a.integer("sub", n, half)))


def expm1(a: Arithmetic, x: str) -> str:
    """``e^x - 1`` = 2^n (e^r - 1) + (2^n - 1), exact near 0."""
    clamped = _clamped(a, x)
    n, _, p = _reduced(a, clamped)
    half = a.integer("ashr", n, a.whole(1))
    first, second = _power_of_two(a, half), _power_of_two(a, a.integer("sub", n, half))
    power = a.multiply(first, second)
    small = a.fma(power, p, a.subtract(power, a.constant(1.0)))
    large = a.multiply(a.multiply(a.add(p, a.constant(1.0)), first), second)
    result = a.select(a.compare("ogt", x, a.constant(40.0)), large, small)
    return a.select(a.compare("oeq", x, a.constant(0.0)), x, result)


def log(a: Arithmetic, x: str) -> str:
    """The natural logarithm: x = 2^e m with m near 1, log m = 2 atanh((m - 1) / (m + 1))."""
    c = _CONSTANTS[a.form.precision]
    tiny = a.compare("olt", x, a.constant(c.smallest))
    y = a.select(tiny, a.multiply(x, a.constant(2.0 ** (c.mantissa + 2))), x)
    bits = a.bits(y)
    offset = a.bits(a.constant(0.70710678))
    e = a.integer("ashr", a.integer("sub", bits, offset), a.whole(c.mantissa))
    m = a.of_bits(a.integer("sub", bits, a.integer("shl", e, a.whole(c.mantissa))))
    exponent = a.of_integer(e)
    exponent = a.select(tiny, a.subtract(exponent, a.constant(c.mantissa + 2.0)), exponent)
    f = a.subtract(m, a.constant(1.0))
    s = a.divide(f, a.add(f, a.constant(2.0)))
    z = a.multiply(s, s)
    rest = a.multiply(a.multiply(_horner(a, z, c.log), z), s)
    small = a.fma(exponent, a.constant(c.low), a.fma(a.negative(s), f, rest))  # 2 s = f - s f
    result = a.fma(exponent, a.constant(c.high), a.add(f, small))
    infinite = a.constant(float("inf"))
    result = a.select(a.compare("oeq", x, infinite), infinite, result)
    result = a.select(a.compare("oeq", x, a.constant(0.0)), a.constant(float("-inf")), result)
    return a.select(a.compare("ult", x, a.constant(0.0)), a.constant(float("nan")), result)


def log1p(a: Arithmetic, x: str) -> str:
    """``log(1 + x)``: what 1 + x lost to rounding is put back as its share of the slope."""
    u = a.add(x, a.constant(1.0))
    lost = a.divide(a.subtract(x, a.subtract(u, a.constant(1.0))), u)
    finite = a.compare("olt", a.intrinsic("fabs", lost), a.constant(1.0))
    result = a.add(log(a, u), a.select(finite, lost, a.constant(0.0)))
    return a.select(a.compare("oeq", x, a.constant(0.0)), x, result)


def tanh(a: Arithmetic, x: str) -> str:
    """``t / (t + 2)`` with t = e^(2|x|) - 1, and the sign of x."""
    size = a.intrinsic("fabs", x)
    limit = a.constant(22.0)
    size = a.select(a.compare("ogt", size, limit), limit, size)
    t = expm1(a, a.add(size, size))
    return a.intrinsic("copysign", a.divide(t, a.add(t, a.constant(2.0))), x)


def sin(a: Arithmetic, x: str) -> str:
    """The sine, by the system's function for each lane."""
    return a.intrinsic("sin", x)


def cos(a: Arithmetic, x: str) -> str:
    """The cosine, by the system's function for each lane."""
    return a.intrinsic("cos", x)


def power(a: Arithmetic, x: str, y: str) -> str:
    """``x`` to the power ``y``, by the system's function for each lane."""
    return a.intrinsic("pow", x, y)
