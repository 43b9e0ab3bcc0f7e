"""One network of an estimator, trained: from each of its starting points, until scikit-learn's rule ends it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.estimators.building import SMALLEST_RATE, optimizer_for, start
from chainrule.estimators.parameters import Parameters
from chainrule.estimators.rows import Rows
from chainrule.estimators.settings import Settings
from chainrule.network import Network
from chainrule.recipes import Member, Part
from chainrule.training import Callback, History, Moment
from chainrule.training.metrics import METRICS, Metric

LEAST_FALL: Final = 2.220446049250313e-09
"""The share of the loss by which an iteration of L-BFGS has to lower it, as in SciPy."""


@dataclass(frozen=True)
class Watch:
    """The quantity by which epochs, and starting points, are compared."""

    name: str
    sign: int
    """1 where it should grow, -1 where it should fall."""
    metrics: tuple[Metric, ...] = ()

    @classmethod
    def of(cls, monitor: str, score: Metric, *, held: bool) -> Watch:
        """The one that ``monitor`` names; the training loss where no rows are held back."""
        if not held:
            return cls("loss", -1)
        if monitor == "loss":
            return cls("validation_loss", -1, (score,))
        metric = score if monitor == "score" else METRICS[monitor]
        metrics = (score,) if metric is score else (score, metric)
        return cls(metric.name, 1 if metric.larger_is_better else -1, metrics)

    def kept(self, history: History) -> float:
        """The quantity of the epoch whose weights were kept, the larger the better."""
        values = history.watched(self.name)
        return self.sign * values[history.best_epoch - 1 if self.metrics and history.best_epoch else -1]


@dataclass(frozen=True)
class Trainer:
    """Trains networks on the rows of one call of ``fit``.

    Attributes:
        p: the estimator.
        settings: what its parameters came to.
        watch: what decides when to stop, and which epoch was best.
    """

    p: Parameters
    settings: Settings
    watch: Watch

    def best_of(
        self, network: Network, starts: int, rows: Rows, held: Rows | None, part: Part
    ) -> tuple[History, NDArray[np.float64]]:
        """Train from several starting points; the network gets the best weights.

        Returns:
            The history of the best start, and the watched quantity of each.
        """
        best: tuple[float, History, dict[str, NDArray[Any]]] | None = None
        values = []
        for seed in [part.seed, *np.random.SeedSequence([part.seed, 1]).generate_state(starts - 1).tolist()]:
            start(network, self.settings, seed)
            history = self._fit(network, rows, held, part, seed=seed)
            value = self.watch.kept(history)
            values.append(self.watch.sign * value)
            if best is None or value > best[0]:
                best = value, history, {name: a.copy() for name, a in network.arrays().items()}
        assert best is not None
        network.take(best[2])
        return best[1], np.array(values)

    def go_on(self, member: Member, rows: Rows, held: Rows | None, part: Part) -> tuple[History, int]:
        """Train a member from where it stands; with its optimiser's memory, where the same quantities are watched.

        Returns:
            The history, and how many of its epochs are those of earlier calls.
        """
        before = member.history
        same = before.monitor == self.watch.name and bool(before.validation_loss) == (held is not None)
        if before.checkpoint is None or not same:
            return self._fit(member.network, rows, held, part, seed=part.seed), 0
        return self._fit(member.network, rows, held, part, resume=before), len(before)

    def _fit(
        self,
        network: Network,
        rows: Rows,
        held: Rows | None,
        part: Part,
        *,
        seed: int | None = None,
        resume: History | None = None,
    ) -> History:
        p, settings = self.p, self.settings
        data: dict[str, Any] = {"X": rows.X, "y": rows.Y, "sample_weight": rows.weight}
        adaptive = settings.solver == "sgd" and settings.learning_rate == "adaptive"
        ends: list[Callback | Any] = [Flat(network, data, settings.tol)] if settings.whole else []
        ends += [_rate_is_small] if adaptive else []
        plain = not ends and settings.n_iter_no_change != inf
        return network.fit(
            **data,
            epochs=min(settings.max_iter, p.max_fun) if settings.whole else settings.max_iter,
            batch_size="all" if settings.whole else settings.batch_size,
            optimizer=optimizer_for(p, settings, len(rows)),
            shuffle=p.shuffle,
            seed=seed,
            engine=p.engine,
            threads=part.threads,
            validation=None if held is None else held.triple,
            metrics=self.watch.metrics,
            monitor=self.watch.name,
            patience=int(settings.n_iter_no_change) + 1 if plain else None,
            min_delta=settings.tol if plain else 0.0,
            restore_best=held is not None,
            callbacks=[*part.callbacks, *ends],
            resume=resume,
        )


def _rate_is_small(moment: Moment) -> bool:
    return moment.history.learning_rate[-1] <= SMALLEST_RATE


@dataclass
class Flat(Callback):
    """Ends L-BFGS where no element of the gradient exceeds ``tol``, or the loss has stopped falling.

    Attributes:
        network: whose gradient it is.
        data: rows, targets and weights, as :meth:`chainrule.Network.gradients` takes them.
        tol: the largest element that counts as 0.
    """

    network: Network
    data: dict[str, Any]
    tol: float

    def on_epoch(self, moment: Moment) -> bool:
        """Look at the slope that is left."""
        losses = moment.history.loss
        if len(losses) > 1 and losses[-2] - losses[-1] <= LEAST_FALL * max(abs(losses[-2]), abs(losses[-1]), 1):
            return True
        slopes = self.network.gradients(**self.data)
        return max(float(np.abs(g).max()) for g in slopes.values()) <= self.tol
