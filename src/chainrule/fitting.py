"""How a network is trained: data, step program, engine and plan are put together, and the result put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.fallback import warn_of_fallback
from chainrule.engines.lbfgs import LBFGSRun
from chainrule.engines.numpy import run_all
from chainrule.engines.protocol import NonFiniteStep, Run, Steps
from chainrule.engines.steps import NumpyRun
from chainrule.errors import ArgumentError, EngineError, NonFiniteError, require, unknown_name, whole_number
from chainrule.optim import LBFGS, Optimizer
from chainrule.passes.cost import cost
from chainrule.program import Program
from chainrule.runnable import Runnable
from chainrule.schedules import plateau_of
from chainrule.show.layout import lay_out
from chainrule.show.python import PYTHON
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

Data = dict[str, NDArray[Any]]
ENGINES = ("auto", "native", "numpy")

# What engine="auto" goes by; rough, since it decides between about equal times only where they are short.
SECONDS_AN_EQUATION = 2e-6
FLOPS_A_SECOND = 2e10
COMPILING_SECONDS = 0.3

PROFILED_SECONDS = 0.3
"""How long a profile measures steps."""


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
    data, held = _split(network, network.prepare(X, y, sample_weight), validation, streams["validation"])
    require(len(network.parameters.theta) > 0, "the network has no parameters to train")
    size = batch_rows(batch_size, len(data["Y"]))
    if isinstance(optimizer, LBFGS):
        require(batch_size == "all", "LBFGS takes all rows at once: give batch_size='all'")
        run_: Run = _lbfgs_run(network, data, optimizer, engine, epochs)
    else:
        run_ = _step_run(training_steps(network, data, optimizer, size), engine, epochs)
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
    try:
        history = train(run_, plan, evaluate, _plateau(optimizer), watchers)
    except NonFiniteStep as error:
        raise _explained(error, run_, plan) from None
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


def _split(network: Computing, data: Data, validation: Any, rng: np.random.Generator) -> tuple[Data, Data | None]:
    """The training rows, and the validation rows if there are any."""
    if "w" in data and not data["w"].all():  # what weighs nothing changes nothing, not even which rows share a batch
        data = {k: a[data["w"] > 0] for k, a in data.items()}
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        return data, network.prepare(*validation)
    require(
        isinstance(validation, float) and 0 < validation < 1,
        f"validation is (X, y), (X, y, weights) or a share of the rows between 0 and 1, not {validation!r}",
    )
    rows = len(data["Y"])
    count = round(validation * rows)
    require(0 < count < rows, f"a share of {validation} of {rows} rows leaves training or validation without rows")
    order = rng.permutation(rows)
    return {k: a[order[count:]] for k, a in data.items()}, {k: a[order[:count]] for k, a in data.items()}


def training_steps(network: Computing, data: Data, optimizer: Optimizer, batch_size: int) -> Steps:
    """The steps of a fit; full batches need no rows picked out."""
    gather = batch_size < len(data["Y"])
    theta = network.parameters.theta
    state = {"theta": theta.copy(), **{name: np.zeros_like(theta) for name in optimizer.slots}}
    state |= {name: values.copy() for name, values in network.states.items()}
    named = {f"all_{name}": array for name, array in data.items()} if gather else data
    step = network.model.step_program(optimizer, gather=gather, weighted="w" in data)
    return Steps(step, network.dtype, named, state, batch_size)


def _step_run(steps: Steps, engine: str, epochs: int) -> Run:
    """A run of training steps on an engine."""
    if engine == "native" or (engine == "auto" and _pays(steps, epochs)):
        from chainrule.engines.native import native_run

        try:
            return native_run(steps)
        except EngineError as error:
            if engine == "native":
                raise
            warn_of_fallback(str(error))
    return NumpyRun(steps.program, steps.precision, steps.data, steps.state)


def profile(
    network: Computing, data: Data, *, batch_size: int | Literal["all"], optimizer: Optimizer, seconds: float
) -> Profile:
    """Where the time of a step goes; the arguments are those of :meth:`chainrule.network.Network.profile`."""
    from chainrule.engines.native.profile import profile_step

    require(not isinstance(optimizer, LBFGS), "LBFGS has no step of a fixed length: profile another optimizer")
    steps = training_steps(network, data, optimizer, batch_rows(batch_size, len(data["Y"])))
    constants = {"plateau_factor": 1.0, "key": 0, "S": float(-(-steps.rows // steps.batch_size)), "T": 1e6}
    return profile_step(steps, constants, seconds)


def _pays(steps: Steps, epochs: int) -> bool:
    """Whether the reference engine would need so long that compiling the step is worth while.

    The answer depends on sizes alone, so that the same call gives the same bits every time.
    """
    sizes = {"B": steps.batch_size, "N": steps.rows}
    seconds = reference_seconds(steps.program, sizes, steps.precision)
    return epochs * -(-steps.rows // steps.batch_size) * seconds > COMPILING_SECONDS


def reference_seconds(program: Program, sizes: Mapping[str, int], precision: str) -> float:
    """About how long the reference engine needs for one run."""
    flops = cost(program, sizes, precision).flops
    return len(program.equations) * SECONDS_AN_EQUATION + flops / FLOPS_A_SECOND


def _lbfgs_run(network: Computing, data: Data, optimizer: LBFGS, engine: str, epochs: int) -> LBFGSRun:
    """L-BFGS follows the loss as it is in training; what is random or changes from step to step would mislead it."""
    program = network.program("gradients", training=True, weighted="w" in data)
    changing = [v.name for v in program.inputs if v.role in ("constant", "state")]
    if changing:
        raise ArgumentError("LBFGS needs a loss that stays the same: it cannot train Dropout or BatchNorm")
    parameters = network.parameters

    def objective(theta: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        values = {**data, **parameters.views_of(theta)}
        results = network.evaluator.run(program, values, len(data["Y"]), engine, calls=2 * epochs)
        return float(results["L"]), np.concatenate([results[f"d{name}"].ravel() for name in parameters])

    require(
        plateau_of(optimizer.schedule) is None,
        "LBFGS searches for its own step lengths: ReduceOnPlateau is not for it",
    )
    schedule = Runnable.of(optimizer.schedule.program())

    def rate(step: int, constants: Mapping[str, float]) -> float:
        return float(schedule(t=float(step), S=constants["S"], T=constants["T"])["lr"])

    return LBFGSRun(objective, optimizer.direction_program, optimizer.history, parameters.theta.copy(), rate)


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


def _explained(error: NonFiniteStep, run_: Run, plan: Plan) -> NonFiniteError:
    """The step and the first equation at which a value stopped being finite."""
    history: History = error.history  # type: ignore[attr-defined]
    step = history.steps + 1
    epoch = (step - 1) // plan.steps_per_epoch + 1
    where = ""
    if run_.failed is not None:
        where = first_non_finite(run_.program, run_.failed, run_.precision)
    message = (
        f"the {error.what.split()[-1]} is not finite in step {step} (epoch {epoch}){where}; "
        "the parameters are those from before this step: "
        "try a smaller learning rate, clip_norm=1.0, or look for extreme values in the data"
    )
    result = NonFiniteError(message)
    result.history = history  # type: ignore[attr-defined]
    return result


def first_non_finite(program: Program, values: Mapping[str, Any], precision: str) -> str:
    """Words for the first equation of ``program`` whose value is not finite, given its inputs."""
    for var in program.inputs:
        if var.dtype == "float" and not np.isfinite(values[var.name]).all():
            return f": {var.name} itself is not finite"
    everything = run_all(program, values, precision)
    for line in lay_out(program, PYTHON).lines:  # as it is printed, so that it can be found
        value = everything[line.equation.target.name]
        if line.equation.target.dtype == "float" and not np.isfinite(value).all():
            bad = int(np.size(value) - np.isfinite(value).sum())
            return (
                f", first in the line {line.name} = {line.text}, "
                f"where {bad} of {np.size(value)} values are infinite or undefined"
            )
    return ""
