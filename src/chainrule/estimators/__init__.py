"""scikit-learn estimators: a table's columns in, a trained network behind scikit-learn's contract."""

try:
    import sklearn  # noqa: F401  (said here once, before the first class needs it)
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "cr.MLPClassifier and cr.MLPRegressor need scikit-learn: pip install 'chainrule[sklearn]'", name="sklearn"
    ) from None

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
