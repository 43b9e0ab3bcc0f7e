"""Elementwise operations against NumPy, with NaN, infinities, zeros of both signs and denormal numbers."""

import operator
import re

import numpy as np
import pytest

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.elementwise import Value, write
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import assembly
from chainrule.engines.native.target import host
from chainrule.expression import REGISTRY
from chainrule.ops import arithmetic, elementary
from chainrule.shapes import broadcast

OTHERS = ("constant", "to_float", "to_int", "stop_gradient")
PRIMITIVES = [o.name for o in REGISTRY.values() if o.expansion is None and (o.shape is broadcast or o.name in OTHERS)]

EXACT = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "negative": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "sqrt": np.sqrt,
    "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip
COMPARED = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
    "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip


def values(precision):
    info = np.finfo(precision)
    positive = [0.0, info.smallest_subnormal, info.smallest_normal, 0.3, 1.0, 1.5, 2.5, 1e6, info.max, np.inf, np.nan]
    return np.array([*positive, *(-x for x in positive)], precision)


def pairs(precision):
    some = values(precision)
    return tuple(np.ascontiguousarray(v).ravel() for v in np.meshgrid(some, some))


def writer(operation, *dtypes, literals=()):
    """How the operation is written for values of some types, with literals after them."""

    def write_one(a, *texts):
        operands = [Value(text, dtype) for text, dtype in zip(texts, dtypes, strict=True)]
        operands += [Value("", "int" if isinstance(n, int) else "float", n) for n in literals]
        return write(a, operation, operands).text

    return write_one


def assert_same(got, expected, *, zeros=True):
    """Equal bits, but for the bits of NaN; zeros of different signs are equal if ``zeros`` is false."""
    assert got.dtype == expected.dtype
    assert np.array_equal(got, expected, equal_nan=got.dtype.kind == "f")
    if zeros and got.dtype.kind == "f":
        known = ~np.isnan(expected)
        assert np.array_equal(np.signbit(got[known]), np.signbit(expected[known]))


@pytest.mark.parametrize("operation", PRIMITIVES)
def test_every_primitive_is_known(operation):
    a = Arithmetic(Module().function("f", []), Form("float64", 4))
    operands = [Value(f"%x{i}", "float") for i in range(len(REGISTRY[operation].arguments))]
    if operation == "where":
        operands[0] = Value("%x0", "bool")
    expected = {"to_int": "int"} | dict.fromkeys(COMPARED, "bool")
    assert write(a, operation, operands).dtype == expected.get(operation, "float")


def test_what_is_no_primitive_is_refused():
    with pytest.raises(KeyError, match="matmul"):
        write(Arithmetic(Module().function("f", []), Form("float64", 4)), "matmul", [Value("%x", "float")])


@pytest.mark.parametrize("operation", EXACT)
def test_arithmetic_of_floats(operation, form, elements):
    count = len(REGISTRY[operation].arguments)
    arrays = pairs(form.precision) if count == 2 else (values(form.precision),)
    with np.errstate(all="ignore"):
        expected = EXACT[operation](*arrays)
    got = elements(form, writer(operation, *["float"] * count), *arrays)
    assert_same(got, expected, zeros=operation not in ("maximum", "minimum"))


@pytest.mark.parametrize("operation", COMPARED)
def test_comparisons_of_floats(operation, form, elements):
    x, y = pairs(form.precision)
    assert_same(elements(form, writer(operation, "float", "float"), x, y, result="bool"), COMPARED[operation](x, y))
    got = elements(form, writer(operation, "float", literals=[1]), x, result="bool")
    assert_same(got, COMPARED[operation](x, 1))


@pytest.mark.parametrize("operation", ["maximum", "minimum"])
@pytest.mark.parametrize("literal", [0, 0.3, -1.5, float("inf"), float("nan")])
def test_the_larger_and_the_smaller_of_a_value_and_a_literal(operation, literal, form, elements):
    x = values(form.precision)

    def swapped(a, text):
        return write(a, operation, [Value("", "float", literal), Value(text, "float")]).text

    expected = EXACT[operation](x, form_number(form, literal))
    assert_same(elements(form, writer(operation, "float", literals=[literal]), x), expected, zeros=False)
    assert_same(elements(form, swapped, x), expected, zeros=False)


def form_number(form, number):
    return np.dtype(form.precision).type(number)


@pytest.mark.skipif(not host().triple.startswith("x86_64"), reason="reads the instructions of x86 processors")
def test_relu_is_one_instruction():
    module = Module()
    f = module.function("go", ["ptr %x", "ptr %out"], exported=True)
    a = Arithmetic(f, Form.filling("float32", host().vector_bytes))
    a.store(write(a, "maximum", [Value(a.load("%x"), "float"), Value("", "int", 0)]).text, "%out")
    code = assembly(module.text, host())
    assert re.search(r"maxps", code)
    assert not re.search(r"cmp|blend|and", code)


