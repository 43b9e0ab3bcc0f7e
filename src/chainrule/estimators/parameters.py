"""What an estimator is told: its parameters, and which values they may have."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from chainrule.expression import Expression, Operation
from chainrule.losses import LOSSES, Loss
from chainrule.nn.layers import ACTIVATIONS
from chainrule.optim import LBFGS, Optimizer
from chainrule.running import ENGINES
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
    """The parameters that both estimators share; each is kept as it was given, and looked at when ``fit`` is called."""

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
    engine: str = AUTO
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
        "engine": [StrOptions({*ENGINES})],
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
