"""One network of an estimator, trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.estimators.building import optimizer_for
from chainrule.estimators.parameters import Parameters
from chainrule.estimators.rows import Rows
from chainrule.estimators.settings import Settings
from chainrule.estimators.stopping import Flat, Stopping
from chainrule.network import Network
from chainrule.optim import LBFGS
from chainrule.training import History
from chainrule.training.metrics import METRICS, Metric


@dataclass(frozen=True)
class Watch:
    """The quantity by which epochs, and starting points, are compared."""

    name: str
    larger_is_better: bool
    metrics: tuple[Metric, ...] = ()

    @classmethod
    def of(cls, monitor: str, score: Metric, *, held: bool) -> Watch:
        """The one that ``monitor`` names; the training loss where no rows are held back."""
        if not held:
            return cls("loss", False)
        if monitor == "loss":
            return cls("validation_loss", False, (score,))
        metric = score if monitor == "score" else METRICS[monitor]
        return cls(metric.name, metric.larger_is_better, (score,) if metric == score else (score, metric))


@dataclass(frozen=True)
class Trained:
    """A network, how it was trained, and whether the rule for stopping ended that."""

    network: Network
    history: History
    converged: bool
    value: float
    """The watched quantity of the weights that were kept; larger is better."""


def train_network(
    network: Network,
    rows: Rows,
    held: Rows | None,
    p: Parameters,
    settings: Settings,
    *,
    watch: Watch,
    seed: int,
    epochs: int,
    callbacks: Sequence[Any],
) -> Trained:
    """Train a network from where it stands.

    Args:
        network: what to train.
        rows: to learn from.
        held: rows to watch, if any.
        p: the estimator.
        settings: what its parameters came to.
        watch: the quantity that decides when to stop, and which epoch was best.
        seed: of the order of rows and of dropout.
        epochs: at most.
        callbacks: further ones.
    """
    optimizer = optimizer_for(p, settings, len(rows))
    data: dict[str, Any] = {"X": rows.X, "y": rows.Y, "sample_weight": rows.weight}
    flat = isinstance(optimizer, LBFGS)
    rule: Stopping | Flat = Flat(network, data, settings.tol)
    if not flat:
        adaptive = settings.solver == "sgd" and settings.learning_rate == "adaptive"
        rule = Stopping(watch.name, watch.larger_is_better, settings.tol, settings.n_iter_no_change, adaptive)
    history = network.fit(
        **data,
        epochs=min(epochs, p.max_fun) if flat else epochs,
        batch_size="all" if flat else settings.batch_size,
        optimizer=optimizer,
        shuffle=p.shuffle,
        seed=seed,
        engine=p.engine,
        validation=None if held is None else (held.X, held.Y, *(() if held.weight is None else (held.weight,))),
        metrics=watch.metrics,
        monitor=watch.name,
        patience=epochs + 1 if held is not None else None,
        callbacks=[*callbacks, rule],
    )
    values = np.array(history.watched(watch.name) or [np.nan]) * (1 if watch.larger_is_better else -1)
    value = values[history.best_epoch - 1] if held is not None and history.best_epoch else values[-1]
    return Trained(network, history, rule.converged, float(value))
