"""How a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.engines.choice import Engine
from chainrule.errors import require, whole_number
from chainrule.fitting import Settings, fit
from chainrule.network.computing import Computing
from chainrule.optim import Optimizer, optimizer_of
from chainrule.running import PROFILED_SECONDS, profile
from chainrule.streams import random_streams
from chainrule.training import History
from chainrule.training.keeping import Checkpoints, Folder
from chainrule.training.metrics import MetricLike, metric_of

if TYPE_CHECKING:
    from chainrule.engines.native.profile import Profile
    from chainrule.exploring import Exploration


class Trained(Computing):
    """Training; see :class:`chainrule.Network`."""

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        shuffle: bool | Literal["once"] = True,
        seed: int | None = None,
        engine: Engine = "auto",
        threads: int | None = None,
        validation: tuple[Any, ...] | float | None = None,
        sample_weight: Any = None,
        metrics: Sequence[MetricLike] = (),
        monitor: str | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool | None = None,
        callbacks: Sequence[Any] = (),
        progress: Any = None,
        checkpoints: Checkpoints | Folder | None = None,
        resume: History | Folder | None = None,
    ) -> History:
        """Train on rows ``X`` with targets ``y``, from the parameters as they are.

        Args:
            X: features, shape (rows, features); a dictionary of arrays for several inputs; or rows on disk, such as
                ``cr.Stream(...).learn(target).rows``, with ``None`` for ``y``.
            y: targets: numbers, shape (rows,) or (rows, outputs); class codes 0, 1, ... or rows of probabilities.
            epochs: how many times to go through the rows.
            batch_size: rows in a step; ``"all"`` is full-batch descent, 1 is online. The last batch may be short.
            optimizer: such as ``cr.Adam(1e-3)``, or a name. Its slots start at 0.
            shuffle: ``True`` draws new batches every epoch, ``"once"`` draws them once and keeps them, ``False`` takes
                the rows in order.
            seed: of shuffling and dropout; the network's by default. Same seed, same bits.
            engine: ``"native"`` (machine code for this processor), ``"numpy"`` (the printed text, executed), ``"jax"``
                (the printed text, compiled by JAX for the processor or GPU that it finds; :class:`chainrule.JaxEngine`
                has its settings), or ``"auto"``: native where training is long enough to be worth compiling.
            threads: how many the native engine uses; by default as many as turn out to pay. Results are the same bits.
                Several fits may run at once in Python threads: give each of them one.
            validation: rows and targets to watch, ``(X, y)`` or ``(X, y, weights)``, or the share of the rows to
                hold back for it.
            sample_weight: how much each row counts, shape (rows,): the loss of a batch is sum_i w_i l_i / sum_i w_i
                (sum_i w_i l_i for ``reduction="sum"``). A row of weight 0 is left out.
            metrics: further quantities of the history, of the validation rows where there are any: names of
                :mod:`chainrule.training.metrics`, functions of (prediction, target), or :class:`chainrule.Metric`.
            monitor: what decides which epoch was best: ``"validation_loss"`` (the default where there are
                validation rows), ``"loss"`` or a metric.
            patience: stop after so many epochs without a better one.
            min_delta: by how much an epoch must be better than all before it for ``patience`` to begin anew.
            restore_best: whether the network gets the weights of its best epoch at the end; with ``patience`` it does
                unless told otherwise.
            callbacks: functions of a :class:`chainrule.training.Moment` called after each epoch (True ends training),
                or :class:`chainrule.Callback` objects.
            progress: ``True`` shows a bar on a terminal and lines elsewhere; nothing by default.
            checkpoints: a folder, or :class:`chainrule.Checkpoints`, in which training writes down where it stands
                from time to time, so that a run that was killed can go on.
            resume: what to go on from, with its parameters, optimiser slots, number of updates and random streams. Of
                the history of an earlier fit of this network: where that one ended, for ``epochs`` further epochs. Of
                a folder of checkpoints: from the newest one, up to ``epochs`` epochs in all, to the same bits as
                without a break; where the folder is empty, from the start.

        Returns:
            The history, of all epochs where training goes on. Ctrl-C ends training after the current step, with the
            best weights so far.

        Raises:
            NonFiniteError: when the loss becomes infinite or undefined; says in which step and equation, and leaves
                the parameters from before it.
        """
        settings = Settings(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer_of(optimizer),
            shuffle=shuffle,
            engine=engine,
            threads=threads,
            metrics=[metric_of(m, self.loss_function) for m in metrics],
            monitor=monitor,
            patience=patience,
            min_delta=min_delta,
            restore_best=restore_best,
        )
        return fit(
            self,
            X,
            y,
            settings,
            seed=seed,
            validation=validation,
            sample_weight=sample_weight,
            callbacks=callbacks,
            progress=progress,
            checkpoints=checkpoints,
            resume=resume,
        )

    def explore(
        self,
        X: Any,
        y: Any,
        *,
        starts: int = 32,
        lr: Sequence[float] | None = None,
        epochs: int = 10,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        shuffle: bool = True,
        seed: int | None = None,
        engine: Engine = "auto",
        validation: tuple[Any, Any] | None = None,
    ) -> Exploration:
        """Train many networks at once, from many starting points or with several learning rates, and keep the best.

        The first start has the network's own seed, the others the seeds after it, as :meth:`reset` would use them. All
        see the same rows in the same order, and the same random masks.

        On the native engine, tiny networks lie side by side in the lanes of a register, so that many take hardly longer
        than one; others are trained one on each core. On JAX, all are one program with a leading axis. On NumPy they
        are trained one after another.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            starts: how many starting points.
            lr: learning rates; every start is trained with every one of them. A schedule is scaled as a whole, so that
                it starts from the rate, or rises to it. By default the optimiser's own.
            epochs: how many times to go through the rows.
            batch_size: rows in a step.
            optimizer: such as ``cr.Adam(1e-3)``, or a name.
            shuffle: whether to draw new batches every epoch.
            seed: of the first start, and of shuffling and dropout; the network's by default.
            engine: as for :meth:`fit`.
            validation: rows and targets by whose loss the networks are compared, instead of the training loss.

        Returns:
            The losses of all networks and their spread; this network has the parameters of the best. Ctrl-C ends
            training after the current steps; before the end of the first epoch, it is raised.

        >>> import chainrule as cr
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> net = cr.mlp([2, 2, 1], loss="binary_cross_entropy")
        >>> found = net.explore(X, y, starts=16, epochs=500, batch_size=1, optimizer=cr.SGD(0.5))
        >>> found.losses.shape, bool(found.scores[found.best] < 0.1)
        ((500, 16), True)
        >>> found = net.explore(X, y, starts=8, lr=[0.01, 0.1, 1.0], epochs=100, batch_size=1, optimizer="sgd")
        >>> found.losses.shape, found.best_rate
        ((100, 24), 1.0)
        """
        from chainrule.exploring import explore

        pair = validation is None or (isinstance(validation, tuple | list) and len(validation) == 2)
        require(pair, f"validation is a pair (X, y), not {validation!r}")
        first = self.seed if seed is None else whole_number("the seed", seed, 0)
        self.prepare_inputs(X)
        numbers = range(first, first + whole_number("starts", starts, 1))
        require(
            numbers[-1] < 1 << 63, f"seeds of starting points are below 2**63: explore from a smaller one than {first}"
        )
        return explore(
            self,
            X,
            y,
            seeds=numbers,
            thetas=np.stack([self._drawn(number).theta for number in numbers]),
            rates=lr,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer_of(optimizer),
            shuffle=shuffle,
            streams=random_streams(first),
            engine=engine,
            validation=validation,
        )

    def profile(
        self,
        X: Any,
        y: Any,
        *,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        seconds: float = PROFILED_SECONDS,
    ) -> Profile:
        """Where the time of a training step goes on the native engine, phase by phase; print it to read it.

        Steps run on copies for about as many seconds: the network stays as it is.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            batch_size: rows in a step.
            optimizer: such as ``cr.Adam(1e-3)``, or a name.
            seconds: how long to measure.
        """
        require(0 < seconds < float("inf"), f"seconds must be above 0, not {seconds!r}")
        data = self.prepare(X, y)
        return profile(self, data, batch_size=batch_size, optimizer=optimizer_of(optimizer), seconds=seconds)
