"""How a network is trained: data, step program, engine and plan are put together, and the result put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import NonFiniteStep, Run
from chainrule.errors import ArgumentError, NonFiniteError, require, unknown_name, whole_number
from chainrule.nn.places import places
from chainrule.nonfinite import Trouble, first_trouble
from chainrule.optim import LBFGS, Optimizer
from chainrule.runnable import Runnable
from chainrule.running import ENGINES, PROFILED_SECONDS, Data, lbfgs_run, profile, step_run, training_steps
from chainrule.schedules import plateau_of
from chainrule.training import (
    Callback,
    EveryEpoch,
    History,
    Moment,
    Plan,
    batch_rows,
    progress_callback,
    train,
)
from chainrule.training.metrics import Metric, MetricLike, metric_of

if TYPE_CHECKING:
    from chainrule.engines.native.profile import Profile
    from chainrule.network.computing import Computing


def fit(
    network: Computing,
    X: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int | Literal["all"],
    optimizer: Optimizer,
    shuffle: bool | Literal["once"],
    streams: Mapping[str, np.random.Generator],
    engine: str,
    validation: tuple[Any, ...] | float | None,
    sample_weight: Any,
    metrics: Sequence[MetricLike],
    monitor: str | None,
    patience: int | None,
    callbacks: Sequence[Any],
    progress: Any,
) -> History:
    """Train ``network``; the arguments are those of :meth:`chainrule.network.Network.fit`."""
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    epochs = whole_number("epochs", epochs, 0)
    patience = patience if patience is None else whole_number("patience", patience, 1)
    require(shuffle in (True, False, "once"), f"shuffle must be True, False or 'once', not {shuffle!r}")
    wanted = [metric_of(m, network.loss_function) for m in metrics]
    data, held, numbers = _split(network, network.prepare(X, y, sample_weight), validation, streams["validation"])
    require(len(network.parameters.theta) > 0, "the network has no parameters to train")
    size = batch_rows(batch_size, len(data["Y"]))
    if isinstance(optimizer, LBFGS):
        require(batch_size == "all", "LBFGS takes all rows at once: give batch_size='all'")
        run_: Run = lbfgs_run(network, data, optimizer, engine, epochs)
    else:
        run_ = step_run(training_steps(network, data, optimizer, size), engine, epochs)
    names = {m.name: m for m in wanted}
    watched = _watched(monitor, list(names), held is not None)
    plan = Plan(
        rows=len(data["Y"]),
        epochs=epochs,
        batch_size=size,
        shuffle=shuffle if size < len(data["Y"]) else False,
        rng=streams["shuffling"],
        monitor=watched,
        larger_is_better=watched in names and names[watched].larger_is_better,
        patience=patience,
        restore_best=patience is not None,
        lasting=("theta", *network.states),
        add_losses=network.loss_function.reduction == "sum",
        weights=data.get("w"),
        constants={"plateau_factor": 1.0, "key": int(streams["dropout"].integers(2**32))},
    )
    watchers = _watchers(network, run_, callbacks, progress)
    evaluate = _evaluator(network, held or data, wanted, held=held is not None)
    settings = {**plan.to_json(), "optimizer": optimizer.to_json(), "engine": engine}
    try:
        history = train(run_, plan, evaluate, _plateau(optimizer), watchers, network, settings)
    except NonFiniteStep as error:
        raise _explained(error, run_, plan, network, numbers) from None
    finally:
        _put_back(network, run_.state)

    def measured() -> Profile:
        rows = network.prepare(X, y, sample_weight)
        return profile(network, rows, batch_size=batch_size, optimizer=optimizer, seconds=PROFILED_SECONDS)

    history.measured_by(measured)
    return history


def _watched(monitor: str | None, metrics: Sequence[str], held: bool) -> str:
    """The quantity that decides which epoch was best."""
    watched = monitor or ("validation_loss" if held else "loss")
    known = ["loss", *(["validation_loss"] if held else []), *metrics]
    if watched not in known:
        raise ArgumentError(f"monitor={watched!r} is not recorded: recorded are {', '.join(known)}")
    return watched


def _watchers(network: Computing, run_: Run, callbacks: Any, progress: Any) -> list[Callback]:
    """The callbacks, after one that lets them see what the run has reached, and before the progress bar."""
    given = [callbacks] if isinstance(callbacks, Callback) or callable(callbacks) else callbacks
    for c in given:
        require(isinstance(c, Callback) or callable(c), f"a callback is a function or a cr.Callback, not {c!r}")
    watchers = [c if isinstance(c, Callback) else EveryEpoch(c) for c in given]
    between = any(type(c).on_slice is not Callback.on_slice for c in watchers)
    shown = progress_callback(progress)
    return [*([_PutBack(network, run_, between)] if watchers else []), *watchers, *([shown] if shown else [])]


def _split(
    network: Computing, data: Data, validation: Any, rng: np.random.Generator
) -> tuple[Data, Data | None, NDArray[np.int64]]:
    """The training rows, the validation rows if there are any, and the number that each training row was given as."""
    numbers = np.arange(len(data["Y"]))
    if "w" in data and not data["w"].all():  # what weighs nothing changes nothing, not even which rows share a batch
        numbers = np.flatnonzero(data["w"] > 0)
        data = {k: a[numbers] for k, a in data.items()}
    if validation is None:
        return data, None, numbers
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        return data, network.prepare(*validation), numbers
    require(
        isinstance(validation, float) and 0 < validation < 1,
        f"validation is (X, y), (X, y, weights) or a share of the rows between 0 and 1, not {validation!r}",
    )
    rows = len(data["Y"])
    count = round(validation * rows)
    require(0 < count < rows, f"a share of {validation} of {rows} rows leaves training or validation without rows")
    order = rng.permutation(rows)
    kept, held = order[count:], order[:count]
    return {k: a[kept] for k, a in data.items()}, {k: a[held] for k, a in data.items()}, numbers[kept]


@dataclass
class _PutBack(Callback):
    """Keeps the network at what the run has reached, so that callbacks after it can look at it or save it."""

    network: Computing
    run: Run
    between_steps: bool
    """Whether a callback looks in between epochs, too: large networks are not copied so often for nothing."""

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
    network: Computing, data: Data, metrics: Sequence[Metric], *, held: bool
) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, float]]:
    """What is recorded after each epoch: the validation loss, and the metrics."""
    inputs = {k: a for k, a in data.items() if k not in ("Y", "w")}
    target, weight = data["Y"], data.get("w")

    def evaluate(state: Mapping[str, NDArray[Any]]) -> dict[str, float]:
        if not held and not metrics:
            return {}
        _put_back(network, state)
        prediction = network.predict(inputs) if metrics else target
        recorded = {"validation_loss": network.loss(inputs, target, sample_weight=weight)} if held else {}
        return recorded | {m.name: m(prediction, target, weight) for m in metrics}

    return evaluate


def _plateau(optimizer: Optimizer) -> Callable[[float], dict[str, float]]:
    """What a schedule that waits for a plateau makes of each epoch's watched quantity."""
    schedule = plateau_of(optimizer.schedule)
    if schedule is None:
        return lambda value: {}
    program = Runnable.of(schedule.program())
    # Not infinity, from which no share can be taken away.
    state: dict[str, Any] = {"best": float(np.finfo(np.float64).max), "waited": 0.0, "plateau_factor": 1.0}

    def after_epoch(value: float) -> dict[str, float]:
        after = program(loss=value, **state)
        state.update(
            best=float(after["new_best"]),
            waited=float(after["new_waited"]),
            plateau_factor=float(after["new_factor"]),
        )
        return {"plateau_factor": state["plateau_factor"]}

    return after_epoch


def _explained(
    error: NonFiniteStep, run_: Run, plan: Plan, network: Computing, numbers: NDArray[np.int64]
) -> NonFiniteError:
    """The step, the first equation at which a value stopped being finite, its layer, and the row that it comes from."""
    history: History = error.history  # type: ignore[attr-defined]
    step = history.steps + 1
    epoch = (step - 1) // plan.steps_per_epoch + 1
    trouble = Trouble("", None)
    if run_.failed is not None:
        trouble = first_trouble(run_.program, run_.failed, run_.precision, places(network.model), numbers)
    message = (
        f"the {error.what.split()[-1]} is not finite in step {step} (epoch {epoch}){trouble.text}; "
        "the parameters are those from before this step: "
        "try a smaller learning rate, clip_norm=1.0, or look for extreme values in the data"
    )
    result = NonFiniteError(message)
    result.row = trouble.row
    result.history = history  # type: ignore[attr-defined]
    return result
