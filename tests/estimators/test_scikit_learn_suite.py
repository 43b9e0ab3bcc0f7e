"""scikit-learn's own tests of its multilayer perceptrons, run with the estimators of this package in their place."""

import inspect
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

import chainrule as cr

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"

INSIDE = "looks at or replaces private attributes of scikit-learn's implementation"
EXCEPTIONS = {
    "test_fit": INSIDE,
    "test_gradient": INSIDE,
    "test_learning_rate_warmstart": INSIDE,
    "test_adaptive_learning_rate": INSIDE,
    "test_n_iter_no_change": INSIDE,
    "test_n_iter_no_change_inf": INSIDE,
    "test_nonfinite_params": "the error names the step, the line and the row, in words of its own",
    "test_mlp_diverging_loss": "training that diverges is an error here, with early stopping too",
    "test_early_stopping_stratified": "the class with too few rows is named by its label, 1, not by True",
    "test_lbfgs_classification_maxfun": "max_fun limits iterations; two digits are told apart in fewer than ten",
}
"""Tests that do not apply, each with its reason."""


def suite():
    """The functions of the installed version's test module, over the estimators of this package."""
    path = Path(find_spec("sklearn.neural_network.tests.test_mlp").origin)
    source = path.read_text(encoding="utf-8")
    assert IMPORT in source
    names = {n: partial(getattr(cr, n), recipe="sklearn") for n in ("MLPClassifier", "MLPRegressor")}
    space = {"__name__": __name__, **names}
    exec(compile(source.replace(IMPORT, "\n"), str(path), "exec"), space)
    return {name: value for name, value in space.items() if name.startswith("test_") and inspect.isfunction(value)}


SUITE = suite()
globals().update({name: test for name, test in SUITE.items() if name not in EXCEPTIONS})
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def global_random_seed():
    return 0


def test_every_exception_is_a_test_that_there_is():
    assert set(EXCEPTIONS) <= set(SUITE)
