"""What a recipe chooses where an estimator is told nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sklearn.utils._param_validation import InvalidParameterError

from chainrule.errors import require
from chainrule.estimators.parameters import AUTO, Parameters
from chainrule.expression import Operation
from chainrule.nn.layers import Layer

SMALL_TABLE: Final = 100_000
"""Values up to which a table is learnt in float64, where that costs next to nothing."""
_OTHER_NAMES: Final = {"identity": "linear", "logistic": "sigmoid"}


@dataclass(frozen=True)
class Settings:
    """The parameters of the same names, each with a value; see :class:`chainrule.MLPClassifier`."""

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
    n_iter_no_change: float
    dropout: float
    normalization: str | None
    residual: bool
    scale: bool
    monitor: str
    n_members: int
    dtype: str


SKLEARN: Final[dict[str, Any]] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "solver": "adam",
    "alpha": 1e-4,
    "learning_rate": "constant",
    "learning_rate_init": 1e-3,
    "max_iter": 200,
    "tol": 1e-4,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "n_iter_no_change": 10,
    "dropout": 0.0,
    "normalization": None,
    "residual": False,
    "scale": False,
    "monitor": "score",
    "n_members": 1,
}
"""The defaults of scikit-learn's MLPClassifier and MLPRegressor, from version 0.18 to today."""

MEASURED: Final[dict[str, Any]] = {**SKLEARN, "scale": True}


def chosen(estimator: Parameters, rows: int, features: int, dtype: str) -> Settings:
    """Every parameter with a value: the one given, or the recipe's.

    Args:
        estimator: what was given.
        rows: to learn from.
        features: a row has.
        dtype: of the features as they were given.
    """
    recipe = SKLEARN if estimator.recipe == "sklearn" else MEASURED
    given = {f.name: getattr(estimator, f.name) for f in fields(Settings)}
    values = {name: recipe.get(name, AUTO) if _is_auto(value) else value for name, value in given.items()}
    if _is_auto(values["batch_size"]):
        values["batch_size"] = 200
    if _is_auto(values["dtype"]):
        values["dtype"] = dtype
    values["batch_size"] = min(values["batch_size"], rows)
    values["hidden_layer_sizes"] = _sizes(values["hidden_layer_sizes"])
    values["activation"] = _activations(values["activation"], len(values["hidden_layer_sizes"]))
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
    if isinstance(given, str | Operation):
        return (_OTHER_NAMES.get(given, given) if isinstance(given, str) else given,) * layers
    names: Sequence[Any] = list(given)
    require(len(names) == layers, f"activation names {len(names)} activations, but there are {layers} hidden layers")
    return tuple(_OTHER_NAMES.get(name, name) if isinstance(name, str) else name for name in names)
