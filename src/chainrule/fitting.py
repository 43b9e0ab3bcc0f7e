"""How a network is trained: data, step program, engine and plan are put together, and the result put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.choice import Engine, check_engine, engine_to_json
from chainrule.engines.lbfgs import LBFGSRun
from chainrule.engines.protocol import NonFiniteStep, Run
from chainrule.engines.steps import NumpyRun
from chainrule.errors import ArgumentError, NonFiniteError, require, whole_number
from chainrule.given import Given, given_rows
from chainrule.nn.places import places
from chainrule.nonfinite import Trouble, first_trouble
from chainrule.optim import LBFGS, Optimizer
from chainrule.resuming import check_record, decisive, gone_on, seed_of
from chainrule.runnable import Runnable
from chainrule.running import PROFILED_SECONDS, Data, lbfgs_run, profile, step_run, training_steps
from chainrule.schedules import plateau_of
from chainrule.streams import random_streams
from chainrule.training import (
    Callback,
    EveryEpoch,
    History,
    Moment,
    Plan,
    listed_callbacks,
    progress_callback,
    train,
)
from chainrule.training.keeping import Checkpoints, Folder
from chainrule.training.metrics import Metric
from chainrule.training.windows import Source

if TYPE_CHECKING:
    from chainrule.engines.native.profile import Profile
    from chainrule.network.computing import Computing


NO_PLATEAU = {"plateau_best": float(np.finfo(np.float64).max), "plateau_waited": 0.0, "plateau_factor": 1.0}
"""What a schedule that waits for a plateau has seen at the start; not infinity, from which no share can be taken."""


COMPILED_CALLS = 1_000_000
"""Calls that a validation loss counts as where the steps are machine code: then it should be, too."""


@dataclass(frozen=True)
class Settings:
    """How to train; see :meth:`chainrule.network.Network.fit`."""

    epochs: int
    batch_size: int | Literal["all"]
    optimizer: Optimizer
    shuffle: bool | Literal["once"]
    engine: Engine
    threads: int | None
    metrics: Sequence[Metric]
    monitor: str | None
    patience: int | None
    min_delta: float
    restore_best: bool | None

    def __post_init__(self) -> None:
        check_engine(self.engine)
        for name, least in (("epochs", 0), ("patience", 1), ("threads", 1)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole_number(name, value, least))
        shuffle, names = self.shuffle, [m.name for m in self.metrics]
        require(shuffle in (True, False, "once"), f"shuffle must be True, False or 'once', not {shuffle!r}")
        require(0 <= self.min_delta < inf, f"min_delta is a number that is 0 or more, not {self.min_delta!r}")
        require(
            len({"loss", "validation_loss", *names}) == len(names) + 2,
            f"each of the metrics needs a name of its own, not {', '.join(names)}: "
            "give them as in cr.Metric('hits', function)",
        )

    def to_json(self) -> dict[str, Any]:
        """The optimiser and the engine, as JSON can hold them."""
        return {"optimizer": self.optimizer.to_json(), "engine": engine_to_json(self.engine)}

    def watched(self, *, held: bool) -> tuple[str, bool]:
        """The quantity that decides which epoch was best, and whether it should grow."""
        known = {"loss": False, **({"validation_loss": False} if held else {})}
        known |= {m.name: m.larger_is_better for m in self.metrics}
        watched = self.monitor or ("validation_loss" if held else "loss")
        if watched not in known:
            raise ArgumentError(f"monitor={watched!r} is not recorded: recorded are {', '.join(known)}")
        return watched, known[watched]


def fit(
    network: Computing,
    X: Any,
    y: Any,
    settings: Settings,
    *,
    seed: int | None,
    validation: tuple[Any, ...] | float | None,
    sample_weight: Any,
    callbacks: Sequence[Any],
    progress: Any,
    checkpoints: Checkpoints | Folder | None,
    resume: History | Folder | None,
) -> History:
    """Train ``network``; the arguments are those of :meth:`chainrule.network.Network.fit`."""
    seed = seed_of(network, seed, resume)
    streams = random_streams(seed)
    given = given_rows(network, X, y, settings, validation, sample_weight, seed, streams["validation"])
    data, held = given.data, given.held
    require(len(network.parameters.theta) > 0, "the network has no parameters to train")
    fresh = _plan(network, given, settings, seed, streams)
    plan, before, keeper = gone_on(fresh, resume, checkpoints, lambda: decisive(network, settings, fresh, data, held))
    if before is not None:
        check_record(before, plan, settings, held=held is not None)
    with network.evaluator.limited(settings.threads):
        run_ = _run(network, given, settings, plan, before)
        watchers = _watchers(network, run_, callbacks, progress)
        calls = settings.epochs if isinstance(run_, NumpyRun | LBFGSRun) else COMPILED_CALLS
        evaluate = _evaluator(network, held or data, settings, calls, held=held is not None)
        chosen = {**plan.to_json(), **settings.to_json()}
        try:
            after_epoch = _plateau(settings.optimizer)
            history = train(run_, plan, evaluate, after_epoch, watchers, network, chosen, before, keeper)
        except NonFiniteStep as error:
            raise _explained(error, run_, network, given.numbers()) from None
        finally:
            _put_back(network, run_.state)

    def measured() -> Profile:
        rows = network.prepare(X, y, sample_weight)
        size, optimizer = settings.batch_size, settings.optimizer
        return profile(network, rows, batch_size=size, optimizer=optimizer, seconds=PROFILED_SECONDS)

    if not isinstance(X, Source):
        history.measured_by(measured)
    return history


def _plan(
    network: Computing, given: Given, settings: Settings, seed: int, streams: Mapping[str, np.random.Generator]
) -> Plan:
    """How the run goes from its start."""
    monitor, larger_is_better = settings.watched(held=given.held is not None)
    return Plan(
        windows=given.windows,
        epochs=settings.epochs,
        batch_size=given.batch_size,
        seed=seed,
        rng=streams["shuffling"],
        monitor=monitor,
        larger_is_better=larger_is_better,
        min_delta=settings.min_delta,
        patience=settings.patience,
        restore_best=settings.patience is not None if settings.restore_best is None else settings.restore_best,
        lasting=("theta", *network.states),
        add_losses=network.loss_function.reduction == "sum",
        constants={"key": int(streams["dropout"].integers(2**32)), **NO_PLATEAU},
    )


def _run(network: Computing, given: Given, settings: Settings, plan: Plan, before: History | None) -> Run:
    """What makes the steps."""
    data, optimizer, engine, epochs = given.data, settings.optimizer, settings.engine, settings.epochs
    state = before.checkpoint.state if before and before.checkpoint else None
    if isinstance(optimizer, LBFGS):
        require(settings.batch_size == "all", "LBFGS takes all rows at once: give batch_size='all'")
        return lbfgs_run(network, data, optimizer, engine, epochs, state)
    steps = training_steps(network, data, optimizer, plan.batch_size, state, given.share)
    return step_run(steps, engine, epochs, settings.threads)


def _watchers(network: Computing, run_: Run, callbacks: Any, progress: Any) -> list[Callback]:
    """The callbacks, after one that lets them see what the run has reached, and before the progress bar."""
    watchers = [c if isinstance(c, Callback) else EveryEpoch(c) for c in listed_callbacks(callbacks)]
    between = any(type(c).on_slice is not Callback.on_slice for c in watchers)
    shown = progress_callback(progress)
    return [*([_PutBack(network, run_, between)] if watchers else []), *watchers, *([shown] if shown else [])]


@dataclass
class _PutBack(Callback):
    """Keeps the network at what the run has reached, so that callbacks after it can look at it or save it."""

    network: Computing
    run: Run
    between_steps: bool
    """Whether a callback looks in between epochs, too: large networks are not copied so often for nothing."""

    def on_start(self, moment: Moment) -> None:
        """At the start, when a run may go on from a checkpoint."""
        _put_back(self.network, self.run.state)

    def on_slice(self, moment: Moment) -> None:
        """Between steps."""
        if self.between_steps:
            _put_back(self.network, self.run.state)

    def on_epoch(self, moment: Moment) -> None:
        """After an epoch."""
        _put_back(self.network, self.run.state)

    def on_end(self, moment: Moment) -> None:
        """At the end, when the best weights may have come back."""
        _put_back(self.network, self.run.state)


def _put_back(network: Computing, state: Mapping[str, NDArray[Any]]) -> None:
    network.parameters.theta[:] = state["theta"]
    for name in network.states:
        network.states[name][...] = state[name]


def _evaluator(
    network: Computing, data: Data, settings: Settings, calls: int, *, held: bool
) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, float]]:
    """What is recorded after each epoch: the validation loss, and the metrics."""
    metrics, how = settings.metrics, (settings.engine, calls)

    def evaluate(state: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        if not held and not metrics:
            return {}
        _put_back(network, state)
        if not metrics:
            return {"validation_loss": network.loss_prepared(data, *how)}
        prediction, loss = network.outcome_prepared(data, *how)
        recorded = {"validation_loss": loss} if held else {}
        return recorded | {m.name: m(prediction, data["Y"], data.get("w")) for m in metrics}

    return evaluate


def _plateau(optimizer: Optimizer) -> Callable[[float, Mapping[str, float]], dict[str, float]]:
    """What a schedule that waits for a plateau makes of each epoch's watched quantity."""
    schedule = plateau_of(optimizer.schedule)
    if schedule is None:
        return lambda value, constants: {}
    program = Runnable.of(schedule.program())

    def after_epoch(value: float, constants: Mapping[str, float]) -> dict[str, float]:
        best, waited, factor = (constants[name] for name in NO_PLATEAU)
        after = program(loss=value, best=best, waited=waited, plateau_factor=factor)
        news = (float(after[f"new_{name}"]) for name in ("best", "waited", "factor"))
        return dict(zip(NO_PLATEAU, news, strict=True))

    return after_epoch


def _explained(error: NonFiniteStep, run_: Run, network: Computing, numbers: NDArray[np.int64]) -> NonFiniteError:
    """The step, the first equation at which a value stopped being finite, its layer, and the row that it comes from."""
    history: History = error.history  # type: ignore[attr-defined]
    step = history.steps + 1
    trouble = Trouble("", None)
    if run_.failed is not None:
        trouble = first_trouble(run_.program, run_.failed, run_.precision, places(network.model), numbers)
    message = (
        f"the {error.what.split()[-1]} is not finite in step {step} (epoch {len(history) + 1}){trouble.text}; "
        "the parameters are those from before this step: "
        "try a smaller learning rate, clip_norm=1.0, or look for extreme values in the data"
    )
    result = NonFiniteError(message)
    result.row = trouble.row
    result.history = history  # type: ignore[attr-defined]
    return result
