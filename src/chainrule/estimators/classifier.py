"""The classifier."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if

from chainrule.errors import ArgumentError
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.parameters import AUTO, Constraints, Parameters, has_steps, loss_constraints
from chainrule.estimators.targets import Classes
from chainrule.losses import Loss, binary_cross_entropy, cross_entropy, loss_of
from chainrule.training.metrics import Metric

Array = NDArray[Any]


def _gives_probabilities(estimator: MLPClassifier) -> bool:
    if estimator._middle:
        return True
    raise AttributeError("a loss over signs, such as the hinge loss, gives no probabilities: use predict")


@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A classifier: a multilayer perceptron behind scikit-learn's contract.

    Args:
        hidden_layer_sizes: the units of each hidden layer, or layers such as ``cr.Residual(...)`` in their place.
        activation: of the hidden layers, or one for each: scikit-learn's names, this package's, or an operation.
        loss: ``"log_loss"``, the name of a loss, or a formula over prediction and target.
        label_smoothing: the share of a target that is spread over all classes.
        class_weight: factors of the rows of each class, or ``"balanced"``.
        **others: see :class:`chainrule.estimators.parameters.Parameters`.

    Attributes:
        classes_: the classes, sorted.
        **others: see :class:`chainrule.estimators.learnt.Learnt`.

    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]] * 5, ["low", "low", "high", "high"] * 5
    >>> model = cr.MLPClassifier(random_state=0).fit(X, y)
    >>> model.predict([[0.5], [2.5]]).tolist()
    ['low', 'high']
    >>> bool(model.check())
    True
    """

    hidden_layer_sizes: Any = AUTO
    activation: Any = AUTO
    _: KW_ONLY
    loss: Any = AUTO
    label_smoothing: Any = AUTO
    class_weight: Any = None

    _parameter_constraints: ClassVar[Constraints] = {
        **Parameters._parameter_constraints,
        "loss": loss_constraints("log_loss"),
        "label_smoothing": [StrOptions({AUTO}), Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    @available_if(has_steps)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Learn one epoch more.

        Args:
            X: features, as for :meth:`fit`.
            y: their classes.
            sample_weight: how much each row counts.
            classes: all classes that there are; needed in the first call, and only there.

        Returns:
            The estimator.
        """
        self._validate_params()
        first = not hasattr(self, "members_")
        if first and classes is None:
            raise ArgumentError("classes must be passed on the first call to partial_fit: y may not hold all of them")
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ArgumentError(f"classes={classes!r} are not those of the first call, {self.classes_!r}")
        return self._learn_once(X, y, sample_weight, classes)

    def predict(self, X: Any) -> Array:
        """The class of each row, shape (rows,); of yes-or-no labels 0 or 1, shape (rows, labels)."""
        raw = self._raw(X)  # an error here if it is not fitted
        return self._classes.decode(raw, self._middle)

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape (rows, classes); of each yes, shape (rows, labels)."""
        raw = self._raw(X)
        return self._classes.probabilities(raw.astype(self._given))

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of :meth:`predict_proba`; of a probability that is 0 to rounding, minus infinity."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    @property
    def _middle(self) -> float:
        """What lies between no and yes: 0 between signs, else one half."""
        return 0.0 if self._loss_like().target == "signs" else 0.5

    def _loss_like(self) -> Loss:
        """The loss as it was asked for; which cross-entropy it is, the classes decide."""
        named = isinstance(self.loss, str) and self.loss in (AUTO, "log_loss")
        return cross_entropy() if named else loss_of(self.loss)

    def _loss(self) -> Loss:
        given = self._loss_like()
        if isinstance(self.loss, str) and self.loss in (AUTO, "log_loss"):
            return cross_entropy() if self._classes.exclusive else binary_cross_entropy()
        return given

    def _smooths(self) -> bool:
        return self.label_smoothing != AUTO or (isinstance(self.loss, str) and self.loss in (AUTO, "log_loss"))

    def _link(self) -> str:
        if self._loss_like().target == "signs":
            return "linear"
        return "softmax" if self._classes.exclusive else "sigmoid"

    def _learn_target(self, y: Any, classes: Any) -> None:
        self._classes = Classes.learn(y, classes)
        self.classes_ = self._classes.labels

    def _compare_target(self, y: Any) -> None:
        found = Classes.learn(y).labels
        if not np.array_equal(found, self.classes_):
            raise ArgumentError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found}"
            )

    @property
    def _outputs(self) -> int:  # type: ignore[override]
        return self._classes.outputs

    def _numbers(self, y: Any) -> Array:
        return self._classes.codes(y)

    def _learn_scale(self, numbers: Array, *, scaled: bool) -> None:
        """Classes have none."""

    def _targets(self, numbers: Array) -> Array:
        return numbers if self._loss().target == "classes" else self._classes.shares(numbers)

    def _factors(self, numbers: Array) -> Array | None:
        if self.class_weight is None:
            return None
        labels = numbers if self._classes.multilabel else self.classes_[numbers]
        return np.asarray(compute_sample_weight(self.class_weight, labels))

    def _strata(self, numbers: Array) -> Array | None:
        return None if self._classes.multilabel else self.classes_[numbers]

    def _score(self) -> Metric:
        middle, classes = self._middle, self._classes

        def score(prediction: Array, target: Array, weight: Array | None) -> float:
            right = classes.chosen(prediction, middle) == classes.chosen(target, middle)
            return float(np.average(right.reshape(len(right), -1).all(axis=1), weights=weight))

        return Metric("score", score, larger_is_better=True, weighted=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
