"""A network that learns one row at a time, and predicts each before it learns from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import NonFiniteStep, PredictingRun, Steps
from chainrule.errors import ArgumentError, DataError, NonFiniteError, require, unknown_name, whole_number
from chainrule.network import Network
from chainrule.nn.places import places
from chainrule.nonfinite import Trouble, first_trouble
from chainrule.online.arrivals import Arrivals
from chainrule.online.prequential import Prequential
from chainrule.online.quantities import quantities
from chainrule.optim import LBFGS, Optimizer, optimizer_of
from chainrule.running import clock, step_run
from chainrule.schedules import plateau_of
from chainrule.shapes import Shape
from chainrule.streams import random_streams
from chainrule.training import Interrupt

SLICE_ROWS: Final = 4096
"""Rows that are learnt in one call of the engine, at most: Ctrl-C waits for them."""

AHEAD_ROWS: Final = 4 * SLICE_ROWS
"""Rows that are read ahead of learning, at most, but for a block that has more."""

ENDLESS: Final = 1_000_000
"""Slices that a stream counts as, where an engine is chosen."""

ENGINES: Final = ("auto", "native", "numpy")

Array = NDArray[Any]


class Online:
    """Online learning: stochastic gradient descent on rows as they come, each of them seen once.

    For each row (x, y), in this order: the network predicts p from x; the loss of p and y is recorded; the optimiser
    makes one step with its gradient. A prediction never knows its own row, so the average of these losses judges the
    learner without any row held back (prequential evaluation, or test-then-train). The step's own forward pass gives
    the prediction, so testing costs nothing. Dropout acts on what is learnt, not on what is predicted.

    Args:
        network: what learns; its parameters are those reached whenever a method has returned.
        optimizer: such as ``cr.SGD(0.01)``, or a name. What a schedule calls an epoch is one row; one that needs to
            know the end is refused.
        metrics: what is measured besides the loss: ``"accuracy"``, ``"r2"``, ``"mae"``, ``"rmse"``; by default accuracy
            for classes, R^2 for numbers.
        window: rows of the windowed average, see :class:`Prequential`.
        engine: ``"native"``, ``"numpy"``, or ``"auto"``: native wherever it can be had.
        seed: of dropout; the network's by default.
        slots: what the optimiser carried at the end of an earlier stream, from :attr:`slots`.
        rows: how many rows were learnt before; the clock of the optimiser goes on from there.

    Raises:
        ArgumentError: for L-BFGS, batch normalisation, a network without parameters or of unknown inputs, and
            schedules that need to know the end.

    >>> import chainrule as cr
    >>> learner = cr.Online(cr.mlp([2, 1], weights=0.0, loss="squared_error"), cr.SGD(0.5))
    >>> learner.predict_one([1.0, 0.0])
    array([0.], dtype=float32)
    >>> learner.learn_one([1.0, 0.0], 3.0)  # the loss before the update
    9.0
    >>> learner.learn_one([1.0, 0.0], 3.0)
    9.0
    >>> learner.record.rows
    2
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer | str = "adam",
        *,
        metrics: Sequence[str] | None = None,
        window: int = 1000,
        engine: str = "auto",
        seed: int | None = None,
        slots: Mapping[str, Array] | None = None,
        rows: int = 0,
    ) -> None:
        if engine not in ENGINES:
            raise unknown_name("engine for online learning", engine, ENGINES)
        self.network, self.optimizer = network, optimizer_of(optimizer)
        self.rows = whole_number("rows", rows, 0)
        self.record = Prequential(quantities(metrics, network.loss_function), whole_number("window", window, 1))
        key = random_streams(network.seed if seed is None else seed)["dropout"].integers(2**32)
        self._constants = clock(1, key=int(key))
        self._order = np.arange(SLICE_ROWS, dtype=np.int64)
        steps = _steps(network, self.optimizer, slots)
        self._run = cast("PredictingRun", step_run(steps, engine, ENDLESS, 1))

    @property
    def slots(self) -> dict[str, Array]:
        """What the optimiser carries from row to row, by name."""
        return {name: array for name, array in self._run.state.items() if name != "theta"}

    def predict_one(self, x: Any) -> Array:
        """The network's output for a row ``x``, shape (outputs,); ``network.predict`` takes several rows."""
        return np.asarray(self.network.predict(_row(x))[0])

    def learn_one(self, x: Any, y: Any) -> float:
        """Predict a row, record the loss, learn from it; the loss, which is that from before the update."""
        return float(self.learn_many(_row(x), np.asarray(y)[None])[0])

    def learn_many(self, X: Any, y: Any) -> NDArray[np.float64]:
        """Learn rows one after another, as :meth:`learn_one` does, to the same bits.

        Args:
            X: features, shape (rows, features).
            y: targets, as for :meth:`chainrule.Network.fit`.

        Returns:
            The loss of each row before it was learnt, shape (rows,).

        Raises:
            NonFiniteError: for a row whose loss or update is not finite; the rows before it are learnt.
        """
        data = self.network.prepare(X, y)
        starts = range(0, len(data["Y"]), SLICE_ROWS)
        return np.concatenate([self._learn({k: a[i : i + SLICE_ROWS] for k, a in data.items()}) for i in starts])

    def _learn(self, data: Mapping[str, Array]) -> NDArray[np.float64]:
        """Learn the rows of a slice."""
        run, rows = self._run, len(data["Y"])
        start = dict(run.state) if rows > 1 else {}
        try:
            run.load({f"all_{name}": array for name, array in data.items()})
            losses = run.advance(self._order[:rows], 1, self.rows, self._constants)
            run.verify()
        except NonFiniteStep as error:
            place = error.position if error.position >= 0 else rows + error.position
            if place:  # learnt again, up to there, so that the record has them too
                run.restore(start)
                self._learn({name: array[:place] for name, array in data.items()})
            raise self._explained(error) from None
        finally:
            self.network.parameters.theta[:] = run.state["theta"]
        assert run.predictions is not None
        self.rows += rows
        self.record.add(losses, run.predictions, data["Y"])
        return losses

    def _explained(self, error: NonFiniteStep) -> NonFiniteError:
        run, trouble = self._run, Trouble("", None)
        if run.failed is not None:
            where = places(self.network.model)
            trouble = first_trouble(run.program, run.failed, run.precision, where, self._order)
        what = error.what.split()[-1]
        found = NonFiniteError(
            f"the {what} is not finite at row {self.rows + 1} of the stream{trouble.text}; the parameters are those "
            "from before it: try a smaller learning rate, clip_norm=1.0, or look for extreme values in the data"
        )
        found.row = self.rows if trouble.row is not None else None
        return found

    def consume(self, source: Iterable[tuple[Any, Any]]) -> Prequential:
        """Learn from everything that a source gives, until it ends or Ctrl-C is pressed.

        The source is read ahead in a thread of its own. While it is ahead, rows are learnt many at a time; a row that
        arrives alone is learnt at once. How rows arrive changes no bit.

        Args:
            source: gives rows ``(x, y)``, or blocks of rows ``(X, y)`` with a two-dimensional array ``X``.

        Returns:
            The record, of all rows that this learner has learnt.

        Raises:
            DataError: for a row that cannot be learnt; says which, and those before it are learnt.
            NonFiniteError: as :meth:`learn_many`.

        >>> import numpy as np
        >>> import chainrule as cr
        >>> X = np.random.default_rng(0).normal(size=(2000, 2))
        >>> learner = cr.Online(cr.mlp([2, 8, 1], loss="binary_cross_entropy"), cr.SGD(0.1), window=500)
        >>> record = learner.consume(zip(X, X[:, 0] > X[:, 1]))
        >>> record.running()["accuracy"] < record.windowed()["accuracy"]
        True
        """
        record = self.record
        with Interrupt() as interrupt:
            for arrived in Arrivals(source, _rows_of, AHEAD_ROWS, lambda: interrupt.pressed):
                for is_block, items in groupby(arrived, _is_block):
                    if is_block:
                        for X, y in items:
                            self.learn_many(X, y)
                    else:
                        self._learn_rows(list(items))
            record.interrupted = interrupt.pressed
        record.stopped = "interrupted" if record.interrupted else "the source has ended"
        return record

    def _learn_rows(self, items: list[tuple[Any, Any]]) -> None:
        """Learn rows together, as many as have come; where one of them cannot be learnt, those before it."""
        try:
            X, y = zip(*items, strict=True)
            self.learn_many(_together(X), np.array(y))
        except ValueError:
            for item in items:
                try:
                    self.learn_one(*item)
                except ValueError as error:
                    raise DataError(f"row {self.rows + 1} of the stream: {error}") from error


