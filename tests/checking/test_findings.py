"""Wrong derived programs: the first wrong line and its likely cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.program import Literal, Program
from chainrule.runnable import Runnable

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))  # square, so that a missing transpose has the right shape


def changed(program, **rules):
    """The program with other operations in the equations of some targets."""
    equations = tuple(rules[e.target.name](e) if e.target.name in rules else e for e in program.equations)
    return Runnable.of(Program(program.name, program.inputs, equations, program.outputs))


def check(net, **rules):
    program = changed(net.program(), **rules)
    values = {**net.prepare(X, Y), **net.parameters}
    return cr.check(program, **{v.name: values[v.name] for v in program.inputs})


def network(**settings):
    return cr.mlp([4, 4, 4, 4], dtype="float64", **settings)


def without_transpose(equation, program):
    """``g @ W`` in the place of ``g @ W.T``."""
    transposed = {e.target.name: e.arguments[0] for e in program.equations if e.operation.name == "transpose"}
    arguments = tuple(transposed.get(getattr(a, "name", ""), a) for a in equation.arguments)
    assert arguments != equation.arguments
    return replace(equation, arguments=arguments)


@pytest.mark.parametrize(("target", "lost"), [("dh2", "W3"), ("dh1", "W2"), ("dW2", "h1")])
def test_a_missing_transpose(target, lost):
    net = network()
    certificate = check(net, **{target: lambda e: without_transpose(e, net.program())})
    assert not certificate
    assert certificate.finding.where.startswith(f"{target} = ")
    assert certificate.finding.cause == f"the transpose of {lost} is missing"


def test_only_the_first_of_many_wrong_lines_is_named():
    net = network()
    certificate = check(net, dh2=lambda e: without_transpose(e, net.program()))
    assert {f.name.split("[")[0] for f in certificate.failures} == {"W1", "b1", "W2", "b2"}
    assert certificate.finding.where.startswith("dh2 = ")


def test_a_sum_over_the_batch_that_is_a_mean():
    net = network()
    certificate = check(net, db1=lambda e: replace(e, operation=cr.operations["mean"]))
    assert certificate.finding.where.startswith("db1 = ")
    assert "mean over the batch" in certificate.finding.cause


def test_a_wrong_sign_between_two_terms():
    def negated(equation):
        return replace(equation, operation=cr.operations["subtract"])

    x, y = cr.symbols("x y")
    program = cr.derive(cr.exp(x) * y + cr.sin(x))
    certificate = cr.check(changed(program, dx=negated), x=0.3, y=2.0)
    assert not certificate
    assert certificate.finding.where.startswith("dx = ")


def test_a_branch_that_is_not_added_at_a_fork():
    x = cr.symbols("x", shape=(3,))
    h = cr.tanh(x).named("h")
    program = cr.derive((cr.exp(h).named("left") + cr.sin(2 * h).named("right")).sum())
    (joined,) = (e for e in program.equations if e.target.name == "dh")
    assert joined.operation.name == "add"
    lost = changed(program, dh=lambda e: replace(e, arguments=(e.arguments[0], Literal(0.0))))
    certificate = cr.check(lost, x=[0.1, 0.5, -0.3])
    assert certificate.finding.where.startswith("dh = ")
    assert "is missing: adjoints add where a value is read twice" in certificate.finding.cause
    assert "left" in certificate.finding.cause or "right" in certificate.finding.cause


@pytest.mark.parametrize(
    ("rule", "cause"),
    [
        (lambda g, y, x: (g * (1 - cr.tanh(y) ** 2),), "the derivative of curve is taken at h2, not at z2"),
        (lambda g, y, x: (-g * (1 - y * y),), "the sign is wrong"),
        (lambda g, y, x: (0.5 * g * (1 - y * y),), "a factor 2 is missing"),
        (lambda g, y, x: (2 * g * (1 - y * y),), "a factor 2 is too much, or a factor 1/2 is missing"),
        (lambda g, y, x: (4 * g * (1 - y * y),), "a division by the 4 rows of the batch is missing"),
        (lambda g, y, x: (1.7 * g * (1 - y * y),), "it is 1.7 times what it should be"),
        (lambda g, y, x: (g * (1 - y * y) + 0.1 * x,), ""),
    ],
    ids=["at h", "sign", "half", "twice", "rows", "constant", "another"],
)
def test_a_wrong_rule_of_an_operation_of_your_own(rule, cause):
    spelling = cr.Spelling("curve({x})", helper=True)
    curve = cr.Operation(
        "curve", ("x",), cr.tanh.shape, spelling, spelling, spelling,
        expansion=lambda x: cr.tanh(x), vjp=rule, analytic=True,
    )  # fmt: skip
    certificate = network(hidden=curve).check(X, Y)
    assert not certificate
    assert certificate.finding.where.startswith("dz2 = ")
    assert certificate.finding.cause == cause
