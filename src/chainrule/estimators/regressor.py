"""The regressor."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import d2_pinball_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array

from chainrule.errors import ArgumentError
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.parameters import AUTO, Constraints, Parameters, has_steps, loss_constraints
from chainrule.estimators.targets import Numbers
from chainrule.expression import Expression
from chainrule.losses import Loss, half_squared_error, loss_of
from chainrule.ops.arithmetic import maximum
from chainrule.training.metrics import Metric, r2

Array = NDArray[Any]

UNIT_FREE: Final = frozenset(
    {"squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "quantile", "quantiles"}
)
"""Losses whose best prediction moves and stretches with the target, so that it may be learnt in units of its own."""


@dataclass(eq=False, repr=False)
class MLPRegressor(MultiOutputMixin, RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A regressor: a multilayer perceptron behind scikit-learn's contract.

    Args:
        loss: ``"squared_error"`` (half of it, summed over outputs), ``"poisson"``, the name of a loss, or a formula
            over prediction and target.
        hidden_layer_sizes: the units of each hidden layer, or layers such as ``cr.Residual(...)`` in their place.
        activation: of the hidden layers, or one for each: scikit-learn's names, this package's, or an operation.
        quantiles: such as ``(0.1, 0.5, 0.9)``: these are predicted, a column for each, in order.
        **others: see :class:`chainrule.estimators.parameters.Parameters`.

    Attributes:
        **others: see :class:`chainrule.estimators.learnt.Learnt`.

    >>> import chainrule as cr
    >>> X = [[i / 10] for i in range(30)]
    >>> y = [x * x for (x,) in X]
    >>> model = cr.MLPRegressor(random_state=0, max_iter=200).fit(X, y)
    >>> model.score(X, y) > 0.98
    True
    """

    loss: Any = AUTO
    hidden_layer_sizes: Any = AUTO
    activation: Any = AUTO
    _: KW_ONLY
    quantiles: Any = None

    _parameter_constraints: ClassVar[Constraints] = {
        **Parameters._parameter_constraints,
        "loss": loss_constraints(),
        "quantiles": ["array-like", None],
    }

    @available_if(has_steps)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn one epoch more.

        Args:
            X: features, as for :meth:`fit`.
            y: their targets.
            sample_weight: how much each row counts.

        Returns:
            The estimator.
        """
        self._validate_params()
        return self._learn_once(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """The prediction for each row, shape (rows,) or (rows, outputs); of quantiles, shape (rows, quantiles)."""
        output = self._raw(X)
        values = self._target.decode(output).astype(self._given)
        if self.quantiles is not None:
            return np.sort(values, axis=1)
        return values[:, 0] if self._target.vector else values

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The R^2 of predictions; of quantiles, the mean of the D^2 of each (see scikit-learn's d2_pinball_score)."""
        if self.quantiles is None:
            return float(super().score(X, y, sample_weight))
        return self._pinball_score(self.predict(X), np.asarray(y).reshape(len(y), -1), sample_weight)

    def _pinball_score(self, prediction: Array, target: Array, weight: Any) -> float:
        """The mean of the D^2 of each quantile, a column each."""
        scores = [
            d2_pinball_score(target[:, 0], p, sample_weight=weight, alpha=q)
            for p, q in zip(prediction.T, self.quantiles, strict=True)
        ]
        return float(np.mean(scores))

    def _loss(self) -> Loss:
        if self.quantiles is not None:
            return Loss("quantiles", _pinball(tuple(float(q) for q in self.quantiles)))
        if isinstance(self.loss, str) and self.loss in (AUTO, "squared_error"):
            return half_squared_error()
        return loss_of(self.loss)

    def _smooths(self) -> bool:
        return False

    def _link(self) -> str:
        return self._loss().link

    def _learn_target(self, y: Any, classes: Any) -> None:
        if self.quantiles is not None:
            wanted = np.asarray(self.quantiles, np.float64)
            if wanted.ndim != 1 or not len(wanted) or not ((wanted > 0) & (wanted < 1)).all():
                raise ArgumentError(f"quantiles are numbers between 0 and 1, not {self.quantiles!r}")
            if self.loss not in (AUTO, "quantile"):
                raise ArgumentError("quantiles have a loss of their own: leave loss out")

    def _numbers(self, y: Any) -> Array:
        y = check_array(y, ensure_2d=False, dtype=(np.float64, np.float32), input_name="y", estimator=self)
        if self.quantiles is not None and y.reshape(len(y), -1).shape[1] > 1:
            raise ArgumentError(f"quantiles are of one target, but y has {y.shape[1]} columns")
        return np.asarray(y)

    def _learn_scale(self, numbers: Array, *, scaled: bool) -> None:
        self._target = Numbers.learn(numbers, scaled=scaled and self._loss().name in UNIT_FREE)

    @property
    def _outputs(self) -> int:  # type: ignore[override]
        return len(self._target.centre) if self.quantiles is None else len(self.quantiles)

    def _targets(self, numbers: Array) -> Array:
        encoded = self._target.encode(numbers)
        return encoded if self.quantiles is None else np.repeat(encoded, len(self.quantiles), axis=1)

    def _factors(self, numbers: Array) -> None:
        return None

    def _strata(self, numbers: Array) -> None:
        return None

    def _score(self) -> Metric:
        of = _r2 if self.quantiles is None else self._pinball_score
        return Metric("score", of, larger_is_better=True, weighted=True)


def _r2(prediction: Array, target: Array, weight: Array | None) -> float:
    """The mean R^2 of the outputs, as scikit-learn has it: targets that are all the same count as not explained."""
    return float(
        np.nan_to_num([r2(p[:, None], t[:, None], weight) for p, t in zip(prediction.T, target.T, strict=True)]).mean()
    )


def _pinball(quantiles: tuple[float, ...]) -> Any:
    """The sum of the pinball losses of several quantiles, an output for each."""

    def pinball(prediction: Expression, target: Expression) -> Expression:
        total: Any = 0
        for n, q in enumerate(quantiles):
            error = target[:, n : n + 1] - prediction[:, n : n + 1]
            total = maximum(q * error, (q - 1) * error) + total
        return total  # type: ignore[no-any-return]

    return pinball
