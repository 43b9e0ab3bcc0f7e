"""The accuracy that records state, against mpmath with 50 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import chainrule as cr
from chainrule.checking.cases import domain
from chainrule.engines.numpy import run
from chainrule.expression import symbol
from chainrule.trace import trace

mp.dps = 50
SELU_SCALE, SELU_ALPHA = mpf("1.0507009873554805"), mpf("1.6732632423543772")


def elu(x, alpha):
    return x if x > 0 else alpha * mpmath.expm1(x)


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def softplus(x):
    return mpmath.log1p(mpmath.exp(x))


EXACT = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "abs": abs,
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sqrt": mpmath.sqrt,
    "power": mpmath.power,
    "tanh": mpmath.tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "erf": mpmath.erf,
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": elu,
    "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "gelu_tanh": lambda x: x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * mpmath.tanh(softplus(x)),
    "smooth_clip": lambda x, limit: x / mpmath.sqrt(1 + (x / limit) ** 2),
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_tanh": lambda x: min(max(x, -1), 1),
}
"""Each elementary function and activation, written from its definition."""


def points(operation, precision):
    """Random arguments over the domain, some of size 1e-8 where it reaches 0."""
    generator = np.random.default_rng(5)
    columns = []
    for position in range(len(operation.arguments)):
        low, high = domain(operation, position)
        column = generator.uniform(low, high, 600)
        if low <= 0 <= high:
            column[:50] *= 1e-8
        columns.append(column.astype(precision))
    return columns


def error_in_ulps(operation, precision):
    columns = points(operation, precision)
    inputs = [symbol(n, (len(columns[0]),)) for n in operation.arguments]
    program = trace({"y": operation(*inputs)}, inputs=inputs)
    computed = run(program, dict(zip(operation.arguments, columns, strict=True)), precision)["y"]
    worst = 0.0
    for row, value in zip(zip(*columns, strict=True), computed, strict=True):
        exact = EXACT[operation.name](*(mpf(float(x)) for x in row))
        unit = float(np.spacing(np.abs(np.dtype(precision).type(exact))))
        worst = max(worst, float(abs(mpf(float(value)) - exact) / mpf(unit)))
    return worst


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_the_stated_accuracy_holds(name, precision):
    operation = cr.operations[name]
    error = error_in_ulps(operation, precision)
    assert error <= operation.accuracy, f"{name} in {precision}: {error:.2f} ulp, not {operation.accuracy}"


def test_no_elementwise_float_operation_is_left_out():
    rest = {
        name
        for name, operation in cr.operations.items()
        if operation.shape is cr.operations["exp"].shape and operation.kind in ("float", "promote")
    } - set(EXACT)
    assert rest == set()