def _steps(network: Network, optimizer: Optimizer, slots: Mapping[str, Array] | None) -> Steps:
    """The steps of a network that learns one row at a time."""
    require(not isinstance(optimizer, LBFGS), "LBFGS takes all rows at once: learn online with another optimizer")
    require(plateau_of(optimizer.schedule) is None, "ReduceOnPlateau counts epochs, and a stream has none")
    require(len(network.parameters.theta) > 0, "the network has no parameters to train")
    require(not network.states, "BatchNorm needs batches of rows: it cannot learn one row at a time")
    program = network.model.online_program(optimizer)
    if any(v.name == "T" for v in program.inputs):
        name = type(optimizer.schedule).__name__
        raise ArgumentError(f"{name} leads to an end, and a stream has none: use a fixed rate or cr.InverseTime")
    shapes: dict[str, Shape] = {**network.inputs, "Y": (network.outputs,)}
    data = {f"all_{name}": np.zeros((SLICE_ROWS, *map(int, shape)), network.dtype) for name, shape in shapes.items()}
    theta = network.parameters.theta
    state = {"theta": theta.copy(), **{name: np.zeros_like(theta) for name in optimizer.slots}}
    if slots is not None:
        carried = {name: array.shape for name, array in slots.items()}
        if carried != dict.fromkeys(optimizer.slots, theta.shape):
            raise ArgumentError(
                f"these slots are {', '.join(carried) or 'none'}, but {type(optimizer).__name__} has "
                f"{', '.join(optimizer.slots) or 'none'} of {theta.size} parameters: go on with the same network and "
                "the same kind of optimizer"
            )
        state |= {name: np.array(array, theta.dtype) for name, array in slots.items()}
    return Steps(program, network.dtype, data, state, 1)


def _row(x: Any) -> Any:
    """One row as rows; the values of each input, where there are several."""
    if isinstance(x, Mapping):
        return {name: np.asarray(values)[None] for name, values in x.items()}
    return np.asarray(x)[None]


def _is_block(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], np.ndarray) and item[0].ndim > 1


def _rows_of(item: tuple[Any, Any]) -> int:
    return len(item[1]) if _is_block(item) else 1


def _together(rows: Sequence[Any]) -> Any:
    """Rows one below the other; for several inputs, of each."""
    if isinstance(rows[0], Mapping):
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return np.array(rows)
