"""Every operation, from its record alone; and every wrong rule, which must be found out."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.checking.cases import domain
from chainrule.engines import numpy as reference
from chainrule.expression import Example, Kink, Operation, Spelling, symbol
from chainrule.shapes import broadcast, matmul
from chainrule.testing import Case, assert_between_slopes, assert_case, assert_operation, cases, draw, mutants
from chainrule.trace import trace

OPERATIONS = list(cr.operations.values())
ELEMENTWISE = [o for o in OPERATIONS if o.shape is broadcast]
ANALYTIC = [o for o in ELEMENTWISE if o.analytic]
PIECEWISE = [o for o in ELEMENTWISE if not o.analytic and o.vjp is not None]

FEWEST_MUTANTS = 340


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_every_operation_keeps_what_its_record_says(operation):
    assert_operation(operation)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_every_wrong_rule_is_found_out(operation):
    survivors = [what for what, mutant in mutants(operation) if complaint(mutant) is None]
    assert survivors == []


def complaint(operation):
    """What is wrong with an operation, in one line; nothing if it passes."""
    try:
        assert_operation(operation)
    except AssertionError as error:
        (line,) = str(error).splitlines()
        return line
    return None


def test_complaints_name_the_operation_the_argument_and_both_numbers():
    wrong = dict(mutants(cr.operations["divide"]))["y: times 1.001"]
    line = complaint(wrong)
    assert line.startswith("divide(x (), y ()): the derivative by y is ")
    assert "but the measured one is " in line
    assert "(allowed difference " in line


def test_the_mutants_are_many():
    assert sum(1 for o in OPERATIONS for _ in mutants(o)) >= FEWEST_MUTANTS


def test_mutants_are_not_registered():
    for _, mutant in mutants(cr.tanh):
        assert mutant is not cr.operations["tanh"]
    assert cr.operations["tanh"] is cr.tanh


# Points and shapes chosen by hypothesis.


def numbers(operation, position):
    """Floats of the domain, exact in float32; hypothesis likes its ends, zero, and small numbers."""
    low, high = domain(operation, position)
    inside = st.floats(low, high, allow_subnormal=False)
    return inside.map(lambda v: 0.0 if abs(v) < 1e-8 else float(np.float32(v))).filter(lambda v: low <= v <= high)


@st.composite
def broadcast_cases(draw_one, operations):
    operation = draw_one(st.sampled_from(operations))
    count = len(operation.arguments)
    shapes = draw_one(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3)).input_shapes
    arguments = [
        draw_one(hnp.arrays(np.float64, shape, elements=numbers(operation, i))) for i, shape in enumerate(shapes)
    ]
    return Case(operation, tuple(arguments))


@st.composite
def scalar_cases(draw_one, operations):
    operation = draw_one(st.sampled_from(operations))
    arguments = [
        np.asarray(draw_one(st.booleans() if name == "condition" else numbers(operation, i)))
        for i, name in enumerate(operation.arguments)
    ]
    return Case(operation, tuple(arguments))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(broadcast_cases(ANALYTIC))
def test_analytic_operations_at_any_point_and_shape(case):
    assert_case(case)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scalar_cases(PIECEWISE))
def test_piecewise_operations_send_back_a_slope_between_those_on_both_sides(case):
    assert_between_slopes(case)


# Element types.


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("dtypes", [("float", "int"), ("int", "float"), ("float", "bool"), ("bool", "float")])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "power", "less", "where"])
def test_mixed_element_types_stay_in_the_precision_of_the_program(name, dtypes, precision):
    operation = cr.operations[name]
    data = {"float": [0.5, 1.5, 2.5], "int": [1, 2, 3], "bool": [True, False, True]}
    x, y = (symbol(n, (3,), d) for n, d in zip("xy", dtypes, strict=True))
    inputs = [x, y]
    if name == "where":
        c = symbol("c", (3,), "bool")
        value, inputs = operation(c, x, y), [c, x, y]
    else:
        value = operation(x, y)
    program = trace({"v": cr.sum(1.0 * value)}, inputs=inputs)
    values = {"x": data[dtypes[0]], "y": data[dtypes[1]], **({"c": data["bool"]} if name == "where" else {})}
    for equation in program.equations:
        computed = reference.run_all(program, values, precision)[equation.target.name]
        wanted = {"float": precision, "bool": "bool", "int": "int64"}[equation.target.dtype]
        assert not hasattr(computed, "dtype") or str(computed.dtype) == wanted, equation


# The tool itself, on records that are wrong or a user's own.


def softsign(**changes):
    record = {
        "shape": broadcast,
        "python": Spelling("{x:20} / (1 + np.abs({x}))", 20),
        "latex": Spelling(r"\frac{{{x}}}{{1 + |{x}|}}"),
        "words": Spelling("the softsign of {x}"),
        "vjp": lambda g, y, x: (g / (1 + cr.abs(x)) ** 2,),
    }
    return Operation("my_softsign", ("x",), **(record | changes))


def test_a_users_operation_passes_without_being_registered():
    assert_operation(softsign())
    assert "my_softsign" not in cr.operations


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": lambda x: (2,)}, "shape"),
        ({"shape": lambda x: matmul(x, (3, 3))}, r"are the shapes of its examples meant\?"),
        ({"latex": Spelling(r"\frac{{{x}")}, "do not match in its LaTeX"),
        ({"words": Spelling("the softsign of ({x}")}, "its text is not complete"),
        ({"python": Spelling("{x} +/ 2")}, "its text does not run: SyntaxError"),
        ({"python": Spelling("np.softsign({x})")}, "its text does not run: AttributeError"),
        ({"python": Spelling("np.float64(1) * {x} / (1 + np.abs({x}))", 20)}, "float64, not float32"),
        ({"python": Spelling("1 + {x} / (1 + np.abs({x})) - 1", 10)}, "the float32 value"),
        ({"expansion": lambda x: x / (1.0001 + cr.abs(x))}, "its expansion"),
        ({"vjp": lambda g, y, x: (g / (1 + cr.abs(x)),)}, "the derivative by x"),
        ({"vjp": lambda g, y, x: (g / (1 + cr.abs(x)) ** 2 + 1e-10 * x,)}, "the derivative by x"),
        (
            {"vjp": lambda g, y, x: (g / (1 + cr.abs(cr.stop_gradient(x))) ** 2,)},
            "the second derivative by x",
        ),
        ({"vjp": lambda g, y, x: (1.0,)}, "the derivative by x"),
        ({"kinks": (Kink((1.0,), (0.5,), "wrong"),)}, "at the kink"),
        ({"accuracy": 0.0}, "the float32 value"),
        ({"flops": lambda out, x: (-1, *out)}, "negative number"),
        ({"facts": lambda x: frozenset({"rows_sum_to_one"})}, "rows are said to sum to 1"),
    ],
)
def test_each_wrong_claim_is_named(changes, message):
    with pytest.raises(AssertionError, match=message) as caught:
        assert_operation(softsign(**changes))
    assert str(caught.value).startswith("my_softsign(")


def test_a_slope_outside_those_of_both_sides_fails_at_a_kink():
    documented = Kink((0.0,), (2.0,), "too steep")
    steep = replace(cr.relu, kinks=(documented,), vjp=lambda g, y, x: (cr.where(x > 0, g, 2 * g * cr.equal(x, 0.0)),))
    with pytest.raises(AssertionError, match="not between those on both sides"):
        assert_operation(steep)


def test_another_engine_is_compared_with_the_printed_text():
    def wrong(program, values, precision):
        return {k: v * (1 + 1e-3) for k, v in reference.run(program, values, precision).items()}

    assert_operation(cr.tanh, engines=("numpy", reference.run))
    with pytest.raises(AssertionError, match="the printed text"):
        assert_operation(cr.tanh, engines=(wrong,))


def test_cases_lie_in_the_domain_and_include_small_numbers():
    for operation in ELEMENTWISE:
        for case in cases(operation):
            for i, a in enumerate(case.arguments):
                low, high = domain(operation, i)
                assert a.dtype == bool or (np.float32(low) <= a.min() and a.max() <= np.float32(high))
    assert any(np.abs(c.arguments[0]).max() < 1e-7 for c in cases(cr.tanh))
    assert any(np.abs(c.g).max() < 1e-7 for c in cases(cr.log))


def test_indices_lie_within_the_rows():
    generator = np.random.default_rng(0)
    for name in ("take", "add_rows"):
        operation = cr.operations[name]
        for example in operation.examples:
            case = draw(operation, example, generator)
            rows = example.attributes.get("shape", example.shapes[0])[0]
            assert case.values["indices"].min() >= 0
            assert case.values["indices"].max() < rows


def test_an_operation_that_has_no_derivative_is_checked_for_its_value_only():
    counted = replace(cr.operations["to_int"], examples=(Example(((3,),)),))
    assert_operation(counted)
