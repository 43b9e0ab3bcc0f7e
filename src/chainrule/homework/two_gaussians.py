"""Homework 2: two Gaussians in the plane, a 2-2-1 network without and with biases, and other libraries beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import erf, isfinite, sqrt
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data import split_rows
from chainrule.document import Document, Shown
from chainrule.errors import whole_number
from chainrule.experiments.problems import two_gaussians
from chainrule.homework.gaussians_page import discussion, page
from chainrule.homework.judging import Comparison, Score, compare, score
from chainrule.homework.peers import Peer, descent
from chainrule.network import Network, mlp
from chainrule.optim import SGD
from chainrule.training import whole_runs

MEAN: Final = (2.0, 2.0)
CORRELATION: Final = 0.3
SHARES: Final = (0.8, 0.2)
FRESH: Final = 10_000
"""Further points of each class, which tell what a network can be expected to get right."""

LossName = Literal["squared_error", "binary_cross_entropy"]
Floats = NDArray[np.float64]
Rows = tuple[Floats, Floats]


@dataclass(frozen=True)
class Trained:
    """A network after its descent.

    Attributes:
        name: what it is called on the page.
        loss: what was minimised.
        network: as it is at the end.
        losses: of the training rows, before each update.
        test_losses: of the test rows, after each update.
        training: how many training rows are right.
        test: how many test rows are right.
        right: which test rows.
        fresh: how many of 20,000 further points of the same Gaussians are right.
    """

    name: str
    loss: LossName
    network: Network
    losses: tuple[float, ...]
    test_losses: tuple[float, ...]
    training: Score
    test: Score
    right: NDArray[np.bool_]
    fresh: Score


@dataclass(frozen=True)
class Beside:
    """Another library's descent beside that of the same network here."""

    peer: Peer
    of: Trained
    test: Score

    @property
    def difference(self) -> float:
        """The largest difference of the two learning curves, relative to the loss."""
        own, other = np.array(self.of.losses), np.array(self.peer.losses)
        with np.errstate(all="ignore"):  # a rate that is much too high
            return float((np.abs(own - other) / np.abs(own)).max())


