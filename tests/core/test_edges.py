"""What users run into first: wrong rules, names that are taken, texts that must run alone."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.expression import Operation, Spelling
from chainrule.shapes import broadcast

x, y = cr.symbols("x y")


def with_rule(vjp):
    """The square, with a rule of our own."""
    spelling = Spelling("{x:41} ** 2", 40)
    return Operation("square", ("x",), broadcast, spelling, spelling, spelling, vjp=vjp)


@pytest.mark.parametrize(
    ("vjp", "message"),
    [
        (lambda g, y, x: (), "the rule of square gives 0 adjoints, where a sequence of 1 is needed"),
        (lambda g, y, x: 2 * g * x, "the rule of square gives one expression, where a sequence of 1 is needed"),
    ],
)
def test_a_rule_of_the_wrong_form_is_named(vjp, message):
    with pytest.raises(cr.ProgramError, match=message):
        cr.derive(with_rule(vjp)(x))


def test_a_truth_value_has_no_derivative():
    with pytest.raises(cr.NotDifferentiableError, match="a truth value"):
        cr.derive(x > 0)


def test_only_formulas_and_programs_are_derived():
    with pytest.raises(cr.ArgumentError, match=r"an expression or a program, not 3\.0"):
        cr.derive(3.0)


@pytest.mark.parametrize("name", ["np", "dtype", "sigmoid", "softmax", "uniform"])
def test_names_that_printed_programs_use_are_refused(name):
    with pytest.raises(cr.ProgramError, match=f"{name} is a name that printed programs use"):
        cr.derive(cr.symbols(name) * x)


def test_names_that_only_operations_have_are_free():
    total = cr.symbols("sum")
    assert cr.derive(total * x)(sum=2.0, x=3.0)["dsum"] == 3.0


def test_a_size_that_no_input_carries_is_refused():
    rows = cr.symbols("rows", shape=("B", 4))
    with pytest.raises(cr.ProgramError, match="the size B, which no input carries"):
        cr.evaluate(cr.sum(cr.gradient(cr.sum(rows), rows) * 2))


def test_settings_may_follow_the_arguments():
    a = cr.symbols("a", shape=(2, 3))
    assert cr.reshape(a, (3, 2)).shape == (3, 2)
    assert cr.transpose(a, (1, 0)).shape == (3, 2)
    assert cr.sum(a, 0).shape == (3,)
    with pytest.raises(cr.ArgumentError, match=r"transpose\(x, axes\) was called with"):
        cr.transpose(a, (1, 0), 2)


@pytest.mark.parametrize("operation", [cr.softmax, cr.log_softmax, cr.logsumexp])
def test_one_axis_is_needed_where_one_is_meant(operation):
    with pytest.raises(cr.ShapeError, match=r"one axis is needed, not \(0, 1\)"):
        operation(cr.symbols("a", shape=(2, 3)), axis=(0, 1))


@pytest.mark.parametrize("dtype", ["int64", "flaot"])
def test_element_types_have_no_width(dtype):
    with pytest.raises(cr.ArgumentError, match="is 'float', 'int' or 'bool'"):
        cr.symbols("i", dtype=dtype)


def test_a_kink_has_a_slope_for_each_argument():
    with pytest.raises(cr.ArgumentError, match="a kink has a tuple of arguments and one of slopes"):
        cr.Kink((0.5,), 0.0, "no tuple")


def test_an_operation_has_a_name_that_can_be_printed():
    with pytest.raises(cr.ProgramError, match="'my op' cannot be the name"):
        cr.elementwise("my op", "x", expansion=lambda x: x)


def test_the_power_rule_at_zero():
    """As in PyTorch: d x^0/dx = 0 also at 0; the slope by the exponent is 0 where the base is not positive."""
    slopes = cr.derive(x**y)
    assert slopes(x=0.0, y=0.0)["dx"] == 0
    second = cr.derive(slopes, output="dy")
    assert np.isfinite(second(x=-2.0, y=3.0)["ddy_dx"])


def test_higher_derivatives_in_latex():
    third = cr.derive(cr.derive(cr.derive(x**4 * y), output="dx"), output="ddx_dx")
    latex = third.latex()
    assert r"\frac{\partial^{3} \mathit{value}}{\partial x^{3}}" in latex
    assert r"\frac{\partial^{3} \mathit{value}}{\partial x^{2} \partial y}" in latex


NETWORKS = {
    "huber": cr.mlp([2, 3, 1], loss="huber"),
    "dropout": cr.Network(cr.Dense(3, "gelu"), cr.Dropout(0.5), cr.Dense(2), loss="cross_entropy", inputs=2),
    "embedding": cr.Network(cr.Embedding(4, 3), cr.Dense(1), inputs=2),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_text_runs_by_itself(name, tmp_path):
    """In a fresh process, against the same program in this one."""
    net = NETWORKS[name]
    program = net.program(training=True)
    rows = np.array([[0.0, 1.0], [2.0, 3.0]])
    target = np.eye(2) if name == "dropout" else np.ones((2, 1))
    values = {"X": rows, "Y": target, **net.parameters, "key": 7, "step": 3}
    values = {v.name: np.asarray(values[v.name], np.int64 if v.dtype == "int" else np.float64) for v in program.inputs}
    np.savez(tmp_path / "values.npz", **values)
    (tmp_path / "text.py").write_text(
        program.python(helpers=True)
        + "values = np.load('values.npz')\n"
        + f"print(float(loss_and_gradients(*(values[n] for n in {list(values)}))[0]))\n"
    )
    done = subprocess.run([sys.executable, "text.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(float(program(**values)["L"]), rel=1e-12)


def test_programs_are_short_to_look_at_and_can_be_pickled():
    program = cr.derive(cr.sigmoid(x * y))
    assert repr(program).startswith("<program value_and_gradients(x, y) -> value, dx, dy: ")
    before = program(x=1.0, y=2.0)
    assert pickle.loads(pickle.dumps(program))(x=1.0, y=2.0) == before
