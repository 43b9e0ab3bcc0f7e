"""scikit-learn's own tests of its multilayer perceptrons, run with the estimators of this package in their place."""

import inspect
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

import chainrule as cr

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"


def suite():
    """The functions of the installed version's test module, over the estimators of this package."""
    path = Path(find_spec("sklearn.neural_network.tests.test_mlp").origin)
    source = path.read_text(encoding="utf-8")
    assert IMPORT in source
    names = {n: partial(getattr(cr, n), recipe="sklearn") for n in ("MLPClassifier", "MLPRegressor")}
    space = {"__name__": __name__, **names}
    exec(compile(source.replace(IMPORT, "\n"), str(path), "exec"), space)
    return {name: value for name, value in space.items() if name.startswith("test_") and inspect.isfunction(value)}


@pytest.fixture
def global_random_seed():
    return 0


globals().update(suite())