def test_choices(form, elements):
    x, y = pairs(form.precision)
    mask = np.arange(x.size) % 3 == 0
    assert_same(elements(form, writer("where", "bool", "float", "float"), mask, x, y), np.where(mask, x, y))
    got = elements(form, writer("where", "bool", "float", literals=[0.25]), mask, x)
    assert_same(got, np.where(mask, x, form_number(form, 0.25)))
    got = elements(form, writer("where", "bool", literals=[2, -3]), mask)
    assert_same(got, np.where(mask, form_number(form, 2), form_number(form, -3)))
    numbers = np.arange(x.size)
    got = elements(form, writer("where", "bool", "int", literals=[7]), mask, numbers, result="int")
    assert_same(got, np.where(mask, numbers, 7))


def test_truth_values_beside_floats_count_as_one_and_zero(form, elements):
    x = np.tile(values(form.precision), 2)
    mask = np.arange(x.size) >= x.size // 2
    with np.errstate(all="ignore"):
        product, total = mask * x, mask + x
    assert np.isnan(product[np.isinf(x) & ~mask]).all()
    assert_same(elements(form, writer("multiply", "bool", "float"), mask, x), product)
    assert_same(elements(form, writer("add", "float", "bool"), x, mask), total)
    assert_same(elements(form, writer("to_float", "bool"), mask), mask.astype(form.precision))
    assert_same(elements(form, writer("to_int", "bool"), mask, result="int"), mask.astype(np.int64))
    assert_same(elements(form, writer("equal", "bool", "bool"), mask, ~mask, result="bool"), mask == ~mask)


INTEGERS = np.array([0, 1, -1, 2, 3, -7, 2**31, -(2**40), 2**53 + 1, 2**62, -(2**63), 2**63 - 1])


@pytest.mark.parametrize("operation", ["add", "subtract", "multiply", "maximum", "minimum", "negative", "abs"])
def test_arithmetic_of_whole_numbers_wraps_as_in_numpy(operation, form, elements):
    count = len(REGISTRY[operation].arguments)
    grid = [np.ascontiguousarray(v).ravel() for v in np.meshgrid(INTEGERS, INTEGERS)][:count]
    with np.errstate(all="ignore"):
        expected = EXACT[operation](*grid)
    assert_same(elements(form, writer(operation, *["int"] * count), *grid, result="int"), expected)


def test_whole_numbers_beside_others(form, elements):
    mask = INTEGERS > 0
    small = np.arange(-6, 6)
    assert_same(elements(form, writer("add", "int", literals=[5]), small, result="int"), small + 5)
    assert_same(elements(form, writer("multiply", "int", "bool"), small, mask, result="int"), small * mask)
    assert_same(elements(form, writer("to_float", "int"), INTEGERS), INTEGERS.astype(form.precision))
    halves = small.astype(form.precision) / 2
    assert_same(
        elements(form, writer("multiply", "int", "float"), small, halves), small.astype(form.precision) * halves
    )
    for name, compare in COMPARED.items():
        got = elements(form, writer(name, "int", "int"), INTEGERS, INTEGERS[::-1], result="bool")
        assert_same(got, compare(INTEGERS, INTEGERS[::-1]))
        got = elements(form, writer(name, "int", literals=[2]), small, result="bool")
        assert_same(got, compare(small, 2))


def test_floats_are_cut_to_whole_numbers(form, elements):
    x = np.array([0.0, -0.0, 0.99, -0.99, 1.5, -2.7, 1e9, -1e9, 1e15, 2.0**62], form.precision)
    assert_same(elements(form, writer("to_int", "float"), x, result="int"), x.astype(np.int64))
    outside = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30], form.precision)  # no index, whatever is asked
    assert np.array_equal(elements(form, writer("to_int", "float"), outside, result="int"), np.full(5, -(2**63)))


def test_constants_and_values_held_constant(form, elements):
    x = values(form.precision)
    for literal in (0.1, 3, -2.5, 1e300):
        with np.errstate(over="ignore"):
            expected = np.full(x.size, literal).astype(form.precision)
        for operation in ("constant", "to_float"):
            got = elements(form, lambda a, _, o=operation, n=literal: write(a, o, [Value("", "float", n)]).text, x)
            assert_same(got, expected)
    assert_same(elements(form, writer("stop_gradient", "float"), x), x)
    assert_same(elements(form, writer("constant", "float"), x), x)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.5, -3, 2.0])
def test_powers_with_a_literal_exponent(exponent, form, elements):
    x = np.concatenate([values(form.precision), np.geomspace(1e-6, 1e6, 60).astype(form.precision)])
    info = np.finfo(form.precision)
    got = elements(form, writer("power", "float", literals=[exponent]), x)
    with np.errstate(all="ignore"):
        expected = x**exponent
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    known = ~np.isnan(expected)
    assert np.array_equal(np.signbit(got[known]), np.signbit(expected[known]))
    np.testing.assert_allclose(got, expected, rtol=3 * info.eps, atol=2 * float(info.smallest_subnormal))


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sqrt"])
def test_functions_go_by_their_names(name, form, elements):
    assert REGISTRY[name] is getattr(elementary, name)
    x = np.array([0.25, 0.5, 0.75, 1.5, 2.0], form.precision)
    got = elements(form, writer(name, "float"), x)
    np.testing.assert_allclose(got, getattr(np, name)(x), rtol=4 * np.finfo(form.precision).eps)


def test_names_of_arithmetic_are_those_of_the_operations():
    assert all(REGISTRY[name] is getattr(arithmetic, name) for name in [*EXACT, *COMPARED] if name != "sqrt")
