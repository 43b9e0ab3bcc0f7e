"""Every registered operation on JAX, from its record alone: the same text, so the same values up to rounding."""

import jax
import numpy as np
import pytest
from agreement import assert_outputs
from programs import random_formula, together

import chainrule as cr
from chainrule.checking.cases import cases
from chainrule.engines import numpy as reference
from chainrule.engines.jax import JaxEngine, jax_call
from chainrule.engines.jax.call import run
from chainrule.engines.jax.namespace import scope, text_function
from chainrule.engines.threefry import uniform
from chainrule.testing import assert_case
from chainrule.trace import trace

PORTION = 12
"""Operations in one program: compiling takes the time."""

NAMES = list(cr.operations)


@pytest.mark.parametrize("names", [NAMES[i : i + PORTION] for i in range(0, len(NAMES), PORTION)], ids=" ".join)
def test_value_and_derivatives_of_every_example(names):
    program, values = together(cr.operations[name] for name in names)
    assert_outputs(run(program, values), reference.run(program, values), 1e-13)
    text = text_function(program, "float32", JaxEngine())
    with scope():
        shapes = jax.eval_shape(text, *reference.prepare(program, values, "float32").values())
    wanted = {"float": "float32", "int": "int64", "bool": "bool"}
    for (label, atom), made in zip(program.outputs, shapes, strict=True):
        weak = getattr(made, "weak_type", False)  # a Python number, which takes on the type of what it meets
        assert weak or made.dtype == wanted[getattr(atom, "dtype", "float")], label


@pytest.mark.parametrize("seed", range(4))
def test_random_formulas(seed):
    trial = random_formula(seed, steps=20)
    assert_outputs(run(trial.program, trial.values), reference.run(trial.program, trial.values), 1e-12, scale=1.0)


def test_engines_can_be_named_where_operations_are_checked():
    for case in cases(cr.softplus)[:1]:
        assert_case(case, engines=("numpy", "native", "jax"))
        with pytest.raises(cr.UnknownNameError, match="unknown engine 'julia'"):
            assert_case(case, engines=("julia",))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("key", "step", "shape"), [(0, 0, (5,)), (2**32 - 1, 7, (3, 4)), (12345, 2**31, (1, 1)), (1, 2, ())]
)
def test_random_numbers_are_those_of_numpy_bit_for_bit(precision, key, step, shape):
    numbers = cr.operations["uniform"]
    k, s = cr.symbols("k s", dtype="int")
    program = trace({"u": numbers(k, s, shape=shape, stream=3)})
    given = run(program, {"k": key, "s": step}, precision)["u"]
    assert np.array_equal(given, uniform(key, step, stream=3, shape=shape, dtype=np.dtype(precision).type))


def test_inputs_are_checked_as_on_numpy():
    call = jax_call(trace({"y": cr.symbols("X", shape=("B", 3)) * 2}), "float64")
    assert call.run({"X": np.ones((2, 3))})["y"].tolist() == [[2.0] * 3] * 2
    with pytest.raises(cr.ShapeError, match=r"X has shape \(2, 4\)"):
        call.run({"X": np.ones((2, 4))})
    with pytest.raises(cr.ArgumentError, match="needs a value for X"):
        call.run({})


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_number_outside_its_table_is_refused(row):
    table, i = cr.symbols("table", shape=(4, 3)), cr.symbols("i", shape=("B",), dtype="int")
    with pytest.raises(cr.DataError, match=f"i holds {row}, but what it reads has the rows 0 to 3"):
        run(trace({"v": cr.take(table, i)}), {"table": np.ones((4, 3)), "i": np.array([0, row, 3])})


def test_what_others_see_of_jax_stays_as_it_was():
    x = cr.symbols("x")
    assert run(trace({"y": cr.exp(x)}), {"x": 1.0})["y"] == pytest.approx(np.exp(1.0), rel=1e-15)
    assert jax.numpy.ones(1).dtype == np.float32, "doubles are switched on for our own calls alone"
    with scope():
        assert jax.numpy.ones(1).dtype == np.float64
    assert jax.config.jax_default_matmul_precision is None
