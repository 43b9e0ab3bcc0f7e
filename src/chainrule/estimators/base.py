"""What both estimators do: learn from rows, go on learning, predict."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from chainrule.data.splits import single_rows_first, split_rows
from chainrule.errors import ArgumentError, DataError, rows_numbered
from chainrule.estimators.building import layers_before_the_outputs
from chainrule.estimators.features import ArrayFeatures, FrameFeatures, as_table
from chainrule.estimators.following import CallbackSupport, Follower, with_callbacks
from chainrule.estimators.learnt import Learnt
from chainrule.estimators.parameters import AUTO
from chainrule.estimators.rows import Rows, counted_rows
from chainrule.estimators.settings import Settings, chosen
from chainrule.estimators.training import Trainer, Watch
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.nn import Dense
from chainrule.recipes import Member, Part, join, sharpen, train_members
from chainrule.training import History, Moment, listed_callbacks
from chainrule.training.metrics import Metric

Array = NDArray[Any]

SHOWN_ROWS = 8
"""Training rows that are kept, for ``check``."""


class BaseMLP(CallbackSupport, Learnt):  # type: ignore[misc]
    """What :class:`chainrule.MLPClassifier` and :class:`chainrule.MLPRegressor` share."""

    # What differs between the two

    _outputs: int
    """The number of outputs of the network."""

    @abstractmethod
    def _learn_target(self, y: Any, classes: Any) -> None:
        """Learn what is predicted, from the first targets seen."""

    def _compare_target(self, y: Any) -> None:
        """Refuse targets of which a ``fit`` that goes on cannot learn what an earlier one did."""

    @abstractmethod
    def _numbers(self, y: Any) -> Array:
        """Targets as numbers, shape (rows,) or (rows, outputs)."""

    @abstractmethod
    def _learn_scale(self, numbers: Array, *, scaled: bool) -> None:
        """Learn what targets are measured in."""

    @abstractmethod
    def _targets(self, numbers: Array) -> Array:
        """Targets as the network takes them."""

    @abstractmethod
    def _loss(self) -> Loss:
        """What is minimised."""

    @abstractmethod
    def _smooths(self) -> bool:
        """Whether the loss may smooth labels."""

    @abstractmethod
    def _link(self) -> str:
        """The activation of the outputs."""

    @abstractmethod
    def _score(self) -> Metric:
        """The score, of outputs against targets as the network takes them."""

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
            validation: rows and targets to watch instead of rows held back: (X, y) or (X, y, sample_weight).

        Returns:
            The estimator.
        """
        self._validate_params()
        return self._learn(X, y, sample_weight, validation, go_on=self.warm_start)

    def _learn_once(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping is True:
            raise ArgumentError("partial_fit does not support early_stopping=True: one epoch has nothing to stop")
        return self._learn(X, y, sample_weight, None, go_on=True, once=True, classes=classes)

    def _learn(
        self, X: Any, y: Any, weight: Any, validation: Any, *, go_on: bool, once: bool = False, classes: Any = None
    ) -> Self:
        first = not (go_on and hasattr(self, "members_"))
        features, y = self._checked(X, y, first=first)
        if first:
            self._learn_target(y, classes)
        elif not once:
            self._compare_target(y)
        numbers = self._numbers(y)
        exchangeable = self.shuffle and self.recipe != "sklearn"
        places, weight = counted_rows(features, numbers, weight, exchangeable=exchangeable)
        features, numbers = features[places], numbers[places]
        factors = self._factors(numbers)
        weight = weight if factors is None else factors * (1 if weight is None else weight)
        if first:
            self._start(features, numbers)
        settings = chosen(self, len(places), len(self._features.names), once=once)
        dtype = self._precision
        rows = Rows(self._features.encode(features, dtype), self._targets(numbers), weight)
        held = None if validation is None else self._watched(validation, dtype)
        with rows_numbered(places):
            members = self._trained(rows, held, self._strata(numbers), settings, first=first)
        self._keep(members, rows, numbers, settings)
        if not once and settings.recipe is None:
            self._warn(settings)
        return self

    def _checked(self, X: Any, y: Any, *, first: bool) -> tuple[Any, Any]:
        """Features as an array of floats or a table, and targets, with scikit-learn's messages about them."""
        table = as_table(X)
        if table is None:
            X, y = validate_data(self, X, y, reset=first, multi_output=True, **self._kinds())
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
        table = as_table(X, whole=True) if isinstance(self._features, FrameFeatures) else None
        if table is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return table
        X = validate_data(self, X, reset=False, **self._kinds())
        return X.toarray() if issparse(X) else X

    def _kinds(self) -> dict[str, Any]:
        finite = True if self.recipe == "sklearn" else "allow-nan"
        return {"accept_sparse": "csr", "dtype": (np.float64, np.float32), "ensure_all_finite": finite}

    def _start(self, features: Any, numbers: Array) -> None:
        """Learn what features and targets are like."""
        scaled = self.recipe != "sklearn" if self.scale == AUTO else bool(self.scale)
        if isinstance(features, np.ndarray):
            names = getattr(self, "feature_names_in_", [f"x{n}" for n in range(features.shape[1])])
            self._features = ArrayFeatures.learn(features, tuple(map(str, names)), scaled=scaled)
        else:
            self._features = FrameFeatures.learn(features)
        self._given = np.dtype(getattr(features, "dtype", np.float64))
        self._learn_scale(numbers, scaled=scaled)
        self.t_ = 0

    @property
    def _precision(self) -> str:
        """The precision of the network."""
        if self.dtype != AUTO:
            return self.dtype
        return str(self._given) if self.recipe == "sklearn" else "float32"

    def _watched(self, validation: Any, dtype: str) -> Rows:
        """Rows of one's own to watch."""
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise ArgumentError("validation is (X, y) or (X, y, sample_weight)")
        X, y = self._checked(validation[0], validation[1], first=False)
        numbers = self._numbers(y)
        weight = validation[2] if len(validation) == 3 else None
        places, weight = counted_rows(X, numbers, weight, exchangeable=False)
        return Rows(self._features.encode(X[places], dtype), self._targets(numbers[places]), weight)

    def _trained(
        self, rows: Rows, held: Rows | None, strata: Array | None, settings: Settings, *, first: bool
    ) -> tuple[Member, ...]:
        """Train every member, from its start or from where it stands."""
        hold_back = settings.early_stopping and held is None
        watch = Watch.of(settings.monitor, self._score(), held=hold_back or held is not None)
        trainer = Trainer(self, settings, watch)
        count = settings.n_members if first else len(self.members_)
        starts, epochs = np.empty((count, self.n_starts)), np.zeros(count, np.int64)
        untrained = self._network(rows, settings) if first else None

        def fit(part: Part) -> tuple[Network, History]:
            watched = rows[part.held] if len(part.held) else held
            with rows_numbered(part.rows):
                if untrained is None:
                    member = self.members_[part.number]
                    history, before = trainer.go_on(member, rows[part.rows], watched, part)
                    epochs[part.number] = len(history) - before
                    return member.network, history
                network = untrained.sibling(part.seed)  # what is derived for one member serves all
                history, starts[part.number] = trainer.best_of(network, self.n_starts, rows[part.rows], watched, part)
                epochs[part.number] = len(history)
            return network, history

        seed = _seed(self.random_state)
        follower = Follower.of(self, settings.max_iter * starts.size)
        callbacks = (*listed_callbacks(self.callbacks), *([_say] if self.verbose else []), *follower)
        if count == 1:
            training, back = self._split(rows, strata, settings, seed) if hold_back else (np.arange(len(rows)), _NONE)
            members: tuple[Member, ...] = (Member(*fit(Part(0, training, back, seed, None, callbacks)), back),)
        else:
            members = train_members(
                fit,
                rows=len(rows),
                members=count,
                seed=seed,
                labels=strata,
                hold_back=hold_back,
                engine=self.engine,
                callbacks=callbacks,
            )
        for told in follower:
            told.end()
        if first:
            self.starts_ = starts
        self.n_iter_ = int(epochs.max())
        return members

    def _split(
        self, rows: Rows, strata: Array | None, settings: Settings, seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows to learn from, and those to hold back; the only row of a class is not for that."""
        share = settings.validation_fraction
        if settings.recipe is None:
            training, held = train_test_split(np.arange(len(rows)), test_size=share, random_state=seed, stratify=strata)
        else:
            training, held = split_rows(len(rows), (1 - share, share), np.random.default_rng(seed), strata)
            if strata is not None:
                training, held = single_rows_first((training, held), strata)
        if len(held) < 2:
            raise DataError(
                f"The validation set is too small: {len(held)} of {len(rows)} rows. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        return training, held

    def _network(self, rows: Rows, settings: Settings) -> Network:
        """A network without starting values."""
        loss, link = self._loss(), self._link()
        weight = 1.0 if rows.weight is None else float(rows.weight.mean())
        return Network(
            *layers_before_the_outputs(settings, self._features),
            Dense(self._outputs, None if link == loss.link else link),
            loss=replace(loss, label_smoothing=settings.label_smoothing) if self._smooths() else loss,
            inputs=rows.X.shape[1],
            dtype=self._precision,
            l2=0.5 * settings.alpha / (settings.batch_size * weight),
        )

    def _keep(self, members: tuple[Member, ...], rows: Rows, numbers: Array, settings: Settings) -> None:
        """Put what was learnt in its place."""
        if settings.recipe is not None:
            sharpen(members, rows.X, numbers, rows.weight)
        # In the precision of the features, so that what is predicted for a row does not depend on the rows beside it.
        self.network_ = join([m.network for m in members], str(self._given) if self.dtype == AUTO else self.dtype)
        self.members_ = members
        self.t_ += len(rows) * self.n_iter_
        self.n_outputs_ = self._outputs
        self.out_activation_ = {"linear": "identity", "sigmoid": "logistic"}.get(self._link(), self._link())
        self._shown_rows = rows[:SHOWN_ROWS]

    def _warn(self, settings: Settings) -> None:
        most = min(settings.max_iter, self.max_fun) if settings.whole else settings.max_iter
        if self.n_iter_ >= most:
            warnings.warn(
                f"{most} iterations were not enough to converge: raise max_iter or max_fun, or tol",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _raw(self, X: Any) -> Array:
        """What the network gives for rows, shape (rows, outputs)."""
        features = self._features_of(X)
        return self.network_.predict(self._features.encode(features, self.network_.dtype), engine=self.engine)

    def _encoded(self, y: Any) -> Array:
        return self._targets(self._numbers(y))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.recipe != "sklearn"
        return tags


_NONE = np.empty(0, np.int64)


def _seed(random_state: Any) -> int:
    """A seed; that which was given, so that starting values are those that scikit-learn draws from it."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


def _say(moment: Moment) -> None:
    print(f"Iteration {moment.epoch}, loss = {moment.history.loss[-1]:.8f}")
