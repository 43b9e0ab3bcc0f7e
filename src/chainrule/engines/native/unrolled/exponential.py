"""Exponentials whose result is there soon: in an unrolled loop, each step waits for the one before."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.engines.native.emit import Arithmetic


@dataclass(frozen=True)
class _Constants:
    shift: float
    """1.5 * 2^m + bias: added to a number, it leaves the nearest whole number, biased, in the low bits."""
    exponent: int
    """Bits to the right of the exponent."""
    high: float
    low: float
    """The two parts of log 2."""
    limit: float
    """From here on e^-x counts as 0 and e^x as infinite."""
    tangent_limit: float
    """From here on (e^x - 1) / (e^x + 1) is 1."""
    coefficients: tuple[float, ...]
    """(e^r - 1 - r) / r^2 for |r| <= log(2) / 2, from interpolation at Chebyshev nodes with 50 digits."""


# Relative errors of e^r from these polynomials: 1e-8 and 2e-17.
_CONSTANTS = {
    "float32": _Constants(
        1.5 * 2**23 + 127, 23, 0.693147182464599609375, -1.904654323148236e-09, 88.37, 24.0,
        (0.5, 0.16666576266288757, 0.041666556149721146, 0.008363178931176662, 0.0013926184037700295),
    ),
    "float64": _Constants(
        1.5 * 2**52 + 1023, 52, 0.6931471805599453, 2.3190468138462996e-17, 709.4, 48.0,
        (0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
         0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
         2.510038549551032e-08),
    ),
}  # fmt: skip

LOG2_E = 1.4426950408889634


def exponential(a: Arithmetic, x: str) -> tuple[str, str]:
    """``s`` and ``q`` with e^x = s + s q: what follows can join with the last step.

    Below -87 (float64: -708) the result may be 0, above 88.37 (709.4) it is infinite. The error of s + s q is below 2
    units in the last place.
    """
    c = _CONSTANTS[a.form.precision]
    return _parts(a, x, x, LOG2_E, c.limit, float("inf"))


def tangent(a: Arithmetic, x: str) -> str:
    """The hyperbolic tangent, (e^2x - 1) / (e^2x + 1): exact to 3 units in the last place."""
    c = _CONSTANTS[a.form.precision]
    s, q = _parts(a, x, a.add(x, x), 2 * LOG2_E, c.tangent_limit, 2.0**60)
    above, below = (a.fma(s, q, a.add(s, a.constant(one))) for one in (-1.0, 1.0))
    return a.divide(above, below)


def _parts(a: Arithmetic, x: str, y: str, scale: float, limit: float, large: float) -> tuple[str, str]:
    """``s`` and ``q`` for e^y, where y = x scale / LOG2_E.

    e^y = 2^n e^r with the whole number n nearest to y / log 2. What r lacks because log 2 has been rounded is put
    into s, which is not waited for. The sums of q are arranged as a tree.
    """
    c = _CONSTANTS[a.form.precision]
    shifted = a.fma(x, a.constant(scale), a.constant(c.shift))
    n = a.subtract(shifted, a.constant(c.shift))
    far = a.compare("ogt", a.intrinsic("fabs", y), a.constant(limit))
    r = a.select(far, a.constant(1.0), a.fma(n, a.constant(-c.high), y))
    power = a.of_bits(a.integer("shl", a.bits(shifted), a.whole(c.exponent)))
    corrected = a.fma(power, a.multiply(n, a.constant(-c.low)), power)
    negative = a.compare("olt", y, a.constant(0.0))
    beyond = a.select(negative, a.constant(0.0), a.constant(large))
    return a.select(far, beyond, corrected), _polynomial(a, r, c.coefficients)


def _polynomial(a: Arithmetic, r: str, coefficients: tuple[float, ...]) -> str:
    """``r + r^2 (c0 + c1 r + ...)``."""
    square = a.multiply(r, r)
    level = [a.constant(c) for c in coefficients]
    pairs = [a.fma(high, r, low) for low, high in zip(level[::2], level[1::2], strict=False)]
    pairs += level[len(level) // 2 * 2 :]
    level = [r, *pairs]
    factor = square
    while len(level) > 1:
        odd = level[len(level) // 2 * 2 :]
        level = [a.fma(high, factor, low) for low, high in zip(level[::2], level[1::2], strict=False)] + odd
        if len(level) > 1:
            factor = a.multiply(factor, factor)
    return level[0]
