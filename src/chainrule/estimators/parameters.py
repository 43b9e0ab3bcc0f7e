"""What an estimator is told: its parameters, and which values they may have."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from chainrule.engines.choice import ENGINES, Engine
from chainrule.engines.jax import JaxEngine
from chainrule.expression import Expression, Operation
from chainrule.losses import LOSSES, Loss
from chainrule.nn.activations import ACTIVATIONS
from chainrule.optim import LBFGS, Optimizer
from chainrule.schedules import Schedule
from chainrule.training import Callback
from chainrule.training.metrics import METRICS

AUTO: Final = "auto"
"""Stands for a parameter that the recipe chooses."""

_AUTO = StrOptions({AUTO})
_SHARE = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")

Constraints = dict[str, list[Any]]


@dataclass(eq=False, repr=False)
class Parameters(BaseEstimator):  # type: ignore[misc]
    """The parameters that both estimators share; each is kept as it was given, and looked at when ``fit`` is called.

    Those named here first are scikit-learn's, and mean what they mean there; ``"auto"`` leaves a choice to the recipe.

    Args:
        recipe: ``"auto"`` takes measured defaults (:class:`chainrule.recipes.Recipe`): scaled features, an ensemble,
            AdamW under half a cosine; ``"sklearn"`` takes scikit-learn's.
        solver: ``"sgd"``, ``"adam"``, ``"adamw"``, ``"rmsprop"``, ``"adagrad"``, ``"lbfgs"``, or an optimizer.
        alpha: 0.5 alpha times the sum of W^2 over the rows of a batch is added to the loss.
        batch_size: rows of a step.
        learning_rate: ``"constant"``, ``"cosine"``, with SGD ``"invscaling"`` and ``"adaptive"``, or a schedule.
        learning_rate_init: the learning rate, or the one that training begins with.
        power_t: the exponent of ``"invscaling"``.
        max_iter: epochs at most.
        shuffle: whether the order of rows means nothing; ``False`` takes them as they are.
        random_state: of everything random: the same number, the same bits.
        tol: by how much the watched quantity must improve; for L-BFGS the largest slope that counts as none.
        verbose: whether each epoch is printed.
        warm_start: whether ``fit`` goes on where the last call ended.
        momentum: of SGD.
        nesterovs_momentum: whether it is Nesterov's.
        early_stopping: whether rows are held back, and the best weights by what they say come back.
        validation_fraction: the share of rows that one network holds back; members of an ensemble hold back a fifth.
        beta_1: of Adam.
        beta_2: of Adam.
        epsilon: of Adam.
        n_iter_no_change: epochs in a row without an improvement after which training ends; infinity for never.
        max_fun: iterations of L-BFGS at most, whatever ``max_iter``.
        dropout: the share of hidden units that a step leaves out.
        normalization: ``"batch"`` or ``"layer"``, between a hidden layer and its activation; ``None`` for none.
        residual: whether hidden layers as wide as the one before them add what went into them.
        scale: whether features (and targets, where the loss allows it) are standardised.
        monitor: what decides which epoch was best: ``"score"``, ``"loss"``, or a metric, of the rows held back.
        n_members: networks that are trained, each with other rows held back; their outputs are averaged.
        n_starts: starting points from which each of them is trained; the best is kept.
        dtype: ``"float32"`` or ``"float64"``; by default training is in float32 (with scikit-learn's recipe in the
            precision of the features), and predicting in the precision of the features.
        engine: as in :meth:`chainrule.Network.fit`.
        callbacks: functions of a :class:`chainrule.training.Moment`, or :class:`chainrule.Callback` objects.
    """

    _: KW_ONLY
    recipe: str = AUTO
    solver: Any = AUTO
    alpha: Any = AUTO
    batch_size: Any = AUTO
    learning_rate: Any = AUTO
    learning_rate_init: Any = AUTO
    power_t: float = 0.5
    max_iter: Any = AUTO
    shuffle: bool = True
    random_state: Any = None
    tol: Any = AUTO
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: Any = AUTO
    validation_fraction: Any = AUTO
    beta_1: float = 0.9
    beta_2: Any = AUTO
    epsilon: float = 1e-8
    n_iter_no_change: Any = AUTO
    max_fun: int = 15000
    dropout: Any = AUTO
    normalization: Any = AUTO
    residual: Any = AUTO
    scale: Any = AUTO
    monitor: str = AUTO
    n_members: Any = AUTO
    n_starts: int = 1
    dtype: str = AUTO
    engine: Engine = AUTO
    callbacks: Any = ()

    _parameter_constraints: ClassVar[Constraints] = {
        "hidden_layer_sizes": [_AUTO, "array-like", _COUNT],
        "activation": [StrOptions({AUTO, "identity", "logistic", *ACTIVATIONS}), Operation, "array-like"],
        "recipe": [StrOptions({AUTO, "sklearn"})],
        "solver": [StrOptions({AUTO, "lbfgs", "sgd", "adam", "adamw", "rmsprop", "adagrad"}), Optimizer],
        "alpha": [_AUTO, Interval(Real, 0, None, closed="left")],
        "batch_size": [_AUTO, _COUNT],
        "learning_rate": [StrOptions({AUTO, "constant", "invscaling", "adaptive", "cosine"}), Schedule],
        "learning_rate_init": [_AUTO, Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [_AUTO, _COUNT],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [_AUTO, Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [_SHARE],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": [_AUTO, "boolean"],
        "validation_fraction": [_AUTO, Interval(Real, 0, 1, closed="neither")],
        "beta_1": [_SHARE],
        "beta_2": [_AUTO, _SHARE],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [_AUTO, _COUNT, Options(Real, {np.inf})],
        "max_fun": [_COUNT],
        "dropout": [_AUTO, _SHARE],
        "normalization": [StrOptions({AUTO, "batch", "layer"}), None],
        "residual": [_AUTO, "boolean"],
        "scale": [_AUTO, "boolean"],
        "monitor": [StrOptions({AUTO, "score", "loss", *METRICS})],
        "n_members": [_AUTO, _COUNT],
        "n_starts": [_COUNT],
        "dtype": [StrOptions({AUTO, "float32", "float64"})],
        "engine": [StrOptions({*ENGINES}), JaxEngine],
        "callbacks": ["array-like", Callback, callable],
    }


def loss_constraints(*named: str) -> list[Any]:
    """What ``loss`` may be: ``"auto"``, names of scikit-learn's, names of losses, a loss, a formula."""
    return [StrOptions({AUTO, *named, *LOSSES}), Loss, Expression, callable]


def has_steps(estimator: Parameters) -> bool:
    """Whether training goes step by step, so that an epoch more can be asked for."""
    if isinstance(estimator.solver, LBFGS) or (isinstance(estimator.solver, str) and estimator.solver == "lbfgs"):
        raise AttributeError("L-BFGS takes all rows at once: partial_fit needs another solver")
    return True
