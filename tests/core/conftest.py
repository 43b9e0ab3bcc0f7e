"""Random formulas, for whatever must hold of every program."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.expression import symbol
from chainrule.shapes import broadcast

ROWS = 5


def make_formula(seed: int, steps: int = 14):
    """A random formula for a single number, with values for its symbols; every value stays moderate."""
    generator = np.random.default_rng(seed)
    a, v, x, z = symbol("a"), symbol("v", (4,)), symbol("X", ("B", 4)), symbol("Z", ("B", 1))
    w, k, i = symbol("W", (4, 4)), symbol("k", ("B",), "int"), symbol("i", (3,), "int")
    m = symbol("m", ("B", 4), "bool")
    values = {
        "a": generator.normal(), "v": generator.normal(size=4), "X": generator.normal(size=(ROWS, 4)),
        "Z": generator.normal(size=(ROWS, 1)), "W": generator.normal(size=(4, 4)),
        "k": generator.integers(-3, 4, ROWS), "i": generator.integers(0, 4, 3),
        "m": generator.random((ROWS, 4)) > 0.5,
    }  # fmt: skip
    pool = [a, v, x, z, w]

    def some():
        return pool[generator.integers(len(pool))]

    def fits(e):
        """Another value that broadcasts with ``e``, or a number."""
        others = []
        for other in pool:
            try:
                broadcast(e.shape, other.shape)
            except ValueError:
                continue
            others.append(other)
        numbers = [2, 0.5, -1, 3.25, 1]
        at = generator.integers(len(others) + 2)
        return others[at] if at < len(others) else numbers[generator.integers(len(numbers))]

    functions = [
        cr.tanh,
        cr.sin,
        cr.sigmoid,
        cr.softplus,
        cr.relu,
        cr.abs,
        cr.gelu,
        cr.erf,
        cr.softsign,
        cr.cos,
    ]
    moves = [
        lambda e: functions[generator.integers(len(functions))](e),
        lambda e: functions[generator.integers(len(functions))](e),
        lambda e: e + fits(e),
        lambda e: fits(e) - e,
        lambda e: cr.tanh(e) * fits(e),
        lambda e: -e,
        lambda e: cr.sin(e) ** 2,
        lambda e: e / 3,
        lambda e: cr.tanh(e) / (1.5 + cr.sigmoid(e)),
        lambda e: cr.log(1 + e * e),
        lambda e: cr.sqrt(1 + e * e),
        lambda e: cr.maximum(e, fits(e)),
        lambda e: cr.minimum(fits(e), e),
        lambda e: cr.where(e > 0.1, e, fits(e)),
        lambda e: e * (e > 0),
        lambda e: cr.exp(-e * e),
        lambda e: cr.softmax(e) if e.rank else e,
        lambda e: cr.log_softmax(e) if e.rank else e,
        lambda e: cr.logsumexp(e) if e.rank else e,
        lambda e: e.mean(axis=0) if e.rank else e,
        lambda e: e.mean(axis=-1, keepdims=True) if e.rank else e,
        lambda e: cr.tanh(e.sum(axis=-1)) if e.rank else e,
        lambda e: e.max(axis=-1, keepdims=True) if e.rank else e,
        lambda e: cr.tanh(e @ w) if e.rank and e.shape[-1] == 4 else e,
        lambda e: e * m if e.shape in ((), (4,), ("B", 4)) else e,
        lambda e: e * k.reshape("B", 1) if e.shape in (("B", 4), ("B", 1)) else e,
        lambda e: cr.take(w, i) * 0.5 + e if e.shape in ((), (4,)) else e,
        lambda e: e[1:3] if e.shape == (4,) else e,
        lambda e: cr.concatenate(e[1:], e[:1], axis=0) if e.shape == (4,) else e,
        lambda e: cr.stop_gradient(e) + e,
        lambda e: cr.clip(e, -1.0, 1.5),
        lambda e: cr.leaky_relu(e) + cr.elu(e),
    ]
    for number in range(steps):
        made = moves[generator.integers(len(moves))](some())
        pool.append(made.named(f"u{number}") if generator.random() < 0.3 else made)
    total = cr.mean(pool[-1])
    for e in pool[-4:-1]:
        total = total + cr.mean(e) if generator.random() < 0.7 else total - cr.sum(e) / 4
    # Each symbol occurs, so that every formula takes the same values.
    for e in (a, v, x, z, w, 1.0 * k * z[:, 0], 1.0 * i, 1.0 * m):
        total = total + 0.1 * cr.mean(e)
    return total, values


@pytest.fixture
def formula():
    """A function from a seed to a random formula and the values of its symbols."""
    return make_formula
