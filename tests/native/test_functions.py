"""Elementary functions: against mpmath in float64, against NumPy's float64 in float32, special values against NumPy."""

from functools import cache

import mpmath
import numpy as np
import pytest

from chainrule.engines.native import functions, powers, trigonometry
from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.functions import ACCURACY
from chainrule.engines.native.target import host

FUNCTIONS = {
    "exp": functions.exp,
    "expm1": functions.expm1,
    "log": functions.log,
    "log1p": functions.log1p,
    "tanh": functions.tanh,
    "sin": trigonometry.sin,
    "cos": trigonometry.cos,
}
PRECISIONS = ("float32", "float64")


def widest(precision):
    return Form.filling(precision, host().vector_bytes)


def special(precision):
    info = np.finfo(precision)
    sizes = [0.0, info.smallest_subnormal, 3 * info.smallest_subnormal, info.smallest_normal, info.eps, 0.5, 1.0]
    sizes += [np.nextafter(info.dtype.type(1), 2), 1.5, 2.0, 3.0, 4.0, 25.0, 1e3, info.max, np.inf, np.nan]
    sizes += [np.log(info.max) * 0.99, np.log(info.max) * 1.01, 2.0**info.nmant + 1, 2.0 ** (info.nmant + 1)]
    return np.array([*sizes, *(-x for x in sizes)], precision)


def units(got, high, low=0.0):
    """The error of ``got`` in units in the last place of the exact value ``high + low``."""
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        exponent = np.maximum(np.frexp(high)[1] - info.nmant - 1, info.minexp - info.nmant)
        error = np.abs((got.astype(np.float64) - high) - low)
        error = np.where(
            exponent < -1000, error * 2.0**60 / np.ldexp(1.0, exponent + 60), error / np.ldexp(1.0, exponent)
        )
        same = (got == high.astype(got.dtype)) & ((high == 0) | np.isinf(got))
    return np.where(same, 0.0, error)


# float32: every exponent with both signs, and where methods change or cancel


def single_points(name):
    random = np.random.default_rng(1)
    every = np.arange(0, 2**32, 2**15 + 1, dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = {
        "exp": [random.uniform(-104, 89, 30000), random.uniform(-1, 1, 30000)],
        "expm1": [random.uniform(-18, 89, 10000), random.uniform(-1, 1, 50000)],
        "log": [random.uniform(0.6, 1.6, 40000), 1 + random.normal(size=10000) * 2.0 ** -random.uniform(5, 24, 10000)],
        "log1p": [random.uniform(-1, 1.5, 50000), -np.exp2(-random.uniform(0, 24, 10000))],
        "tanh": [random.uniform(-1, 1, 30000), random.uniform(-10, 10, 30000)],
    }
    turns = [np.pi / 2 * random.integers(-(2**21), 2**21, 20000), np.pi / 2 * np.arange(-9999, 9999)]
    extra = near.get(name, [*turns, random.uniform(-10, 10, 20000)])
    points = np.concatenate([every[np.isfinite(every)], *extra]).astype(np.float32)
    if name.startswith("log"):
        points = points[points > (0 if name == "log" else -1)]
    return random.permutation(points)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_as_exact_as_stated(name, elements):
    x = single_points(name)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.float64))
    worst = units(elements(widest("float32"), FUNCTIONS[name], x), exact).max()
    assert 0.6 * ACCURACY[name]["float32"] < worst <= ACCURACY[name]["float32"]


# float64


def double_points(name):
    random = np.random.default_rng(2)
    n = 700
    near = {
        "exp": [random.uniform(-745, 709.7, n), random.uniform(-1, 1, n)],
        "expm1": [random.uniform(-40, 709, n), random.uniform(-1, 1, n), random.uniform(0.34, 0.42, n)],
        "log": [np.exp(random.uniform(-744, 709, n)), random.uniform(0.5, 2, n), 1 + random.normal(size=n) * 1e-6],
        "log1p": [np.exp(random.uniform(-40, 709, n)), random.uniform(-0.99, 1.5, n), random.uniform(0.41, 0.48, n)],
        "tanh": [random.uniform(-20, 20, n), random.uniform(-0.3, 0.3, n), np.exp(random.uniform(-740, 0, n))],
    }
    if name == "log1p":
        near[name].append(-np.exp(random.uniform(-30, 0, n)))
    quarters = np.pi / 2 * np.concatenate([random.integers(-(2**27), 2**27, n), np.arange(-300, 300)])
    turns = [quarters, quarters + random.uniform(0.4, 0.8, quarters.size), random.uniform(-10, 10, n)]
    turns.append(np.ldexp(random.uniform(1, 2, 100), random.integers(20, 1023, 100)))
    return random.permutation(np.concatenate(near.get(name, turns)))


