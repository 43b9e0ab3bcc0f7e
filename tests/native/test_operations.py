"""Every registered operation on the native engine, from its record alone: no code per operation."""

import numpy as np
import pytest
from agreement import NAN_BYTES, WIDTHS, assert_outputs
from programs import together

import chainrule as cr
from chainrule.engines import numpy as reference
from chainrule.engines.native.call import NativeCall, run
from chainrule.engines.native.target import host
from chainrule.testing import assert_case, cases
from chainrule.trace import trace

BOUNDS = {"float32": 1e-5, "float64": 1e-13}


@pytest.mark.parametrize("operation", cr.operations.values(), ids=lambda o: o.name)
def test_value_and_derivatives_of_every_example(operation):
    program, values = together([operation])
    for precision, bound in BOUNDS.items():
        wanted = reference.run(program, values, precision)
        for width in WIDTHS:
            call = NativeCall(program, precision, {"B": 3}, target=host(width), fill=NAN_BYTES)
            assert_outputs(call.run(values), wanted, bound)
            call.arena.check()


def test_the_engine_can_be_named_where_operations_are_checked():
    for case in cases(cr.tanh):
        assert_case(case, engines=(run,))


def test_inputs_are_checked_as_on_numpy():
    program = trace({"y": symbol_of_shape("X", ("B", 3)) * 2})
    call = NativeCall(program, sizes={"B": 4})
    assert call.run({"X": np.ones((2, 3))})["y"].tolist() == [[2.0] * 3] * 2
    with pytest.raises(cr.ShapeError, match=r"X has shape \(2, 4\)"):
        call.run({"X": np.ones((2, 4))})
    with pytest.raises(cr.ArgumentError, match="needs a value for X"):
        call.run({})
    with pytest.raises(cr.ArgumentError, match="at most 4 rows, not 5"):
        call.run({"X": np.ones((5, 3))})
    with pytest.raises(cr.ArgumentError, match="needs a number for its sizes B"):
        NativeCall(program)


def symbol_of_shape(name, shape, dtype="float"):
    return cr.symbols(name, shape=shape, dtype=dtype)


def test_no_rows_at_all():
    X = symbol_of_shape("X", ("B", 3))
    program = trace({"y": cr.tanh(X) @ X.T, "total": X.sum(), "each": X.sum(axis=0)})
    given = NativeCall(program, sizes={"B": 4}).run({"X": np.ones((0, 3))})
    assert_outputs(given, reference.run(program, {"X": np.ones((0, 3))}), 0.0)


@pytest.mark.parametrize("row", [-1, 4, 2**40, -(2**63)])
def test_a_row_number_outside_its_table_is_refused(row):
    table, i = symbol_of_shape("table", (4, 3)), symbol_of_shape("i", ("B",), "int")
    x = symbol_of_shape("x", ("B", 3))
    added = cr.operations["add_rows"](x, i, shape=(4, 3))
    numbers = np.array([0, row, 3])
    for value in (cr.take(table, i), added):
        program = trace({"v": value})
        values = {"table": np.ones((4, 3)), "i": numbers, "x": np.ones((3, 3))}
        call = NativeCall(program, sizes={"B": 3})
        with pytest.raises(cr.DataError, match=f"i holds {row}, but what it reads has the rows 0 to 3"):
            call.run({v.name: values[v.name] for v in program.inputs})


@pytest.mark.parametrize("code", [7.0, -1.0, np.nan, np.inf, 1e300])
def test_a_row_number_made_from_floats_is_refused(code):
    table, x = symbol_of_shape("table", (4, 3)), symbol_of_shape("x", ("B",))
    call = NativeCall(trace({"v": cr.take(table, cr.operations["to_int"](x))}), sizes={"B": 2})
    with pytest.raises(cr.DataError, match="has the rows 0 to 3"):
        call.run({"table": np.ones((4, 3)), "x": np.array([1.0, code])})


@pytest.mark.parametrize("scale", [1.0, 1e300, np.nan, -1e9])
def test_row_numbers_that_only_the_machine_knows_stay_inside(scale):
    """What they would have read outside is NaN."""
    table, x, w = symbol_of_shape("table", (4, 3)), symbol_of_shape("x", ("B", 2)), symbol_of_shape("w", (2, 1))
    index = cr.operations["to_int"]((x @ w).reshape("B"))
    rows = cr.take(table, index)
    program = trace({"v": rows, "s": cr.operations["add_rows"](rows, index, shape=(4, 3))})
    call = NativeCall(program, sizes={"B": 2}, fill=NAN_BYTES)
    values = {"table": np.arange(12.0).reshape(4, 3), "x": np.array([[1.0, 0], [3, 0]]), "w": np.array([[scale], [0]])}
    given = call.run(values)["v"]
    call.arena.check()
    if scale == 1.0:
        assert given.tolist() == [[3.0, 4, 5], [9, 10, 11]]
    elif not np.isnan(scale):
        assert np.isnan(given).all()