@dataclass(frozen=True)
class Homework2(Shown):
    """Two classes in the plane; print it, or look at it in a notebook.

    Attributes:
        seed: of the points, the split and the starting weights.
        rate: the learning rate.
        updates: full-batch updates of each descent.
        X, y: the points and their classes.
        test_rows: which of them are held back.
        mean: the centre of class 1.
        correlation: of the two features.
        runs: the networks: without biases, with biases, with biases and the cross-entropy.
        beside: the libraries that are installed.
        missing: those that are not.
    """

    seed: int
    rate: float
    updates: int
    X: Floats
    y: Floats
    test_rows: NDArray[np.int64]
    mean: tuple[float, float]
    correlation: float
    runs: tuple[Trained, ...]
    beside: tuple[Beside, ...]
    missing: tuple[str, ...]

    @property
    def best_possible(self) -> float:
        """What the best rule reaches on average: Phi(d / 2), with d the distance of the means in units of the spread.

        d^2 = m^T S^-1 m, for the mean m of class 1 and the common covariance S.
        """
        covariance = np.array([[1.0, self.correlation], [self.correlation, 1.0]])
        distance = sqrt(float(np.array(self.mean) @ np.linalg.solve(covariance, np.array(self.mean))))
        return (1 + erf(distance / 2 / sqrt(2))) / 2

    @property
    def separable(self) -> bool:
        """Whether some line has all points of one class on one side."""
        return _separable(self.X[self.y == 0], self.X[self.y == 1])

    @property
    def bias_matters(self) -> Comparison:
        """The network without biases and the one with them, on the test points."""
        return compare(self.runs[0].right, self.runs[1].right)

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        return {
            "seed": self.seed,
            "rate": self.rate,
            "updates": self.updates,
            "best_possible_accuracy": self.best_possible,
            "linearly_separable": self.separable,
            "runs": [
                {
                    "name": run.name,
                    "loss": run.loss,
                    "loss_start": run.losses[0],
                    "loss_end": run.losses[-1],
                    "training_accuracy": run.training.share,
                    "test_accuracy": run.test.share,
                    "test_interval": run.test.interval,
                    "fresh_accuracy": run.fresh.share,
                }
                for run in self.runs
            ],
            "libraries": [
                {
                    "name": b.peer.name,
                    "beside": b.of.name,
                    "difference": b.difference if isfinite(b.difference) else None,
                    "test_accuracy": b.test.share,
                }
                for b in self.beside
            ],
            "not_installed": self.missing,
            "discussion": discussion(self),
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        return page(self)


def homework_2(seed: int = 0, *, rate: float = 0.5, updates: int = 1000) -> Homework2:
    """Two Gaussians of 100 points each, 80 % for training: without biases, with biases, and in other libraries.

    The networks have two tanh units and a sigmoid. Two minimise the squared error, without and with biases; a third
    the cross-entropy, which is what scikit-learn's classifier minimises. Where scikit-learn and PyTorch are
    installed, they start from the same weights and make the same updates.

    Args:
        seed: of the points, the split and the starting weights.
        rate: the learning rate.
        updates: how many full-batch updates each makes.

    Returns:
        A page with learning graphs, boundaries, accuracies with intervals, and a discussion made of sentences that
        the figures support.

    >>> found = homework_2(updates=200)
    >>> found.separable, [run.name for run in found.runs]
    (False, ['without biases', 'with biases', 'with biases, cross-entropy'])
    """
    updates = whole_number("updates", updates, 1)
    X, y = two_gaussians(seed, mean=MEAN, correlation=CORRELATION)
    train, test = split_rows(len(y), SHARES, np.random.default_rng(seed), y)
    # The points that follow those of the seed itself: another seed, far from those that people choose.
    further = two_gaussians(seed + 2**32, FRESH, MEAN, CORRELATION)
    parts = ((X[train], y[train]), (X[test], y[test]), further)
    networks = [
        _network("squared_error", seed, bias=False),
        _network("squared_error", seed, bias=True),
        _network("binary_cross_entropy", seed, bias=True),
    ]
    weights = {name: values.copy() for name, values in networks[2].parameters.items()}
    names = ("without biases", "with biases", "with biases, cross-entropy")
    rows = (X[train], y[train], X[test], rate, updates)
    with whole_runs():
        runs = [_train(name, net, weights, parts, rate, updates) for name, net in zip(names, networks, strict=True)]
        peers = {
            "scikit-learn": [(2, descent("sklearn", _network("binary_cross_entropy", seed, bias=True), *rows))],
            "PyTorch": [(n, descent("torch", _network(runs[n].loss, seed, bias=True), *rows)) for n in (1, 2)],
        }
    beside = [
        Beside(peer, runs[n], score((peer.predictions > 0.5) == (y[test] > 0.5)))
        for pairs in peers.values()
        for n, peer in pairs
        if peer is not None
    ]
    missing = tuple(name for name, pairs in peers.items() if any(peer is None for _, peer in pairs))
    return Homework2(seed, rate, updates, X, y, test, MEAN, CORRELATION, tuple(runs), tuple(beside), missing)


def _network(loss: LossName, seed: int, *, bias: bool) -> Network:
    return mlp([2, 2, 1], hidden="tanh", output="sigmoid", loss=loss, bias=bias, seed=seed, dtype="float64")


def _train(
    name: str, network: Network, weights: dict[str, Floats], parts: Sequence[Rows], rate: float, updates: int
) -> Trained:
    """Descend from the given weights; the parts are training, test and further points."""
    for parameter in network.parameters:
        network.parameters[parameter] = weights[parameter]
    (X, y), test = parts[:2]
    history = network.fit(X, y, epochs=updates, batch_size="all", optimizer=SGD(rate), validation=test)
    right = [(network.predict(points)[:, 0] > 0.5) == (classes > 0.5) for points, classes in parts]
    scores = [score(r) for r in right]
    loss: LossName = "squared_error" if network.loss_function.name == "squared_error" else "binary_cross_entropy"
    losses, test_losses = tuple(history.loss), tuple(history.validation_loss)
    return Trained(name, loss, network, losses, test_losses, scores[0], scores[1], right[1], scores[2])


def _separable(first: Floats, second: Floats) -> bool:
    """Whether a line separates two sets of points.

    If one does, some line through two of the points does too: push a line until it touches one set, then turn it.
    """
    points = np.concatenate([first, second])
    pairs = np.triu_indices(len(points), 1)
    across = points[pairs[0]] - points[pairs[1]]
    normals = np.column_stack([-across[:, 1], across[:, 0]])
    one, other = first @ normals.T, second @ normals.T
    gaps = np.maximum(other.min(axis=0) - one.max(axis=0), one.min(axis=0) - other.max(axis=0))
    return bool((gaps >= 0).any())
