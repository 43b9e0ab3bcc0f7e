"""Printed programs: what runs, what is read, and that both are the same.

Golden texts lie in ``tests/golden``; ``CHAINRULE_UPDATE_GOLDEN=1 pytest tests/core/test_show.py`` writes
them anew. Look at the difference before keeping it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engines.numpy import namespace, prepare, run, run_all
from chainrule.expression import symbol
from chainrule.ops.random import dropout_mask
from chainrule.program import Program, Var
from chainrule.show import to_latex, to_python, to_text
from chainrule.show.latex import latex_name
from chainrule.trace import trace

GOLDEN = Path(__file__).parents[1] / "golden"


def neuron():
    x, w, b = cr.symbols("x w b")
    return cr.derive(cr.sigmoid(w * x + b), wrt="x w b")


def layers(hidden, loss, simplified=True):
    X, Y = symbol("X", ("B", 4)), symbol("Y", ("B", 3), facts=frozenset({"rows_sum_to_one"}))
    W1, W2 = (symbol(n, s, role="parameter") for n, s in [("W1", (4, 8)), ("W2", (8, 3))])
    b1, b2 = (symbol(n, s, role="parameter") for n, s in [("b1", (8,)), ("b2", (3,))])
    z1 = (X @ W1 + b1).named("z1")
    h1 = hidden(z1).named("h1")
    z2 = (h1 @ W2 + b2).named("z2")
    return cr.derive(trace({"L": loss(z2, Y)}, name="loss"), wrt="W1 b1 W2 b2", simplified=simplified)


def squared_error(z, y):
    return cr.mean(cr.sum((z - y) ** 2, axis=1))


def cross_entropy(z, y):
    return -cr.mean(cr.sum(y * cr.log(cr.softmax(z)), axis=1))


def binary_cross_entropy(z, y):
    a = cr.sigmoid(z).named("a")
    return -cr.mean(cr.sum(y * cr.log(a) + (1 - y) * cr.log(1 - a), axis=1))


def second_derivative():
    x, y = cr.symbols("x y")
    return cr.derive(cr.derive(cr.tanh(x * y) * x, wrt="x"), wrt="x y", output="dx")


def layer_norm():
    X, gain = symbol("X", ("B", 6)), symbol("gain", (6,), role="parameter")
    centred = (X - X.mean(axis=1, keepdims=True)).named("centred")
    scale = cr.sqrt((centred * centred).mean(axis=1, keepdims=True) + 1e-5).named("scale")
    return cr.derive(cr.sum((gain * centred / scale) ** 3), wrt="gain X")


def embedding():
    T, i, W = symbol("T", (10, 4), role="parameter"), symbol("i", ("B",), "int"), symbol("W", (4, 1))
    return cr.derive(cr.mean(cr.take(T, i) @ W), wrt="T")


def dropout():
    key, step = symbol("key", (), "int"), symbol("step", (), "int")
    X, w = symbol("X", ("B", 5)), symbol("w", (5, 1), role="parameter")
    mask = dropout_mask(key, step, 0.25, X, stream=1).named("mask")
    kept = cr.where(mask, X / 0.75, 0.0)
    return cr.derive(cr.sum(kept @ w), wrt="w")


def pieces():
    x, y = cr.symbols("x y", shape=(3, 4))
    joined = cr.concatenate(x[:, 1:3], cr.leaky_relu(y), axis=1).named("joined")
    return cr.derive(cr.logsumexp(joined, axis=0).sum() + cr.max(joined, axis=1).mean(), wrt="x y")


def momentum():
    w, g, m = (symbol(n, (3,), role=r) for n, r in [("w", "parameter"), ("g", "input"), ("m", "state")])
    lr = symbol("lr", role="constant")
    m_new = (0.9 * m + g).named("m_new")
    return trace({"w_new": w - lr * m_new, "m_new": m_new}, name="step")


def names():
    theta, learning_rate, x_n, W12, ab = cr.symbols("theta learning_rate x_n W12 ab")
    return cr.derive(-(2e-8 * theta**2) / (x_n - W12) ** -1.5 + 1e10 * learning_rate * cr.abs(ab), wrt="theta x_n")


def long_lines():
    symbols = cr.symbols(" ".join(f"parameter_{i}" for i in range(9)))
    f = sum((cr.exp(s) * cr.sin(s) for s in symbols[1:]), start=cr.exp(symbols[0]))
    return cr.derive(cr.maximum(f, 0) / (1 + cr.erf(f)), wrt=list(symbols))


PROGRAMS = {
    "neuron": neuron,
    "tanh_squared_error": lambda: layers(cr.tanh, squared_error),
    "relu_cross_entropy": lambda: layers(cr.relu, cross_entropy),
    "relu_cross_entropy_unsimplified": lambda: layers(cr.relu, cross_entropy, simplified=False),
    "gelu_binary_cross_entropy": lambda: layers(cr.gelu, binary_cross_entropy),
    "second_derivative": second_derivative,
    "layer_norm": layer_norm,
    "embedding": embedding,
    "dropout": dropout,
    "pieces": pieces,
    "momentum": momentum,
    "names": names,
    "long_lines": long_lines,
}


def printed(program):
    sections = {
        "Python": to_python(program, helpers=True),
        "LaTeX": to_latex(program),
        "words": to_text(program),
    }
    return "\n\n".join(f"==== {title} ====\n{text.rstrip()}" for title, text in sections.items()) + "\n"


def values_of(program, rows=6):
    generator = np.random.default_rng(0)
    values = {}
    for var in program.inputs:
        shape = tuple(rows if s == "B" else s for s in var.shape)
        if var.dtype == "int":
            values[var.name] = generator.integers(0, 10, shape)
        else:
            values[var.name] = generator.uniform(0.1, 1, shape)
    return values


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_text(name):
    text, path = printed(PROGRAMS[name]()), GOLDEN / f"{name}.txt"
    if os.environ.get("CHAINRULE_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"see {path} and the docstring of this file"


def test_no_golden_text_is_left_over():
    assert {p.stem for p in GOLDEN.glob("*.txt")} == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_printing_is_deterministic(name):
    program = PROGRAMS[name]()
    assert printed(program) == printed(program) == printed(PROGRAMS[name]())
    assert printed(Program.from_json(program.to_json())) == printed(program)


def executed(program, values, precision):
    """The printed text, executed as a reader would."""
    names = namespace(precision)
    exec(to_python(program, helpers=True), names)
    with np.errstate(all="ignore"):
        results = names[program.name](**prepare(program, values, precision))
    return results if len(program.outputs) > 1 else (results,)


def assert_same_bits(results, expected):
    for given_, wanted in zip(results, expected, strict=True):
        assert np.asarray(given_, np.asarray(wanted).dtype).tobytes() == np.asarray(wanted).tobytes()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_printed_text_executed_equals_the_engine(name, precision):
    program = PROGRAMS[name]()
    values = values_of(program)
    assert_same_bits(executed(program, values, precision), run(program, values, precision).values())


@pytest.mark.parametrize("seed", range(40))
def test_folding_lines_changes_no_bit(formula, seed):
    f, values = formula(seed)
    program = cr.derive(f, simplified=seed % 2 == 0)
    folded = executed(program, values, "float64")
    assert_same_bits(folded, program(**values).values())
    everything = run_all(program, values)
    atoms = [atom for _, atom in program.outputs]
    assert_same_bits(folded, [everything[a.name] if isinstance(a, Var) else a.value for a in atoms])
    latex, words = program.latex(), program.text()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert words.count("(") == words.count(")")


# Parentheses.

SYMBOLS = {"x": (2, 2), "y": (2, 2), "v": (2,), "s": ()}
DATA = {
    "x": np.array([[0.7, -1.2], [2.5, 0.4]]),
    "y": np.array([[1.5, 0.3], [-0.8, 2.0]]),
    "v": np.array([0.9, -0.6]),
    "s": np.float64(1.3),
}
LEAVES = st.one_of(st.sampled_from(sorted(SYMBOLS)), st.sampled_from([2, 3, 0.5, -1, -2.5, 1e-8]))
UNARY = ["-", "abs", "T", "sum", "row", "tanh", "reshape"]
BINARY = ["+", "-", "*", "/", "@", ">", "==", "maximum"]
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(UNARY), inner),
        st.tuples(st.sampled_from(BINARY), inner, inner),
        st.tuples(st.just("**"), inner, st.sampled_from([2, 3, -1, -2, 0.5, "s"])),
    ),
    max_leaves=12,
)


def build(tree):
    """The same tree as an expression and as what NumPy makes of it."""
    if isinstance(tree, str):
        return cr.symbols(tree, shape=SYMBOLS[tree]), DATA[tree]
    if not isinstance(tree, tuple):
        return tree, tree
    head, *parts = tree
    (a, p), *rest = map(build, parts)
    if len(tree) == 2:
        return unary(head, a, p)
    ((b, q),) = rest
    matrices = np.ndim(p) == np.ndim(q) == 2
    if head == "@" and matrices and np.shape(p)[1] == np.shape(q)[0]:
        return a @ b, p @ q
    if head in (">", "=="):
        truth = cr.operations[{">": "greater", "==": "equal"}[head]](a, b)
        return 1.0 * truth, 1.0 * (np.asarray(p) > q if head == ">" else np.asarray(p) == q)
    if head == "maximum":
        return cr.maximum(a, b), np.maximum(p, q)
    python = {
        "+": lambda i, j: i + j,
        "-": lambda i, j: i - j,
        "*": lambda i, j: i * j,
        "/": lambda i, j: i / j,
        "**": lambda i, j: i**j,
        "@": lambda i, j: i - j,
    }[head]
    return python(a, b), python(p, q)


def unary(head, a, p):
    array = np.ndim(p) > 0
    if head == "abs":
        return cr.abs(a), np.abs(p)
    if head == "tanh":
        return cr.tanh(a), np.tanh(p)
    if head == "T" and array:
        return a.T, p.T
    if head == "sum" and array:
        return a.sum(axis=0, keepdims=True), p.sum(axis=0, keepdims=True)
    if head == "row" and array:
        return a[:1], p[:1]
    if head == "reshape" and array:
        return a.reshape(np.size(p), 1), p.reshape(np.size(p), 1)
    return -a, -p


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TREES)
def test_parentheses_are_right(tree):
    with np.errstate(all="ignore"):
        try:
            formula, wanted = build(tree)
        except (ZeroDivisionError, OverflowError, ValueError):
            assume(False)
    assume(not isinstance(wanted, complex))
    inputs = [symbol(n, s) for n, s in SYMBOLS.items()]
    program = trace({"out": cr.operations["add"](formula, 0)}, inputs=inputs)
    (result,) = executed(program, DATA, "float64")
    np.testing.assert_array_equal(result, wanted + 0, err_msg=to_python(program))


def test_parentheses_where_they_matter_in_python():
    x, y, z = cr.symbols("x y z")
    A, B = cr.symbols("A B", shape=(2, 2))
    negated = -x
    for formula, text in [
        (x - (y - z), "x - (y - z)"),
        ((x - y) - z, "x - y - z"),
        (x / (y * z), "x / (y * z)"),
        (x / y * z, "x / y * z"),
        (x * (y / z), "x * (y / z)"),
        (-(x**2), "-x ** 2"),
        ((-x) ** 2, "(-x) ** 2"),
        (x**y**z, "x ** y ** z"),
        ((x**y) ** z, "(x ** y) ** z"),
        (x ** (-y), "x ** (-y)"),
        (x**-1, "x ** (-1)"),
        (-(x + y), "-(x + y)"),
        (A @ (B @ A), "A @ (B @ A)"),
        ((A + B).T, "(A + B).T"),
        ((A @ B).sum(axis=0), "(A @ B).sum(axis=0)"),
        (A.T[0:1], "A.T[0:1]"),
        (x * (y > z), "x * (y > z)"),
        (-negated, "--x"),
        (x - (-y), "x - -y"),
        (1 - (1 - x), "1 - (1 - x)"),
        (2 * (-3 * x), "2 * (-3 * x)"),
    ]:
        assert f"out = {text}" in re.sub(r" +#.*", "", to_python(trace({"out": formula})))


def test_parentheses_where_they_matter_in_latex_and_words():
    x, y = cr.symbols("x y")
    for formula, text in [
        ((x + y) * x, r"(x + y) \, x"),
        ((x + y) / x, r"\frac{x + y}{x}"),
        (x - (y - x), "x - (y - x)"),
        (-(x + y), "-(x + y)"),
        ((x + y) ** 2, "{(x + y)}^{2}"),
        ((-x) ** 2, "{(-x)}^{2}"),
    ]:
        assert f" &= {text}\n" in to_latex(trace({"out": formula}))
    assert "out is (x plus y) times x." in to_text(trace({"out": (x + y) * x}))


# What people see.


def test_each_backward_line_says_where_it_comes_from():
    text = str(layers(cr.tanh, squared_error))
    forward, backward = text.split("# backward")
    assert "# forward" in forward
    lines = [line for line in backward.splitlines() if " = " in line]
    assert len(lines) >= 6
    assert all("  from " in line for line in lines)
    for name in ["z1", "h1", "z2"]:
        assert f"    {name} = " in forward
        assert f"    d{name} = " in backward


def test_shapes_stand_beside_the_lines():
    text = str(layers(cr.tanh, squared_error))
    assert re.search(r"z1 = X @ W1 \+ b1 +# \(B, 8\)", text)
    assert re.search(r"dW2 = h1\.T @ dz2 +# \(8, 3\)", text)


def test_named_sizes_come_from_the_data():
    text = str(layers(cr.tanh, squared_error))
    assert "    B = Y.shape[0]\n" in text or "    B = X.shape[0]\n" in text


def test_helpers_are_printed_once_callees_first():
    z = cr.symbols("z", shape=(2, 3))
    text = to_python(trace({"out": cr.selu(z) + cr.elu(z) + cr.softmax(z, axis=0)}), helpers=True)
    assert text.count("def elu(") == 1
    assert text.index("def elu(") < text.index("def selu(")
    assert "def softmax_axis_0(" in text


def test_numbers_in_latex():
    x = cr.symbols("x")
    latex = to_latex(trace({"y": 1e-8 * x + 2.5e10 + 3.0 * x - 0.5}))
    for text in [r"10^{-8}", r"2.5 \cdot 10^{10}", r"3 \,", "0.5"]:
        assert text in latex


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "x"),
        ("W1", "W_{1}"),
        ("W12", "W_{12}"),
        ("x_n", "x_{n}"),
        ("theta", r"\theta"),
        ("theta_1", r"\theta_{1}"),
        ("dx", r"\mathit{dx}"),
        ("dx_2", r"\mathit{dx}_{2}"),
        ("learning_rate", r"\mathit{learning\_rate}"),
        ("value", r"\mathit{value}"),
        ("_x", r"\mathit{\_x}"),
    ],
)
def test_names_in_latex(name, text):
    assert latex_name(name) == text


def test_latex_has_no_double_subscripts():
    T1, k = cr.symbols("T1", shape=(4, 3)), symbol("k_1", (2,), "int")
    latex = to_latex(trace({"y": cr.take(T1, k) + T1[1:3]}))
    assert r"y &= {T_{1}}_{k_{1}} + {T_{1}}_{[1:3]}" in latex
