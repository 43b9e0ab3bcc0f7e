"""The reference engine: what it refuses, and what it returns."""

from __future__ import annotations

import traceback

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.numpy import compile_program, prepare, run, run_all
from chainrule.errors import ArgumentError, ShapeError, UnknownNameError
from chainrule.expression import symbol
from chainrule.ops.arrays import broadcast_to
from chainrule.trace import trace

X, W = cr.symbols("X", shape=("B", 3)), cr.symbols("W", shape=(3, 2))
PROGRAM = trace({"Z": X @ W, "total": cr.sum(X)}, name="layer")
VALUES = {"X": np.arange(12.0).reshape(4, 3), "W": np.ones((3, 2))}


def test_missing_and_unknown_inputs():
    with pytest.raises(ArgumentError, match="layer needs a value for W"):
        run(PROGRAM, {"X": VALUES["X"]})
    with pytest.raises(ArgumentError, match="layer needs a value for X, W"):
        run(PROGRAM, {})
    with pytest.raises(UnknownNameError, match="unknown input 'WW': did you mean 'W'"):
        run(PROGRAM, VALUES | {"WW": 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"X": np.ones(3)}, r"X has shape \(3,\), but \(B, 3\) is needed"),
        ({"X": np.ones((4, 5))}, r"X has shape \(4, 5\), but \(B, 3\) with B = 4 is needed"),
        ({"W": np.ones((3, 1))}, r"W has shape \(3, 1\), but \(3, 2\) is needed"),
        ({"W": 1.0}, r"W has shape \(\), but \(3, 2\) is needed"),
    ],
)
def test_both_shapes_are_named(values, message):
    with pytest.raises(ShapeError, match=message):
        run(PROGRAM, VALUES | values)


def test_rows_must_agree_between_inputs():
    Y = cr.symbols("Y", shape=("B",))
    with pytest.raises(ShapeError, match=r"Y has shape \(5,\), but \(B,\) with B = 4 is needed"):
        run(trace({"out": cr.sum(X) + cr.sum(Y)}), {"X": np.ones((4, 3)), "Y": np.ones(5)})


@pytest.mark.parametrize(
    "value", ["abc", None, {"a": 1}, [[1, 2], [3]], np.array(["1", "2"]), object(), 1j, np.datetime64("2020")]
)
def test_what_is_no_number(value):
    with pytest.raises(ShapeError, match=r"x must hold float values, not|x has shape"):
        run(trace({"y": cr.symbols("x") * 2}), {"x": value})


def test_fractions_are_no_indices():
    k = symbol("k", (2,), "int")
    program = trace({"y": k + 1})
    np.testing.assert_array_equal(run(program, {"k": [1.0, 2.0]})["y"], [2, 3])
    assert run(program, {"k": np.int8([1, 2])})["y"].dtype == np.int64
    with pytest.raises(ShapeError, match="k must hold int values"):
        run(program, {"k": [1.5, 2.0]})


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_results_have_the_precision_that_was_asked(precision):
    for values in (
        VALUES,
        {k: v.astype(np.float32) for k, v in VALUES.items()},
        {"X": [[1, 2, 3]], "W": [[1, 0]] * 3},
    ):
        results = run(PROGRAM, values, precision)
        assert {str(r.dtype) for r in results.values()} == {precision}
        assert results["Z"].shape == (len(values["X"]), 2)
        assert results["total"].shape == ()


def test_constants_and_plain_numbers_have_it_too():
    x = cr.symbols("x")
    program = trace({"one": cr.gradient(x, x), "half": 1 / cr.operations["size"](of="B"), "x": x}, inputs=[x, X])
    results = run(program, {"x": 1.0, "X": VALUES["X"]}, "float32")
    assert results == {"one": 1, "half": 0.25, "x": 1}
    assert all(r.dtype == np.float32 for r in results.values())


def test_unknown_precision():
    with pytest.raises(UnknownNameError, match="unknown dtype 'float16'"):
        compile_program(PROGRAM, "float16")


def test_results_are_arrays_of_their_own():
    a, v = cr.symbols("a"), cr.symbols("v", shape=(3,))
    program = trace({"spread": broadcast_to(a, shape=(2, 3)), "rows": broadcast_to(v, shape=(2, 3))})
    results = run(program, {"a": 1.5, "v": [1.0, 2.0, 3.0]})
    for result in results.values():
        result[0, 0] = 7
        assert result[1, 0] != 7


def test_inputs_are_not_changed():
    before = {k: v.copy() for k, v in VALUES.items()}
    run(cr.derive(cr.sum(cr.relu(X @ W) ** 2)), VALUES)
    for name, value in before.items():
        np.testing.assert_array_equal(VALUES[name], value)


def test_infinities_and_nan_pass_without_a_warning():
    x = cr.symbols("x", shape=(3,))
    results = run(trace({"y": cr.log(x), "z": 1 / x}), {"x": [-1.0, 0.0, np.inf]})
    np.testing.assert_array_equal(results["y"], [np.nan, -np.inf, np.inf])
    np.testing.assert_array_equal(results["z"], [-1, np.inf, 0])


def test_no_rows_at_all():
    results = run(PROGRAM, {"X": np.ones((0, 3)), "W": np.ones((3, 2))})
    assert results["Z"].shape == (0, 2)
    assert results["total"] == 0


def test_lists_and_read_only_arrays_are_taken():
    frozen = np.ones((2, 3))
    frozen.flags.writeable = False
    assert run(PROGRAM, {"X": frozen, "W": [[1, 2]] * 3})["Z"].tolist() == [[3, 6], [3, 6]]


def test_every_variable_by_name():
    h = cr.tanh((X @ W).named("z")).named("h")
    program = trace({"loss": cr.sum(h)})
    everything = run_all(program, VALUES)
    assert set(everything) == {"X", "W", "z", "h", "loss"}
    np.testing.assert_allclose(everything["h"], np.tanh(VALUES["X"] @ VALUES["W"]), rtol=1e-15)
    assert everything["loss"] == run(program, VALUES)["loss"]


def test_one_output_and_no_inputs():
    x = cr.symbols("x")
    assert run(trace({"y": 2 * x}), {"x": 3}) == {"y": 6}
    assert run(trace({"y": cr.tanh(0.0)}), {}) == {"y": 0}


def test_prepare_converts_once():
    prepared = prepare(PROGRAM, {"X": [[1, 2, 3]], "W": np.ones((3, 2), np.float32)}, "float32")
    assert {str(v.dtype) for v in prepared.values()} == {"float32"}
    same = prepare(PROGRAM, VALUES, "float64")
    assert same["X"] is VALUES["X"]


def test_tracebacks_show_the_printed_line():
    program = trace({"y": cr.operations["take"](cr.symbols("T", shape=(2, 3)), symbol("k", (1,), "int"))})
    with pytest.raises(IndexError) as caught:
        run(program, {"T": np.ones((2, 3)), "k": [5]})
    assert any("T[k]" in (frame.line or "") for frame in traceback.extract_tb(caught.value.__traceback__))


def test_a_program_runs_when_called():
    program = cr.derive(cr.sum(X @ W), wrt="W")
    assert program(**VALUES)["dW"].dtype == np.float64
    assert program(**VALUES, dtype="float32")["dW"].dtype == np.float32
    with pytest.raises(ArgumentError, match="needs a value for"):
        program(X=VALUES["X"])
