"""Exponentials whose result is there soon: in an unrolled loop, each step waits for the one before."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.engines.native.arithmetic import Arithmetic


@dataclass(frozen=True)
class _Constants:
    shift: float
    """1.5 * 2^m + bias: added to a number, it leaves the nearest whole number, biased, in the low bits."""
    exponent: int
    """Bits to the right of the exponent."""
    log_2: tuple[float, float]
    """log 2, rounded, and the rest."""
    log_2_below: tuple[float, float]
    """log 2, rounded down, and the rest: with them, ``s`` is a little more than a small power of 2, not less."""
    middle: float
    reach: float
    """So far from the middle, e^x counts as 0 or as infinite."""
    tangent_limit: float
    """From here on (e^x - 1) / (e^x + 1) is 1."""
    coefficients: tuple[float, ...]
    """(e^r - 1 - r) / r^2 for |r| <= log(2) / 2, from interpolation at Chebyshev nodes with 50 digits."""


# Relative errors of e^r from these polynomials: 1e-8 and 2e-17.
_CONSTANTS = {
    "float32": _Constants(
        1.5 * 2**23 + 127, 23,
        (0.693147182464599609375, -1.904654323148236e-09), (0.6931471228599548, 5.7699990475432854e-08),
        0.75, 88.25, 24.0,
        (0.5, 0.16666576266288757, 0.041666556149721146, 0.008363178931176662, 0.0013926184037700295),
    ),
    "float64": _Constants(
        1.5 * 2**52 + 1023, 52,
        (0.6931471805599453, 2.3190468138462996e-17), (0.6931471805599453, 2.3190468138462996e-17),
        0.75, 709.2, 48.0,
        (0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
         0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
         2.510038549551032e-08),
    ),
}  # fmt: skip

LOG2_E = 1.4426950408889634


def exponential(a: Arithmetic, x: str) -> tuple[str, str]:
    """``s`` and ``q`` with e^x = s + s q: what follows can join with the last step.

    ``s`` is about half of e^x, so that it is finite as far as e^x is. Below -86.9 (float64: -708) the result may be 0.
    The error of s + s q is below 2 units in the last place.
    """
    c = _CONSTANTS[a.form.precision]
    far = _beyond(a, a.subtract(x, a.constant(c.middle)), c.reach)
    s, r = _parts(a, x, x, LOG2_E, c.log_2_below, far, float("inf"), less=1)
    twice = tuple(2 * coefficient for coefficient in c.coefficients)
    return s, _polynomial(a, r, a.fma(r, a.constant(2.0), a.constant(1.0)), twice)


def tangent(a: Arithmetic, x: str) -> str:
    """The hyperbolic tangent, (e^2x - 1) / (e^2x + 1): exact to 3.5 units in the last place."""
    c = _CONSTANTS[a.form.precision]
    y = a.add(x, x)
    s, r = _parts(a, x, y, 2 * LOG2_E, c.log_2, _beyond(a, y, c.tangent_limit), 2.0**60)
    q = _polynomial(a, r, r, c.coefficients)
    above, below = (a.fma(s, q, a.add(s, a.constant(one))) for one in (-1.0, 1.0))
    return a.divide(above, below)


def _beyond(a: Arithmetic, x: str, limit: float) -> str:
    return a.compare("ogt", a.intrinsic("fabs", x), a.constant(limit))


def _parts(
    a: Arithmetic, x: str, y: str, scale: float, log_2: tuple[float, float], far: str, large: float, *, less: int = 0
) -> tuple[str, str]:
    """``s`` and ``r`` with e^y = 2^less s e^r, where y = x scale / LOG2_E; where it is ``far``, s is 0 or ``large``.

    e^y = 2^n e^r with the whole number n nearest to y / log 2, and s is 2^(n - less). What r lacks because log 2 has
    been rounded is put into s, which is not waited for.
    """
    c = _CONSTANTS[a.form.precision]
    shift = a.constant(c.shift - less)
    shifted = a.fma(x, a.constant(scale), shift)
    n = a.subtract(shifted, shift)
    r = a.select(far, a.constant(1.0), a.fma(n, a.constant(-log_2[0]), y))
    power = a.of_bits(a.integer("shl", a.bits(shifted), a.whole(c.exponent)))
    corrected = a.fma(power, a.multiply(n, a.constant(-log_2[1])), power)
    negative = a.compare("olt", y, a.constant(0.0))
    beyond = a.select(negative, a.constant(0.0), a.constant(large))
    return a.select(far, beyond, corrected), r


def _polynomial(a: Arithmetic, r: str, linear: str, coefficients: tuple[float, ...]) -> str:
    """``linear + r^2 (c0 + c1 r + ...)``, the sums arranged as a tree."""
    square = a.multiply(r, r)
    level = [a.constant(c) for c in coefficients]
    pairs = [a.fma(high, r, low) for low, high in zip(level[::2], level[1::2], strict=False)]
    pairs += level[len(level) // 2 * 2 :]
    level = [linear, *pairs]
    factor = square
    while len(level) > 1:
        odd = level[len(level) // 2 * 2 :]
        level = [a.fma(high, factor, low) for low, high in zip(level[::2], level[1::2], strict=False)] + odd
        if len(level) > 1:
            factor = a.multiply(factor, factor)
    return level[0]
