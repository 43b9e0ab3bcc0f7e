"""What a user sees of the package before using it: names, import, version."""

import importlib.metadata
import importlib.resources
import json
import subprocess
import sys

import pytest

import chainrule as cr

PROMISED = [
    "symbols",
    "exp",
    "log",
    "tanh",
    "sigmoid",
    "relu",
    "maximum",
    "abs",
    "sqrt",
    "sum",
    "mean",
    "derive",
    "mlp",
    "Network",
    "Dense",
    "Dropout",
    "Residual",
    "Adam",
    "AdamW",
    "SGD",
    "RMSProp",
    "Adagrad",
    "LBFGS",
    "load",
    "operation",
    "testing",
]

HEAVY = (
    "polars",
    "sklearn",
    "llvmlite",
    "jax",
    "torch",
    "matplotlib",
    "rich",
    "click",
    "jinja2",
    "safetensors",
)


@pytest.mark.parametrize("name", PROMISED)
def test_promised_names_are_exported(name):
    assert name in cr.__all__
    assert getattr(cr, name) is not None


@pytest.mark.parametrize("name", sorted(cr.__all__))
def test_every_exported_name_exists_and_is_described(name):
    value = getattr(cr, name)
    assert getattr(value, "__doc__", None), f"{name} has no docstring"


def test_the_version_is_that_of_the_distribution():
    assert importlib.metadata.version("chainrule") == cr.__version__


def in_fresh_process(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_importing_loads_nothing_heavy():
    loaded = in_fresh_process("import sys, json, chainrule; print(json.dumps(sorted(sys.modules)))")
    assert not set(HEAVY) & set(loaded)


def test_a_network_and_its_training_load_nothing_heavy():
    code = (
        "import sys, json, numpy, chainrule as cr; net = cr.mlp([2, 2, 1]); "
        "net.fit(numpy.zeros((4, 2)), numpy.zeros(4), epochs=1); print(json.dumps(sorted(sys.modules)))"
    )
    assert not set(HEAVY) & set(in_fresh_process(code))


def test_importing_is_quick():
    """In processor time, the best of five, since a busy machine says nothing about the package."""
    code = "import time; t = time.process_time(); import chainrule; print(time.process_time() - t)"
    assert min(in_fresh_process(code) for _ in range(5)) < 0.15


def test_importing_leaves_the_process_as_it_was():
    code = (
        "import json, random, warnings, signal, numpy as np; "
        "before = (random.getstate(), np.random.get_state()[1].tolist(), len(warnings.filters), np.geterr(), "
        "str(signal.getsignal(signal.SIGINT))); "
        "import chainrule as cr; cr.mlp([2, 2, 1]).fit(np.zeros((4, 2)), np.zeros(4), epochs=1); "
        "after = (random.getstate(), np.random.get_state()[1].tolist(), len(warnings.filters), np.geterr(), "
        "str(signal.getsignal(signal.SIGINT))); "
        "print(json.dumps(before == after))"
    )
    assert in_fresh_process(code) is True


@pytest.mark.parametrize("name", ["py.typed", "__init__.pyi", "report/templates"])
def test_what_belongs_to_the_package_besides_modules_is_there(name):
    assert importlib.resources.files("chainrule").joinpath(name).exists()
