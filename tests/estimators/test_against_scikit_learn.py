"""The same path as scikit-learn's estimators, from the same random state."""

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS = load_iris(return_X_y=True)
X_DIABETES, Y_DIABETES = load_diabetes(return_X_y=True)
COMMON = {"shuffle": False, "random_state": 3, "max_iter": 15}


def largest_difference(ours, theirs):
    pairs = zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd"},
        {"solver": "sgd", "batch_size": 50, "alpha": 1.0, "hidden_layer_sizes": (7, 5), "activation": "tanh"},
        {"solver": "sgd", "momentum": 0.0, "learning_rate": "invscaling", "power_t": 0.3},
        {"solver": "sgd", "nesterovs_momentum": False, "activation": "logistic"},
        {"solver": "adam", "alpha": 1.0, "activation": "tanh", "epsilon": 1e-14},
    ],
    ids=str,
)
def test_a_classifier_follows_that_of_scikit_learn(settings):
    ours = cr.MLPClassifier(recipe="sklearn", **COMMON | settings).fit(*IRIS)
    theirs = neural_network.MLPClassifier(**COMMON | settings).fit(*IRIS)
    assert largest_difference(ours, theirs) < 1e-10
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.out_activation_ == theirs.out_activation_


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_follows_that_of_scikit_learn(loss):
    settings = COMMON | {"loss": loss, "solver": "sgd", "learning_rate_init": 1e-5}
    ours = cr.MLPRegressor(recipe="sklearn", **settings).fit(X_DIABETES, Y_DIABETES)
    theirs = neural_network.MLPRegressor(**settings).fit(X_DIABETES, Y_DIABETES)
    np.testing.assert_allclose(ours.predict(X_DIABETES), theirs.predict(X_DIABETES), rtol=1e-8)


def test_several_outputs_are_learnt_as_in_scikit_learn():
    """There the loss that is shown is the mean over outputs, the gradient that of the sum; here both are the sum."""
    Y = np.column_stack([Y_DIABETES, -2 * Y_DIABETES, X_DIABETES[:, 0]]) / 100
    settings = COMMON | {"solver": "sgd", "alpha": 0.0}
    ours = cr.MLPRegressor(recipe="sklearn", **settings).fit(X_DIABETES, Y)
    theirs = neural_network.MLPRegressor(**settings).fit(X_DIABETES, Y)
    assert largest_difference(ours, theirs) < 1e-12
    np.testing.assert_allclose(ours.loss_curve_, 3 * np.array(theirs.loss_curve_), rtol=1e-9)


def test_weights_of_rows_count_as_in_scikit_learn():
    weight = np.linspace(0.5, 3, len(Y_DIABETES))
    settings = COMMON | {"solver": "sgd", "batch_size": len(Y_DIABETES), "learning_rate_init": 1e-5, "alpha": 2.0}
    ours = cr.MLPRegressor(recipe="sklearn", **settings).fit(X_DIABETES, Y_DIABETES, sample_weight=weight)
    theirs = neural_network.MLPRegressor(**settings).fit(X_DIABETES, Y_DIABETES, sample_weight=weight)
    np.testing.assert_allclose(ours.predict(X_DIABETES), theirs.predict(X_DIABETES), rtol=1e-8)


def test_training_ends_at_the_epoch_at_which_it_ends_in_scikit_learn():
    settings = {"shuffle": False, "random_state": 0, "solver": "sgd", "tol": 0.02, "n_iter_no_change": 3}
    ours = cr.MLPClassifier(recipe="sklearn", **settings).fit(*IRIS)
    theirs = neural_network.MLPClassifier(**settings).fit(*IRIS)
    assert ours.n_iter_ == theirs.n_iter_ < 200
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-9)
