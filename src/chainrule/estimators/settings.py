"""What a recipe chooses where an estimator is told nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Final

from sklearn.utils._param_validation import InvalidParameterError

from chainrule.errors import require
from chainrule.estimators.parameters import AUTO, Parameters
from chainrule.expression import Operation
from chainrule.nn.layer import Layer
from chainrule.optim import LBFGS, AdamW
from chainrule.recipes import Recipe

FEWEST_WATCHED: Final = 40
"""Rows from which on the measured recipe holds some back: of fewer, those held back would say little."""

ROWS_A_MEMBER: Final = 20
"""Rows for each member of an ensemble, at least: of a small table all would learn nearly the same."""

_OTHER_NAMES: Final = {"identity": "linear", "logistic": "sigmoid"}


@dataclass(frozen=True)
class Settings:
    """The parameters of the same names, each with a value; see :class:`chainrule.MLPClassifier`.

    Attributes:
        weight_decay: of AdamW.
        recipe: what was measured; ``None`` for scikit-learn's defaults.
    """

    hidden_layer_sizes: tuple[int | Layer, ...]
    activation: tuple[str | Operation, ...]
    solver: Any
    alpha: float
    batch_size: int
    learning_rate: Any
    learning_rate_init: float
    max_iter: int
    tol: float
    early_stopping: bool
    validation_fraction: float
    beta_2: float
    n_iter_no_change: float
    dropout: float
    normalization: str | None
    residual: bool
    monitor: str
    n_members: int
    label_smoothing: float
    weight_decay: float
    recipe: Recipe | None

    @property
    def whole(self) -> bool:
        """Whether each step takes all rows, as L-BFGS does."""
        return isinstance(self.solver, LBFGS) or self.solver == "lbfgs"


SKLEARN: Final[dict[str, Any]] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "solver": "adam",
    "alpha": 1e-4,
    "batch_size": 200,
    "learning_rate": "constant",
    "learning_rate_init": 1e-3,
    "max_iter": 200,
    "tol": 1e-4,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "beta_2": 0.999,
    "n_iter_no_change": 10,
    "dropout": 0.0,
    "normalization": None,
    "residual": False,
    "monitor": "score",
    "n_members": 1,
    "label_smoothing": 0.0,
    "weight_decay": AdamW.weight_decay,
    "recipe": None,
}
"""The defaults of scikit-learn's MLPClassifier and MLPRegressor, and of what these do not have."""


def _measured(p: Parameters, rows: int, features: int) -> dict[str, Any]:
    """The defaults of :mod:`chainrule.recipes`; those that belong to its optimiser give way with it."""
    recipe = Recipe.choose(rows, features)
    values: dict[str, Any] = {
        "hidden_layer_sizes": recipe.hidden,
        "activation": recipe.activation,
        "solver": "adamw",
        "alpha": 0.0,
        "batch_size": rows if recipe.batch_rows(rows) == "all" else recipe.batch_rows(rows),
        "learning_rate": "cosine",
        "learning_rate_init": recipe.lr,
        "max_iter": recipe.epochs,
        "tol": 0.0,
        "early_stopping": rows >= FEWEST_WATCHED,
        "validation_fraction": 0.2,
        "beta_2": recipe.beta2,
        "n_iter_no_change": inf if recipe.patience is None else recipe.patience,
        "dropout": recipe.dropout,
        "monitor": "loss",
        "n_members": min(recipe.members, max(rows // ROWS_A_MEMBER, 1)),
        "label_smoothing": recipe.label_smoothing,
        "weight_decay": recipe.weight_decay if _is_auto(p.alpha) else 0.0,
        "recipe": recipe,
    }
    if not (isinstance(p.solver, str) and p.solver in (AUTO, "adam", "adamw")):
        values |= {name: SKLEARN[name] for name in ("learning_rate", "learning_rate_init", "max_iter", "tol")}
        values["dropout"] = 0.0 if is_whole(p.solver) else recipe.dropout
    return values


def is_whole(solver: Any) -> bool:
    """Whether a solver takes all rows at once."""
    return isinstance(solver, LBFGS) or (isinstance(solver, str) and solver == "lbfgs")


def chosen(p: Parameters, rows: int, features: int, *, once: bool) -> Settings:
    """Every parameter with a value: the one given, or the recipe's.

    Args:
        p: what was given.
        rows: to learn from.
        features: columns of the encoded rows.
        once: whether a single epoch is asked for, so that a rate cannot fall towards the end of training.
    """
    defaults = SKLEARN | ({} if p.recipe == "sklearn" else _measured(p, rows, features))
    given = {f.name: getattr(p, f.name, AUTO) for f in fields(Settings)} | {"recipe": AUTO}
    values: dict[str, Any] = {name: defaults[name] if _is_auto(value) else value for name, value in given.items()}
    values["batch_size"] = rows if is_whole(values["solver"]) else min(values["batch_size"], rows)
    values["hidden_layer_sizes"] = _sizes(values["hidden_layer_sizes"])
    values["activation"] = _activations(values["activation"], len(values["hidden_layer_sizes"]))
    if once:
        values |= {"max_iter": 1, "early_stopping": False}
        values["learning_rate"] = "constant" if values["learning_rate"] == "cosine" else values["learning_rate"]
    return Settings(**values)


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == AUTO


def _sizes(given: Any) -> tuple[int | Layer, ...]:
    sizes = tuple(given) if hasattr(given, "__iter__") else (given,)
    for size in sizes:
        if not isinstance(size, Layer) and not (int(size) == size and size > 0):
            raise InvalidParameterError(f"hidden_layer_sizes must be > 0, or layers, got {list(sizes)}.")
    return tuple(size if isinstance(size, Layer) else int(size) for size in sizes)


def _activations(given: Any, layers: int) -> tuple[str | Operation, ...]:
    names: Sequence[Any] = [given] * layers if isinstance(given, str | Operation) else list(given)
    require(len(names) == layers, f"activation names {len(names)} activations, but there are {layers} hidden layers")
    return tuple(_OTHER_NAMES.get(name, name) if isinstance(name, str) else name for name in names)
