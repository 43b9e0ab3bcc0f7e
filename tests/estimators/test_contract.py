"""The contract of scikit-learn's estimators, as scikit-learn itself checks it."""

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)

import chainrule as cr

SMALL = {"hidden_layer_sizes": (16,), "n_members": 2, "max_iter": 12, "learning_rate_init": 0.02}
"""So that the checks take seconds; they hold for the defaults as well."""

ESTIMATORS = [
    kind(**settings) for kind in (cr.MLPClassifier, cr.MLPRegressor) for settings in (SMALL, {"recipe": "sklearn"})
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_finds_nothing_against_the_estimators(estimator, check):
    check(estimator)


FURTHER = [check_param_validation, check_dataframe_column_names_consistency, check_inplace_ensure_writeable]


@pytest.mark.parametrize("check", FURTHER, ids=lambda c: c.__name__)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_public_checks_that_scikit_learn_runs_on_its_own_classes_alone_hold_too(estimator, check):
    check(type(estimator).__name__, estimator)
