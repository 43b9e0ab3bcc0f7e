"""Powers as vector code: y log x in twice the precision, and its exponential."""

from __future__ import annotations

from math import inf, nan

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.functions import clamped, exp, log, parts, polynomial, reduced, scaled

_LARGEST = 2.0**70
"""Exponents beyond count as this: every power but those of 1 is 0 or infinite by then."""

# (2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2 for |s| <= 0.1716, by Remez's algorithm: error 2.2e-20 of 2 s.
_ATANH = (
    0.3999999999999998, 0.28571428571445123, 0.2222222221753361, 0.1818181887066568, 0.15384556846985506,
    0.13336318345467305, 0.11674799646994179, 0.11989170685961598,
)  # fmt: skip
_TWO_THIRDS = (2 / 3, 3.700743415417188e-17)
# log 2 in two parts of which whole multiples up to 2^11 of the first are exact.
_LOG_2 = (0.6931471805598903, 5.497923018708371e-14)

Pair = tuple[str, str]
"""A number as a sum of two, the second below the last place of the first."""


def power(a: Arithmetic, x: str, y: str) -> str:
    """``x`` to the power ``y``, with the special cases of C99. float32 is computed in float64.

    Its error is below ``functions.ACCURACY["power"]``.
    """
    size = a.intrinsic("fabs", x)
    if a.form.precision == "float64":
        return _special(a, x, y, _exponential(a, _product(a, clamped(a, y, -_LARGEST, _LARGEST), _logarithm(a, size))))
    wide = Arithmetic(a.function, Form("float64", a.form.lanes))
    base, exponent = (a.function.value(f"fpext {a.type} {v} to {wide.type}") for v in (size, y))
    exponent = clamped(wide, exponent, -_LARGEST, _LARGEST)
    result = exp(wide, wide.multiply(exponent, log(wide, base)))
    return _special(a, x, y, a.function.value(f"fptrunc {wide.type} {result} to {a.type}"))


def _sum(a: Arithmetic, x: str, y: str) -> Pair:
    """``x + y`` without loss, where x is the larger or 0."""
    total = a.add(x, y)
    return total, a.subtract(y, a.subtract(total, x))


def _product(a: Arithmetic, x: str, y: Pair) -> Pair:
    """``x`` times a pair."""
    high = a.multiply(x, y[0])
    return high, a.fma(x, y[1], a.fma(x, y[0], a.negative(high)))


def _times(a: Arithmetic, x: Pair, y: Pair) -> Pair:
    """The product of two pairs."""
    high, low = _product(a, x[0], y)
    return high, a.fma(x[1], y[0], low)


def _logarithm(a: Arithmetic, x: str) -> Pair:
    """The logarithm of what is not negative, to about 66 bits.

    x = 2^k m with m between sqrt(1/2) and sqrt(2), and log m = 2 atanh(s) with s = (m - 1) / (m + 1).
    """
    k, f = parts(a, x)
    s = _quotient(a, f)
    z = _times(a, s, s)
    fourth = a.multiply(z[0], z[0])
    first, rest = _sum(a, a.constant(_TWO_THIRDS[0]), a.multiply(z[0], polynomial(a, z[0], fourth, _ATANH)))
    cubic = _times(a, s, _times(a, z, (first, a.add(rest, a.constant(_TWO_THIRDS[1])))))
    two = a.constant(2.0)
    high, low = _sum(a, a.multiply(s[0], two), cubic[0])
    low = a.add(low, a.fma(s[1], two, cubic[1]))
    total, lost = _sum(a, a.multiply(k, a.constant(_LOG_2[0])), high)
    low = a.add(lost, a.fma(k, a.constant(_LOG_2[1]), low))
    high = a.select(a.compare("oeq", x, a.constant(0.0)), a.constant(-inf), total)
    return a.select(a.compare("olt", x, a.constant(inf)), high, x), low


def _quotient(a: Arithmetic, f: str) -> Pair:
    """``f / (2 + f)``."""
    below, lost = _sum(a, a.constant(2.0), f)
    reciprocal = a.divide(a.constant(1.0), below)
    high = a.multiply(f, reciprocal)
    rest = a.fma(a.negative(high), lost, a.fma(a.negative(high), below, f))
    return high, a.multiply(rest, reciprocal)


def _exponential(a: Arithmetic, x: Pair) -> str:
    """``e^x`` for a pair; far from 0 the first part decides."""
    limit = a.constant(800.0)
    far = a.compare("ogt", a.intrinsic("fabs", x[0]), limit)
    high = a.select(far, a.intrinsic("copysign", limit, x[0]), x[0])
    return scaled(a, *reduced(a, high, a.select(far, a.constant(0.0), x[1])))


def _special(a: Arithmetic, x: str, y: str, result: str) -> str:
    """The power from that of ``|x|``: its sign, where it is no number, and what is 1 whatever the other argument."""
    f, zero, one = a.function, a.constant(0.0), a.constant(1.0)
    half = a.multiply(y, a.constant(0.5))
    whole = a.compare("oeq", a.intrinsic("floor", y), y)
    odd = _both(a, whole, a.compare("une", a.intrinsic("floor", half), half))
    sign = a.integer("and", a.bits(x), a.whole(1 << (8 * a.form.bytes - 1)))
    turned = f.value(f"select {a.form.mask} {odd}, {a.form.bits} {sign}, {a.form.bits} {a.whole(0)}")
    result = a.of_bits(a.integer("xor", a.bits(result), turned))
    negative = _both(a, a.compare("olt", x, zero), a.compare("ogt", x, a.constant(-inf)))
    result = a.select(_both(a, negative, f.value(f"xor {a.form.mask} {whole}, {_all(a)}")), a.constant(nan), result)
    certain = f.value(f"or {a.form.mask} {a.compare('oeq', y, zero)}, {a.compare('oeq', x, one)}")
    return a.select(certain, one, result)


def _both(a: Arithmetic, x: str, y: str) -> str:
    return a.function.value(f"and {a.form.mask} {x}, {y}")


def _all(a: Arithmetic) -> str:
    return "true" if a.form.lanes == 1 else "splat (i1 true)"
