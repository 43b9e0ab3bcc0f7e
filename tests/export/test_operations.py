"""Every operation of the registry in every format, on the arguments that its own tests draw."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.cases import CONDITION, INTEGERS, SIZES, cases
from chainrule.engines.numpy import run
from chainrule.errors import ArgumentError
from chainrule.export import onnx, sources, subject_of_network
from chainrule.export.python import lists
from chainrule.export.python.moves import flat
from chainrule.export.python.statements import function
from chainrule.export.sources.file import FRAMEWORKS
from chainrule.expression import symbol
from chainrule.shapes import concrete
from chainrule.trace import trace

# A prediction draws no random numbers, and only a derivative adds rows up.
OPERATIONS = [o for o in cr.operations.values() if o.name not in ("uniform", "add_rows")]
BOUND = {"float32": 1e-5, "float64": 1e-12}


def program_of(case):
    """The operation as a network's prediction: of floats alone, to a float."""
    symbols, arguments = [], []
    for name, value in case.values.items():
        shape = ("B",) if not case.names else value.shape
        x = symbol(name, shape)
        symbols.append(x)
        kind = case.operation.arguments[0] if case.operation.variadic else name
        arguments.append(cr.operations["to_int"](x) if kind in INTEGERS else x > 0.5 if kind == CONDITION else x)
    result = case.operation(*(arguments if case.names else ()), **case.attributes)
    if result.dtype != "float":
        result = cr.operations["to_float"](result)
    return trace({"prediction": result + 0.0 * symbols[0].sum()}, name="predict", inputs=symbols)


def assert_close(found, program, values, precision):
    expected = run(program, values, "float64")["prediction"]
    shape = concrete(program.output("prediction").shape, SIZES)
    assert np.shape(found) == shape
    bound = BOUND[precision] * np.maximum(1, np.abs(expected))
    assert np.all(np.abs(found - expected) <= bound)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_onnx_computes_every_operation(operation, precision, tmp_path):
    for case in cases(operation):
        program = program_of(case)
        subject = subject_of_network(program, {}, precision)
        path = tmp_path / "net.onnx"
        path.write_bytes(onnx.render(subject, "net", None)["net.onnx"])
        rows = {name: np.asarray(value, precision) for name, value in case.values.items()}
        assert_close(onnx.run(path, rows, subject)["prediction"], program, case.values, precision)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_plain_python_computes_every_operation(operation):
    names = vars(lists) | {name: getattr(math, name) for name in ("cos", "erf", "sin", "tanh")}
    for case in cases(operation):
        program = program_of(case)
        exec(function(subject_of_network(program, {}, "float64").network.program), names)
        # A file predicts one row: the named size B is 1.
        values = case.values if case.names else {"rows": np.ones(1)}
        rows = [np.ravel(value).tolist() for value in values.values()]
        found = names["network"](*(row[0] if len(row) == 1 else row for row in rows))
        shape = flat(program.output("prediction").shape)
        expected = run(program, values, "float64")["prediction"]
        assert np.allclose(np.reshape(found, shape), expected, rtol=1e-12, atol=1e-12)


# Keras warns of a softmax over one class, and on PyTorch of its own call of NumPy.
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("framework", ["numpy", "jax", "torch", "keras"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_frameworks_compute_every_operation(operation, framework, tmp_path, monkeypatch):
    pytest.importorskip(framework)
    for case in cases(operation)[:4]:
        program = program_of(case)
        if any(v.shape == () for v in program.inputs) or program.output("prediction").shape == ():
            continue  # networks take and give rows
        subject = subject_of_network(program, {}, "float32")
        files = sources.render(subject, "net", None, FRAMEWORKS[framework])
        for name, content in files.items():
            Path(tmp_path, name).write_bytes(content)
        rows = {name: np.asarray(value, np.float32) for name, value in case.values.items()}
        assert_close(sources.run(tmp_path / "net.py", rows, subject)["prediction"], program, case.values, "float32")


@pytest.mark.parametrize("render", [onnx.render, sources.render], ids=["onnx", "torch"])
def test_random_numbers_are_refused(render):
    key, step = symbol("key", (), "int"), symbol("step", (), "int")
    program = trace({"prediction": cr.operations["uniform"](key, step, shape=(3, 2))}, name="predict")
    more = (FRAMEWORKS["torch"],) if render is sources.render else ()
    with pytest.raises(ArgumentError, match="uniform has no form"):
        render(subject_of_network(program, {}, "float32"), "net", None, *more)