def exactly(function, *arrays):
    """The exact values, each as a sum of two doubles."""
    with mpmath.workprec(1300 if function in (mpmath.sin, mpmath.cos) else 160):
        exact = [function(*map(mpmath.mpf, point)) for point in zip(*(x.tolist() for x in arrays), strict=True)]
        high = np.array([float(v) for v in exact])
        return high, np.array([float(v - h) if np.isfinite(h) else 0.0 for v, h in zip(exact, high, strict=True)])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64_is_as_exact_as_stated(name, elements):
    x = double_points(name)
    worst = units(elements(widest("float64"), FUNCTIONS[name], x), *exactly(getattr(mpmath, name), x)).max()
    assert 0.6 * ACCURACY[name]["float64"] < worst <= ACCURACY[name]["float64"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_width_computes_the_same_bits(name, form, elements):
    with np.errstate(over="ignore", under="ignore"):
        x = np.concatenate([double_points(name)[:999], special(form.precision)]).astype(form.precision)
    got, expected = (elements(f, FUNCTIONS[name], x) for f in (form, widest(form.precision)))
    assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_those_of_numpy(name, form, elements):
    x = special(form.precision)
    got = elements(form, FUNCTIONS[name], x)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x)
        exact = getattr(np, name)(x.astype(np.float64))
    assert_like_numpy(got, expected, exact, 1 + ACCURACY[name][form.precision])


def assert_like_numpy(got, expected, exact, bound):
    """The same infinities, zeros with their signs, and NaN in the same places; elsewhere close."""
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    known = ~np.isnan(expected)
    assert np.array_equal(np.isinf(got), np.isinf(expected))
    assert np.array_equal(np.signbit(got[known]), np.signbit(expected[known]))
    assert np.array_equal(got[expected == 0], expected[expected == 0])
    finite = np.isfinite(expected)
    assert units(got[finite], exact[finite]).max() <= bound


def test_tanh_stays_within_one(elements):
    for precision in PRECISIONS:
        x = np.linspace(7, 20, 200_001).astype(precision)
        assert elements(widest(precision), functions.tanh, x).max() == 1


# Powers


@cache
def powers_of(precision, count):
    """Bases and exponents with results of every size: all over the range, and near 1."""
    random = np.random.default_rng(3)
    top = np.log(float(np.finfo(precision).max))
    bottom = np.log(float(np.finfo(precision).smallest_subnormal))
    n = count // 3
    x = [np.exp(random.uniform(bottom, top, n)), np.exp(random.uniform(-3, 3, n)), 1 + 2.0 ** -random.uniform(2, 50, n)]
    base = np.concatenate(x).astype(precision)
    base = base[(base > 0) & (base != 1)].astype(np.float64)
    exponent = random.uniform(bottom, 0.999 * top, base.size) / np.log(base)
    exponent = np.where(random.random(base.size) < 0.2, random.uniform(-2, 2, base.size), exponent).astype(precision)
    with np.errstate(all="ignore"):
        inside = np.abs(exponent * np.log(base)) < 0.999 * top
    return base[inside].astype(precision), exponent[inside]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_powers_are_as_exact_as_stated(precision, elements):
    if precision == "float32":
        x, y = powers_of(precision, 60_000)
        exact = (np.power(x.astype(np.longdouble), y.astype(np.longdouble)).astype(np.float64),)
    else:
        x, y = powers_of(precision, 4_000)
        exact = exactly(mpmath.power, x, y)
    worst = units(elements(widest(precision), powers.power, x, y), *exact).max()
    assert 0.6 * ACCURACY["power"][precision] < worst <= ACCURACY["power"][precision]


def test_special_powers_are_those_of_c99(form, elements):
    some = special(form.precision)
    x, y = (np.ascontiguousarray(v).ravel() for v in np.meshgrid(some, some))
    got = elements(form, powers.power, x, y)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    assert_like_numpy(got, expected, exact, 1 + ACCURACY["power"][form.precision])
    lookup = {(float(a), float(b)): float(v) for a, b, v in zip(x, y, got, strict=True)}
    assert lookup[-0.0, -3.0] == -np.inf
    assert lookup[-1.0, np.inf] == lookup[-1.0, -np.inf] == 1
    assert lookup[-2.0, 3.0] == -8


def test_whole_powers_of_negative_numbers_have_the_right_sign(form, elements):
    x = np.full(40, -1.25, form.precision)
    y = np.arange(-20, 20).astype(form.precision)
    got = elements(form, powers.power, x, y)
    assert np.array_equal(np.sign(got), np.where(np.arange(-20, 20) % 2, -1, 1))
    np.testing.assert_allclose(got, (-1.25) ** np.arange(-20.0, 20.0), rtol=2 * np.finfo(form.precision).eps)
