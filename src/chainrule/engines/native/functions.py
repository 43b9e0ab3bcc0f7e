"""Exponentials and logarithms as vector code: no branches, no tables, each special case as NumPy has it.

A reduction of the range and a polynomial each. Numbers outside the range that a method covers are moved to its bounds
by selections that leave NaN alone, and NaN passes through the arithmetic. Every width of vectors gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan

from chainrule.engines.native.arithmetic import Arithmetic

ACCURACY: dict[str, dict[str, float]] = {
    "exp": {"float32": 1.05, "float64": 1.05},
    "expm1": {"float32": 1.65, "float64": 2.0},
    "log": {"float32": 0.9, "float64": 0.9},
    "log1p": {"float32": 1.6, "float64": 1.6},
    "tanh": {"float32": 2.6, "float64": 2.6},
    "sin": {"float32": 1.6, "float64": 1.6},
    "cos": {"float32": 1.6, "float64": 1.6},
    "power": {"float32": 0.51, "float64": 1.1},
}
"""The largest error of each function, in units in the last place of its result; the tests hold them to it."""

LOG2_E = 1.4426950408889634


@dataclass(frozen=True)
class Constants:
    """What depends on the precision."""

    mantissa: int
    """Bits of the mantissa, to the right of the exponent."""
    bias: int
    """Of the exponent."""
    log_2: tuple[float, float]
    """log 2, rounded, and the rest."""
    exp_range: tuple[float, float]
    """Below it e^x is 0, above it infinite."""
    root_half: int
    """The bits of the square root of 1/2."""
    exp: tuple[float, ...]
    log: tuple[float, ...]

    @property
    def rounding(self) -> float:
        """Added to a small number, it leaves the nearest whole number n, as n + 2 bias, in the lowest bits."""
        return 1.5 * 2.0**self.mantissa + 2 * self.bias

    @property
    def smallest(self) -> float:
        """The smallest number of full precision."""
        return 2.0 ** (1 - self.bias)

    @property
    def one(self) -> int:
        """The bits of 1."""
        return self.bias << self.mantissa


# Remez's algorithm with 60 digits, the coefficients rounded one after another and the others fitted anew.
# exp: (e^r - 1 - r) / r^2 for |r| <= log(2) / 2; errors of e^r - 1, relative: 1.4e-8 and 5.8e-19.
# log: (log(1 + f) - f) / f^2 for sqrt(1/2) <= 1 + f <= sqrt(2); errors of log(1 + f), relative: 6.1e-9 and 4.0e-18.
CONSTANTS = {
    "float32": Constants(
        23, 127, (0.693147182464599609375, -1.904654323148236e-09), (-104.0, 89.0), 0x3F3504F3,
        exp=(0.4999999701976776, 0.16666539013385773, 0.04166775569319725, 0.008367118425667286, 0.0013835837598890066),
        log=(-0.5, 0.3333333134651184, -0.250008225440979, 0.20001260936260223, -0.1662333607673645,
             0.14200952649116516, -0.13159491121768951, 0.12766507267951965, -0.0764213502407074),
    ),
    "float64": Constants(
        52, 1023, (0.6931471805599453, 2.3190468138462996e-17), (-746.0, 710.0), 0x3FE6A09E667F3BCD,
        exp=(0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321742, 0.0013888888888883716,
             0.0001984126988527658, 2.4801587292915988e-05, 2.7557245474171044e-06, 2.755733288363283e-07,
             2.5108501692513074e-08, 2.0886683054790515e-09),
        log=(-0.5, 0.33333333333333454, -0.2499999999999892, 0.19999999999946128, -0.16666666666914426,
             0.1428571429384216, -0.12499999982015789, 0.1111111051599215, -0.10000000383378471, 0.09090933507850221,
             -0.08333345759707952, 0.07691714425688055, -0.07142000021488422, 0.06675148845758098,
             -0.0626980231718773, 0.058177764823878896, -0.05326767774814707, 0.054159784373166965,
             -0.06275081090617807, 0.05696873897474671, -0.02427593514668343),
    ),
}  # fmt: skip


def polynomial(a: Arithmetic, x: str, square: str, coefficients: Sequence[float]) -> str:
    """``c0 + c1 x + ...``: Horner's rule in ``square`` for pairs of terms, half as long a chain as in ``x``."""
    constants = [a.constant(c) for c in coefficients]
    pairs = [a.fma(high, x, low) for low, high in zip(constants[::2], constants[1::2], strict=False)]
    pairs += constants[len(pairs) * 2 :]
    total = pairs.pop()
    for pair in reversed(pairs):
        total = a.fma(total, square, pair)
    return total


