"""What both estimators do: learn from rows, go on learning, keep what was learnt, show it."""

from __future__ import annotations

import re
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from chainrule.errors import ArgumentError, DataError
from chainrule.estimators.building import hidden_layers, start_as_sklearn
from chainrule.estimators.features import ArrayFeatures, Features, FrameFeatures, as_table
from chainrule.estimators.following import CallbackSupport, Follower, with_callbacks
from chainrule.estimators.parameters import Parameters
from chainrule.estimators.rows import Rows, counted_rows
from chainrule.estimators.settings import Settings, chosen
from chainrule.estimators.training import Trained, Watch, train_network
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.nn import Dense
from chainrule.training.metrics import Metric

if TYPE_CHECKING:
    from chainrule.certificates.certificate import Certificate
    from chainrule.explain import BackwardPass, Derivation, Notation

Array = NDArray[Any]

CHECKED_ROWS = 8
"""Training rows that are kept, for :meth:`BaseMLP.check`."""


class BaseMLP(CallbackSupport, Parameters):  # type: ignore[misc]
    """What :class:`chainrule.MLPClassifier` and :class:`chainrule.MLPRegressor` share."""

    # What differs between the two

    @abstractmethod
    def _learn_target(self, y: Any, classes: Any) -> None:
        """Learn what is predicted, from the first targets seen."""

    _outputs: int
    """The number of outputs of the network."""

    @abstractmethod
    def _numbers(self, y: Any) -> Array:
        """Targets as numbers, shape (rows,) or (rows, outputs)."""

    @abstractmethod
    def _learn_scale(self, numbers: Array, settings: Settings) -> None:
        """Learn what targets are measured in, from the rows to learn from."""

    @abstractmethod
    def _encode(self, numbers: Array) -> Array:
        """Targets as the network takes them."""

    @abstractmethod
    def _loss(self) -> Loss:
        """What is minimised."""

    @abstractmethod
    def _link(self) -> str:
        """The activation of the outputs."""

    @abstractmethod
    def _score(self) -> Metric:
        """The score, of outputs against encoded targets."""

    @abstractmethod
    def _factors(self, numbers: Array) -> Array | None:
        """What the weights of rows are multiplied with."""

    @abstractmethod
    def _strata(self, numbers: Array) -> Array | None:
        """What should occur in equal shares among the rows held back."""

    # Learning

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: Any = None) -> Self:
        """Learn from rows.

        Args:
            X: features, shape (rows, features): an array, a sparse matrix, or a table of pandas, Polars or Arrow.
            y: targets, shape (rows,) or (rows, outputs).
            sample_weight: how much each row counts, shape (rows,); rows of weight 0 are left out.
            validation: rows and targets to watch instead of held-back ones, a pair (X, y) or a triple with weights.

        Returns:
            The estimator.
        """
        self._validate_params()
        return self._learn(X, y, sample_weight, validation, go_on=self.warm_start)

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: Any,
        *,
        go_on: bool,
        once: bool = False,
        classes: Any = None,
    ) -> Self:
        first = not (go_on and hasattr(self, "network_"))
        features, y = self._checked(X, y, first)
        if first:
            self._learn_target(y, classes)
        numbers = self._numbers(y)
        rng = check_random_state(self.random_state)
        exchangeable = self.shuffle and self.recipe != "sklearn"
        places, weight = counted_rows(features, numbers, sample_weight, exchangeable=exchangeable)
        features, numbers = features[places], numbers[places]
        factors = self._factors(numbers)
        if factors is not None:
            weight = factors * (1 if weight is None else weight)
        settings = chosen(self, len(places), self.n_features_in_, _precision(features))
        if first:
            self._start(features, numbers, settings)
        rows = Rows(self._features.encode(features, settings.dtype), self._encode(numbers), weight)
        held = None if validation is None else self._held(validation, settings)
        if held is None and settings.early_stopping:
            rows, held = self._split(rows, numbers, settings, rng)
        self._train(rows, held, settings, rng, first=first, once=once)
        kept = slice(CHECKED_ROWS)
        self._kept_rows = rows[kept]
        return self

    def _learn_once(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping is True:
            raise ArgumentError("partial_fit does not support early_stopping=True: one epoch has nothing to stop")
        return self._learn(X, y, sample_weight, None, go_on=True, once=True, classes=classes)

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Any, Any]:
        """Features as an array of floats or a table, and targets, with scikit-learn's messages about them."""
        table = as_table(X)
        if table is None:
            settings = {"accept_sparse": "csr", "dtype": (np.float64, np.float32), "multi_output": True}
            finite = "allow-nan" if self.recipe != "sklearn" else True
            X, y = validate_data(self, X, y, reset=first, ensure_all_finite=finite, **settings)
            return (X.toarray() if issparse(X) else X), y
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        validate_data(self, X, reset=first, skip_check_array=True)
        y = check_array(y, accept_sparse="csr", ensure_2d=False, dtype=None, input_name="y", estimator=self)
        check_consistent_length(X, y)
        return table, y

    def _features_of(self, X: Any) -> Any:
        """Features to predict from, as an array of floats or a table."""
        check_is_fitted(self)
        table = as_table(X) if isinstance(self._features, FrameFeatures) else None
        if table is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return table
        finite = "allow-nan" if self.recipe != "sklearn" else True
        kinds = (np.float64, np.float32)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=kinds, ensure_all_finite=finite)
        return X.toarray() if issparse(X) else X

    def _start(self, features: Any, numbers: Array, settings: Settings) -> None:
        """Learn what columns and targets are like; what an earlier call left is gone."""
        self._features: Features
        if isinstance(features, np.ndarray):
            names = getattr(self, "feature_names_in_", [f"x{n}" for n in range(features.shape[1])])
            self._features = ArrayFeatures.learn(features, tuple(map(str, names)), scaled=settings.scale)
        else:
            self._features = FrameFeatures.learn(features)
        self._learn_scale(numbers, settings)
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] | None = None
        self.validation_scores_: list[float] | None = None

    def _held(self, validation: Any, settings: Settings) -> Rows:
        """Rows of one's own to watch."""
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise ArgumentError("validation is a pair (X, y) or a triple (X, y, sample_weight)")
        X, y = self._checked(validation[0], validation[1], False)
        numbers = self._numbers(y)
        places, weight = counted_rows(X, numbers, validation[2] if len(validation) == 3 else None, exchangeable=False)
        return Rows(self._features.encode(X[places], settings.dtype), self._encode(numbers[places]), weight)

    def _split(self, rows: Rows, numbers: Array, settings: Settings, rng: np.random.RandomState) -> tuple[Rows, Rows]:
        """Hold rows back."""
        training, held = train_test_split(
            np.arange(len(rows)),
            test_size=settings.validation_fraction,
            random_state=rng,
            stratify=self._strata(numbers),
        )
        if len(held) < 2:
            raise DataError(
                f"The validation set is too small: {len(held)} of {len(rows)} rows. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        return rows[training], rows[held]

    def _train(
        self, rows: Rows, held: Rows | None, settings: Settings, rng: np.random.RandomState, *, first: bool, once: bool
    ) -> None:
        """Train from every starting point, and keep the best."""
        watch = Watch.of(settings.monitor, self._score(), held=held is not None)
        epochs = 1 if once else settings.max_iter
        found: list[Trained] = []
        for _ in range(self.n_starts if first else 1):
            network = self._network(rows, settings, rng) if first else self.network_
            seed = int(rng.randint(2**31))
            following = Follower.of(self, epochs) if self.n_starts == 1 else []
            given = self.callbacks if isinstance(self.callbacks, Sequence) else [self.callbacks]
            found.append(
                train_network(
                    network, rows, held, self, settings, watch=watch, seed=seed, epochs=epochs,
                    callbacks=[*given, *following],
                )
            )  # fmt: skip
        best = max(found, key=lambda trained: -np.inf if np.isnan(trained.value) else trained.value)
        if first:
            self.starts_ = np.array([t.value for t in found]) * (1 if watch.larger_is_better else -1)
        self._keep(best, rows, watch)
        if not (best.converged or once) and self.recipe == "sklearn":
            warnings.warn(
                f"{len(best.history)} iterations were not enough to converge: raise max_iter (or max_fun), or tol",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _network(self, rows: Rows, settings: Settings, rng: np.random.RandomState) -> Network:
        """A network at a starting point."""
        weight = 1.0 if rows.weight is None else float(rows.weight.mean())
        loss, link = self._loss(), self._link()
        network = Network(
            *hidden_layers(settings, rows.X.shape[1]),
            Dense(self._outputs, None if link == loss.link else link),
            loss=loss,
            dtype=settings.dtype,
            inputs=rows.X.shape[1],
            l2=0.5 * settings.alpha / (self._batch(rows, settings) * weight),
        )
        if self.recipe == "sklearn":
            start_as_sklearn(network, settings, rng)
        else:
            network.reset(int(rng.randint(2**31)))
        return network

    def _batch(self, rows: Rows, settings: Settings) -> int:
        return len(rows) if settings.solver == "lbfgs" else min(settings.batch_size, len(rows))

    def _keep(self, best: Trained, rows: Rows, watch: Watch) -> None:
        """The attributes that scikit-learn's users read."""
        history = best.history
        self.network_, self.history_ = best.network, history
        self.n_iter_ = len(history)
        self.t_ += len(rows) * len(history)
        self.loss_curve_ = [*self.loss_curve_, *history.loss]
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_: float | None = min(self.loss_curve_)
        self.best_validation_score_: float | None = None
        if history.validation_loss:
            self.validation_loss_curve_ = [*(self.validation_loss_curve_ or []), *history.validation_loss]
            self.validation_scores_ = [*(self.validation_scores_ or []), *history.metrics["score"]]
            self.best_validation_score_ = float(np.nanmax(self.validation_scores_))
            self.best_loss_ = None

    # What was learnt

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each dense layer, shape (inputs, units), from the inputs on."""
        return self._parameters_named("W")

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each dense layer, shape (units,)."""
        return self._parameters_named("b")

    def _parameters_named(self, letter: str) -> list[Array]:
        if not hasattr(self, "network_"):
            raise AttributeError("this estimator has learnt nothing yet: call fit first")
        named = self.network_.parameters
        return [named[name] for name in named if re.fullmatch(rf"{letter}\d+", name)]

    @property
    def n_layers_(self) -> int:
        """The number of layers, the inputs among them."""
        return len(self.coefs_) + 1

    @property
    def n_outputs_(self) -> int:
        """The number of outputs."""
        return self.network_.outputs

    @property
    def out_activation_(self) -> str:
        """The activation of the outputs, under scikit-learn's name."""
        link = self._link()
        return {"linear": "identity", "sigmoid": "logistic"}.get(link, link)

    def _outputs_of(self, X: Any) -> Array:
        """What the network makes of rows."""
        features = self._features_of(X)
        return self.network_.predict(self._features.encode(features, self.network_.dtype), engine=self.engine)

    # Reading and checking

    def explain_row(
        self, x: Any, y: Any = None, parameter: str | None = None, *, notation: Notation | str = "names"
    ) -> Derivation | BackwardPass:
        """The derivation of a derivative for one row, with its numbers in it; see :meth:`chainrule.Network.explain`.

        Args:
            x: the features of a row, as for :meth:`predict`: shape (features,), or a table with one row.
            y: its target; what is predicted, by default.
            parameter: an element such as ``"W1[0,1]"``; without it, the whole backward pass.
            notation: how everything is written.
        """
        from dataclasses import replace

        from chainrule.explain import notation_of

        row = np.asarray(x)[None] if not hasattr(x, "columns") and np.ndim(x) == 1 else x
        X = self._features_of(row)
        if len(X) != 1:
            raise ArgumentError(f"one row is explained, but {len(X)} were given")
        target = self.predict(row) if y is None else np.asarray([y] if np.ndim(y) == 0 else y)
        named = replace(notation_of(notation), features=self._features.names)
        encoded = self._features.encode(X, self.network_.dtype)
        return self.network_.explain(encoded, self._encode(self._numbers(target)), parameter, notation=named)

    def check(self, X: Any = None, y: Any = None) -> Certificate:
        """Check the derivative of the loss by every parameter; see :meth:`chainrule.Network.check`.

        Args:
            X: features, as for :meth:`fit`; a few rows that were learnt from, by default.
            y: their targets.

        Returns:
            A certificate: true if all derivatives hold; ``print`` it to read it.
        """
        check_is_fitted(self)
        if X is None:
            return self.network_.check(self._kept_rows.X, self._kept_rows.Y)
        features, y = self._checked(X, y, False)
        return self.network_.check(self._features.encode(features, self.network_.dtype), self._encode(self._numbers(y)))

    def _html_repr(self) -> str:
        """What a notebook shows: the parameters, and once fitted the network and its learning curve."""
        from sklearn.utils import estimator_html_repr

        from chainrule.estimators.page import learnt

        shown: str = estimator_html_repr(self)
        return shown + (learnt(self.network_, self.history_) if hasattr(self, "network_") else "")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.recipe != "sklearn"
        return tags


def _precision(features: Any) -> str:
    return "float32" if getattr(features, "dtype", None) == np.float32 else "float64"
