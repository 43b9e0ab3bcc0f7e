"""Rewrites: each by its name, equal to what it replaces, and only where its condition holds."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.derivation import derive_program
from chainrule.engines.numpy import run
from chainrule.expression import symbol
from chainrule.ops.arithmetic import constant
from chainrule.ops.arrays import broadcast_to
from chainrule.passes import RULES, drop_unused, share_common, simplify
from chainrule.program import Program, typecheck
from chainrule.show import to_python
from chainrule.testing import cases
from chainrule.trace import trace

a, b = cr.symbols("a b")
x, y = cr.symbols("x y", shape=(3, 4))
v, w = cr.symbols("v w", shape=(4,))
negated = -x
heavy = symbol("u", (3,), facts=frozenset({"row_weights"})).reshape(3, 1)

CASES = {
    "neutral element": [x * 1, 1 * x, x + 0, 0 + x, x - 0, x / 1, x**1],
    "twice": [x + x, y + x + x, y - x - x],
    "broadcasting is implicit": [x + broadcast_to(v, shape=(3, 4)), broadcast_to(a, shape=(3, 4)) ** x],
    "broadcast last": [-broadcast_to(v, shape=(3, 4)), broadcast_to(v, shape=(3, 4)) * w],
    "broadcast once": [
        broadcast_to(broadcast_to(v, shape=(1, 4)), shape=(3, 4)),
        broadcast_to(x, shape=(3, 4)),
    ],
    "a stretched number has any shape": [
        cr.reshape(broadcast_to(a, shape=(4,)), shape=(2, 2)),
        cr.reshape(x, shape=(3, 4)),
    ],
    "a plain number": [x * constant(2.5), -constant(2.0) * a, constant(2) + constant(0.5) + x],
    "sign of a product": [(-x) * y, x * (-y), (-x) / y, x / (-y)],
    "sign of a reshape": [cr.reshape(-v, shape=(4, 1))],
    "sign of a sum": [x + (-y), (-x) + y, x - (-y), (-x) - y, (-x) + (-y), (-x) - (-y)],
    "minus minus": [-negated, -(x - y)],
    "numbers first": [x * 2, 2 * (3 * x), -2 * x, constant(2.0) * (x > y) * x],
    "a number's division comes last": [(x / a) * y, y * (x / a), (1 / a) * x],
    "common divisor": [x / a + y / a, x / a - y / a, x / 3 + y / 3],
    "a mean is a sum over the count": [cr.mean(x), cr.mean(x, axis=0), cr.mean(x, axis=1, keepdims=True)],
    "a factor leaves the sum": [cr.sum(-x), cr.sum(x / a, axis=0), cr.sum(2 * x, axis=1), cr.sum(0.5 * x)],
    "a sum of sums": [cr.sum(cr.sum(x, axis=1)), cr.sum(cr.sum(x, axis=0, keepdims=True))],
    "rows that sum to 1": [cr.sum(cr.softmax(x), axis=-1), cr.sum(cr.softmax(x), axis=1, keepdims=True)],
    "log of softmax": [cr.log(cr.softmax(x)), cr.log(cr.softmax(x, axis=0))],
    "log of sigmoid": [cr.log(cr.sigmoid(x)), cr.log(1 - cr.sigmoid(x))],
    "log of exp": [cr.log(cr.exp(x))],
    "exp of log_softmax": [cr.exp(cr.log_softmax(x)), cr.exp(cr.log_softmax(x, axis=0))],
    "sigmoid and cross-entropy": [(1 - y) * cr.sigmoid(x) - y * cr.sigmoid(-x)],
    "transposed twice": [x.T.T],
    "weights of rows first": [x * heavy, x * (heavy * y), (heavy * x) * y, heavy * (2 * x), (x * heavy) * (a * y)],
    "weights of rows leave the sum": [cr.sum(heavy * x, axis=1, keepdims=True)],
    "common weights of rows": [heavy * x - heavy * y, heavy * x + heavy * y, heavy * x - heavy * v],
}
"""Formulas to which each rewrite applies."""


def values_of(program: Program, seed: int = 0):
    generator = np.random.default_rng(seed)
    return {i.name: generator.uniform(0.2, 2.0, i.shape) * generator.choice([-1, 1], i.shape) for i in program.inputs}


def simplified(formula):
    log = []
    program = trace({"out": formula})
    return program, simplify(program, log), log


def test_every_rewrite_has_a_case_here():
    assert {rule.name for rule in RULES} == set(CASES)


@pytest.mark.parametrize(("name", "number"), [(n, i) for n, fs in CASES.items() for i in range(len(fs))])
def test_each_rewrite_applies_and_changes_no_value(name, number):
    program, result, log = simplified(CASES[name][number])
    assert name in {step.rewrite for step in log}
    typecheck(result)
    for seed in range(3):
        values = values_of(program, seed)
        values["a"] = np.abs(values["a"]) if "a" in values else 0  # the base of a power
        values = {k: value for k, value in values.items() if k in {i.name for i in program.inputs}}
        np.testing.assert_allclose(run(result, values)["out"], run(program, values)["out"], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "formula",
    [
        cr.sum(x, axis=-1),
        cr.sum(cr.softmax(x), axis=0),
        cr.sum(cr.softmax(x, axis=0), axis=1),
        cr.sum(cr.softmax(x) * cr.softmax(x), axis=1),
        cr.sum(cr.softmax(x)),
    ],
    ids=str,
)
def test_rows_sum_to_one_only_where_that_is_known(formula):
    assert "rows that sum to 1" not in {step.rewrite for step in simplified(formula)[2]}


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        (x / a + y / b, "common divisor"),
        (cr.transpose(cr.transpose(x, axes=(1, 0)), axes=(0, 1)), "transposed twice"),
        ((1 - y) * cr.sigmoid(x) - x * cr.sigmoid(-x), "sigmoid and cross-entropy"),
        ((1 - y) * cr.sigmoid(x) - y * cr.sigmoid(x), "sigmoid and cross-entropy"),
        ((2 - y) * cr.sigmoid(x) - y * cr.sigmoid(-x), "sigmoid and cross-entropy"),
        (cr.log(2 - cr.sigmoid(x)), "log of sigmoid"),
        (cr.log(1 + cr.sigmoid(x)), "log of sigmoid"),
        (x - 1, "neutral element"),
        (0 - x, "neutral element"),
        (1 / x, "neutral element"),
        (1**x, "neutral element"),
        (v + broadcast_to(w, shape=(3, 4)), "broadcasting is implicit"),
    ],
    ids=lambda p: p if isinstance(p, str) else "formula",
)
def test_rewrites_do_not_apply_to_what_only_looks_alike(formula, name):
    program, result, log = simplified(formula)
    assert name not in {step.rewrite for step in log}
    values = values_of(program)
    np.testing.assert_allclose(run(result, values)["out"], run(program, values)["out"], rtol=1e-13)


# Whole programs.


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_keep_their_values_and_derivatives(formula, seed):
    f, values = formula(seed)
    plain, short = cr.derive(f, simplified=False), cr.derive(f)
    typecheck(short)
    assert len(short.equations) <= len(plain.equations)
    expected, results = plain(**values), short(**values)
    assert list(results) == list(expected)
    for label, want in expected.items():
        scale = np.max(np.abs(want)) + 1e-3 * np.abs(expected["value"])
        np.testing.assert_allclose(results[label], want, rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize("operation", list(cr.operations.values()), ids=lambda o: o.name)
def test_the_derivative_of_every_operation_keeps_its_value(operation):
    for case in cases(operation):
        if case.differentiable:
            plain = derive_program(case.pulled, case.differentiable)
            values = case.values | {"g_in": case.g}
            expected, results = run(plain, values), run(simplify(plain), values)
            for label, want in expected.items():
                np.testing.assert_allclose(results[label], want, rtol=1e-12, atol=1e-14 * np.max(np.abs(want)))


def test_simplifying_twice_changes_nothing(formula):
    for seed in range(20):
        once = simplify(trace({"value": formula(seed)[0]}))
        log = []
        assert to_python(simplify(once, log)) == to_python(once)
        assert log == []


# Losses: what everybody writes by hand, found by rule.


def softmax_cross_entropy(rows_sum_to_one=True):
    z = symbol("z", ("B", 3))
    y = symbol("Y", ("B", 3), facts=frozenset({"rows_sum_to_one"} if rows_sum_to_one else ()))
    return cr.mean(-cr.sum(y * cr.log(cr.softmax(z)), axis=1))


def sigmoid_cross_entropy():
    z, y = symbol("z", ("B", 3)), symbol("Y", ("B", 3))
    s = cr.sigmoid(z)
    return cr.mean(cr.sum(-(y * cr.log(s) + (1 - y) * cr.log(1 - s)), axis=1))


def test_softmax_with_cross_entropy_gives_q_minus_y():
    program = cr.derive(softmax_cross_entropy(), wrt="z")
    (line,) = [line for line in str(program).splitlines() if line.strip().startswith("dz =")]
    assert "dz = (softmax(z) - Y) / B " in line
    assert line.endswith("from value, each row of Y sums to 1")


def test_without_the_declared_fact_the_sum_stays():
    text = str(cr.derive(softmax_cross_entropy(rows_sum_to_one=False), wrt="z"))
    assert "Y.sum(axis=-1, keepdims=True)" in text
    assert "(softmax(z) - Y) / B" not in text
    assert "sums to 1" not in text


def test_without_the_fact_the_derivative_is_right_for_any_weights():
    generator = np.random.default_rng(4)
    z, y = generator.normal(size=(5, 3)), generator.uniform(0, 2, (5, 3))
    program = cr.derive(softmax_cross_entropy(rows_sum_to_one=False), wrt="z")
    q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(program(z=z, Y=y)["dz"], (q * y.sum(1, keepdims=True) - y) / 5, rtol=1e-13)


def test_label_smoothing_keeps_the_fact():
    z, y = symbol("z", ("B", 4)), symbol("Y", ("B", 4), facts=frozenset({"rows_sum_to_one"}))
    smooth = cr.operations["smooth_labels"](y, 0.1)
    assert "rows_sum_to_one" in smooth.facts
    text = str(cr.derive(cr.mean(-cr.sum(smooth * cr.log(cr.softmax(z)), axis=1)), wrt="z"))
    assert "keepdims" not in text


def test_sigmoid_with_binary_cross_entropy_gives_s_minus_y():
    assert "dz = (sigmoid(z) - Y) / B " in str(cr.derive(sigmoid_cross_entropy(), wrt="z"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("formula_of", [softmax_cross_entropy, sigmoid_cross_entropy])
def test_losses_survive_any_logit(formula_of, dtype):
    program = cr.derive(formula_of(), wrt="z")
    z = np.array([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0], [0.0, 0.0, 1e-8]])
    y = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    results = program(z=z, Y=y, dtype=dtype)
    assert all(np.all(np.isfinite(r)) for r in results.values())
    assert results["value"] > 600
    assert np.max(np.abs(results["dz"])) <= 1 / 3 + 1e-6
    # What the textbook forms give, for all their trouble.
    plain = cr.derive(formula_of(), wrt="z", simplified=False)(z=z, Y=y, dtype=dtype)
    assert not np.all(np.isfinite(plain["dz"]))


# Sharing and dropping.


def count(program, name):
    return sum(e.operation.name == name for e in program.equations)


def test_a_value_is_computed_once():
    program = trace({"out": cr.sin(x) * cr.exp(x) + cr.sin(x) / cr.exp(x)})
    assert count(program, "sin") == 2
    shared = share_common(program)
    assert (count(shared, "sin"), count(shared, "exp")) == (1, 1)
    values = values_of(program)
    np.testing.assert_array_equal(run(shared, values)["out"], run(program, values)["out"])


def test_the_name_that_a_person_gave_is_kept():
    program = simplify(trace({"out": cr.sin(x) + (2 * cr.sin(x).named("wave"))}))
    assert [e.target.name for e in program.equations if e.operation.name == "sin"] == ["wave"]


def test_the_same_operation_with_other_settings_is_another_value():
    program = simplify(trace({"out": cr.softmax(x) + cr.softmax(x, axis=0)}))
    assert count(program, "softmax") == 2


def test_two_outputs_may_be_one_value():
    program = simplify(trace({"p": cr.sin(x), "q": cr.sin(x)}))
    assert count(program, "sin") == 1
    results = run(program, {"x": np.ones((3, 4))})
    np.testing.assert_array_equal(results["p"], results["q"])


def test_what_no_output_needs_is_dropped():
    needed, unused = cr.sin(x).named("needed"), cr.cos(y).named("unused")
    program = trace({"out": needed * 2}, inputs=[x, y], order=[unused])
    assert count(program, "cos") == 1
    dropped = drop_unused(program)
    assert count(dropped, "cos") == 0
    assert [v.name for v in dropped.inputs] == ["x", "y"]
    typecheck(dropped)


def test_the_unsimplified_program_stays_available():
    f = softmax_cross_entropy()
    plain = cr.derive(f, wrt="z", simplified=False)
    before = plain.fingerprint
    short = simplify(plain)
    assert Program(*(getattr(plain, n) for n in ("name", "inputs", "equations", "outputs"))).fingerprint == before
    assert count(plain, "softmax") == 1
    assert count(plain, "log") == 1
    assert short.fingerprint != before
    generator = np.random.default_rng(5)
    y = generator.dirichlet(np.ones(3), 6)
    z = generator.normal(size=(6, 3))
    for label, want in plain(z=z, Y=y).items():
        np.testing.assert_allclose(run(short, {"z": z, "Y": y})[label], want, rtol=1e-12, atol=1e-15)


def test_the_log_names_each_rewrite_its_line_and_its_condition():
    log = []
    simplify(cr.derive(softmax_cross_entropy(), wrt="z", simplified=False), log)
    named = {(s.rewrite, s.condition) for s in log}
    assert ("log of softmax", "") in named
    assert {s.variable for s in log if s.rewrite == "log of softmax"}
    assert all(not s.condition or s.rewrite == "rows that sum to 1" for s in log)
