"""What an experiment runs on: a network at its starting values, and rows; yours, or a small built-in example."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import require
from chainrule.network import Network, mlp


@dataclass(frozen=True)
class Problem:
    """A network at its starting values, and the rows that it learns.

    Attributes:
        rows_name: what the rows are, in words; empty for the user's own.
        network: experiments train copies of it; it stays as it is.
        X: features, shape (rows, features).
        y: targets, shape (rows,) or (rows, outputs).
    """

    rows_name: str
    network: Network
    X: Any
    y: Any

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.y)

    def fresh(self) -> Network:
        """A copy of the network, with the same starting values."""
        return copy.copy(self.network)

    @property
    def sentence(self) -> str:
        """What is trained on what, in words."""
        count = self.network.parameters.theta.size
        loss = self.network.loss_function.name.replace("_", " ")
        name = f" ({self.rows_name})" if self.rows_name else ""
        return f"a network of {count} parameters on {self.rows} rows{name}, with {loss} as its loss"


def problem_of(network: Network | None, X: Any, y: Any, default: Callable[[], Problem]) -> Problem:
    """The user's problem, or ``default()`` where none is given."""
    given = (network is not None, X is not None, y is not None)
    require(all(given) or not any(given), "give a network, X and y together, or none of them for a built-in example")
    if network is None:
        return default()
    data = network.prepare(X, y)  # an error here if they do not fit
    target = data.pop("Y")
    return Problem("", network, data, target)


def two_gaussians(
    seed: int = 0, rows: int = 100, mean: tuple[float, float] = (2.0, 2.0), correlation: float = 0.3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of two classes in the plane, from two Gaussians of equal covariance.

    Class 0 lies around the origin, class 1 around ``mean``; both features have variance 1 and the given correlation.

    Args:
        seed: of the points.
        rows: points of each class.
        mean: the centre of class 1.
        correlation: of the two features, above -1 and below 1.

    Returns:
        Points, shape (2 rows, 2), and their classes, shape (2 rows,): first those of class 0.

    >>> X, y = two_gaussians(seed=0)
    >>> X.shape, y.sum()
    ((200, 2), np.float64(100.0))
    """
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.array([[1.0, correlation], [correlation, 1.0]]))
    noise = rng.standard_normal((2 * rows, 2)) @ root.T
    y = np.repeat([0.0, 1.0], rows)
    return noise + y[:, None] * np.array(mean), y


def classes_problem(seed: int = 0) -> Problem:
    """Two Gaussians, and a 2-4-1 network."""
    X, y = two_gaussians(seed)
    network = mlp([2, 4, 1], loss="binary_cross_entropy", seed=seed, dtype="float64")
    return Problem("two Gaussians of 100 points each", network, X, y)


def plane_problem(seed: int = 0) -> Problem:
    """Noisy points of a plane, y = 2 x1 - x2 + 1, and a 2-2-1 network without activations."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 2))
    y = X @ np.array([2.0, -1.0]) + 1 + 0.3 * rng.standard_normal(60)
    network = mlp([2, 2, 1], hidden="linear", loss="squared_error", seed=seed, dtype="float64")
    return Problem("noisy points of a plane over two features", network, X, y)


def xor_problem(seed: int = 0) -> Problem:
    """Exclusive or, and a 2-2-1 network of sigmoids."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    network = mlp([2, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=seed, dtype="float64")
    return Problem("exclusive or", network, X, np.array([0.0, 1.0, 1.0, 0.0]))