def clamped(a: Arithmetic, x: str, low: float, high: float) -> str:
    """``x`` moved into a range; NaN stays."""
    x = a.select(a.compare("ogt", x, a.constant(high)), a.constant(high), x)
    return a.select(a.compare("olt", x, a.constant(low)), a.constant(low), x)


# Exponentials: x = n log 2 + r with a whole number n, and e^x = 2^n + 2^n (e^r - 1)


def reduced(a: Arithmetic, x: str, rest: str | None = None) -> tuple[str, str]:
    """``n``, as its constant of rounding leaves it, and e^r - 1 for ``x`` + ``rest`` = n log 2 + r."""
    c = CONSTANTS[a.form.precision]
    shifted = a.fma(x, a.constant(LOG2_E), a.constant(c.rounding))
    n = a.subtract(shifted, a.constant(c.rounding))
    high, low = (a.constant(-part) for part in c.log_2)
    r = a.fma(n, high, x)  # exact
    r = a.fma(n, low, r) if rest is None else a.add(r, a.fma(n, low, rest))
    square = a.multiply(r, r)
    return a.bits(shifted), a.fma(polynomial(a, r, square, c.exp), square, r)


def scaled(a: Arithmetic, n: str, p: str) -> str:
    """``2^n (1 + p)`` by two factors of about 2^(n/2), so that it underflows gradually and overflows late."""
    c = CONSTANTS[a.form.precision]
    half = a.integer("lshr", n, a.whole(1))
    first, second = (
        a.of_bits(a.integer("shl", part, a.whole(c.mantissa))) for part in (half, a.integer("sub", n, half))
    )
    return a.multiply(a.fma(first, p, first), second)


def _power_of_two(a: Arithmetic, n: str, less: int) -> str:
    """``2^(n - less)``, which must be a number of full precision."""
    c = CONSTANTS[a.form.precision]
    surplus = (c.bias + less) << c.mantissa
    return a.of_bits(a.integer("sub", a.integer("shl", n, a.whole(c.mantissa)), a.whole(surplus)))


def exp(a: Arithmetic, x: str) -> str:
    """``e^x``, with results below the smallest normal number; its error is below ``ACCURACY["exp"]``."""
    return scaled(a, *reduced(a, clamped(a, x, *CONSTANTS[a.form.precision].exp_range)))


def expm1(a: Arithmetic, x: str) -> str:
    """``e^x - 1``, exact near 0 too; its error is below ``ACCURACY["expm1"]``."""
    c = CONSTANTS[a.form.precision]
    n, p = reduced(a, clamped(a, x, -40.0, c.exp_range[1]))
    half = _power_of_two(a, n, 1)  # of 2^n, which is too large for x near the upper bound
    result = a.fma(half, p, a.subtract(half, a.constant(0.5)))
    tiny = a.compare("olt", a.intrinsic("fabs", x), a.constant(2.0 ** -(c.mantissa + 2)))
    return a.select(tiny, x, a.add(result, result))


def tanh(a: Arithmetic, x: str) -> str:
    """The hyperbolic tangent: t / (t + 2) with t = e^(2 |x|) - 1, which never exceeds 1.

    Its error is below ``ACCURACY["tanh"]``.
    """
    limit = a.constant(20.0)
    size = a.intrinsic("fabs", x)
    size = a.select(a.compare("ogt", size, limit), limit, size)
    n, p = reduced(a, a.add(size, size))
    power = _power_of_two(a, n, 0)
    t = a.fma(power, p, a.subtract(power, a.constant(1.0)))
    return a.intrinsic("copysign", a.divide(t, a.add(t, a.constant(2.0))), x)


# Logarithms: x = 2^k (1 + f) with f near 0, and log x = k log 2 + log(1 + f)


def _exponent(a: Arithmetic, moved: str, bias: str) -> str:
    """``k`` from bits in which sqrt(1/2) has been moved to 1."""
    c = CONSTANTS[a.form.precision]
    whole = a.integer("lshr", moved, a.whole(c.mantissa))
    number = a.of_bits(a.integer("or", whole, a.whole((c.bias + c.mantissa) << c.mantissa)))  # 2^mantissa + whole
    return a.subtract(number, bias)


def _joined(a: Arithmetic, k: str, f: str) -> str:
    """``k log 2 + log(1 + f)``, the small parts first."""
    c = CONSTANTS[a.form.precision]
    high, low = (a.constant(part) for part in c.log_2)
    square = a.multiply(f, f)
    rest = a.fma(square, polynomial(a, f, square, c.log), a.multiply(k, low))
    return a.fma(k, high, a.add(f, rest))


def _with_limits(a: Arithmetic, x: str, pole: float, result: str) -> str:
    """The logarithm where it is infinite, -inf at ``pole``, and where it is no number."""
    result = a.select(a.compare("olt", x, a.constant(inf)), result, x)
    below = a.select(a.compare("oeq", x, a.constant(pole)), a.constant(-inf), a.constant(nan))
    return a.select(a.compare("ugt", x, a.constant(pole)), result, below)


def parts(a: Arithmetic, x: str) -> tuple[str, str]:
    """``k`` and ``f`` of what is above 0."""
    c = CONSTANTS[a.form.precision]
    tiny = a.compare("olt", x, a.constant(c.smallest))
    shift = c.mantissa + 2
    bits = a.bits(a.select(tiny, a.multiply(x, a.constant(2.0**shift)), x))
    moved = a.integer("add", bits, a.whole(c.one - c.root_half))
    kept = a.integer("and", moved, a.whole((1 << c.mantissa) - 1))
    f = a.subtract(a.of_bits(a.integer("add", kept, a.whole(c.root_half))), a.constant(1.0))
    bias = 2.0**c.mantissa + c.bias
    return _exponent(a, moved, a.select(tiny, a.constant(bias + shift), a.constant(bias))), f


def log(a: Arithmetic, x: str) -> str:
    """The natural logarithm; its error is below ``ACCURACY["log"]``."""
    return _with_limits(a, x, 0.0, _joined(a, *parts(a, x)))


def log1p(a: Arithmetic, x: str) -> str:
    """``log(1 + x)``, exact near 0 too; its error is below ``ACCURACY["log1p"]``.

    1 + x, rounded, only decides k; f is put together from 2^-k x and 2^-k - 1.
    """
    c = CONSTANTS[a.form.precision]
    moved = a.integer("add", a.bits(a.add(x, a.constant(1.0))), a.whole(c.one - c.root_half))
    exponent = a.integer("and", a.integer("sub", moved, a.whole(c.one)), a.whole(-1 << c.mantissa))
    four = a.of_bits(a.integer("sub", a.whole((c.bias + 2) << c.mantissa), exponent))  # 4 2^-k does not underflow
    f = a.add(a.of_bits(a.integer("sub", a.bits(x), exponent)), a.fma(four, a.constant(0.25), a.constant(-1.0)))
    k = _exponent(a, moved, a.constant(2.0**c.mantissa + c.bias))
    return _with_limits(a, x, -1.0, a.intrinsic("copysign", _joined(a, k, f), x))
