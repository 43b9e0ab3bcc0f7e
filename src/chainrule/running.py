"""The steps of a network's training, and the engine that makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.choice import Engine, check_engine, jax_settings
from chainrule.engines.fallback import warn_of_fallback
from chainrule.engines.jax import jax_many_run, jax_run, jax_share
from chainrule.engines.lbfgs import LBFGSRun
from chainrule.engines.many import SeparateRuns, each_network
from chainrule.engines.protocol import WHOLE, Run, Share, Steps
from chainrule.engines.steps import NumpyRun
from chainrule.errors import ArgumentError, EngineError, require
from chainrule.optim import LBFGS, Optimizer
from chainrule.passes.cost import cost
from chainrule.program import Program
from chainrule.runnable import Runnable
from chainrule.schedules import plateau_of
from chainrule.shapes import show_shape
from chainrule.training import batch_rows
from chainrule.training.windows import to_pick_from

if TYPE_CHECKING:
    from chainrule.engines.native.profile import Profile
    from chainrule.network.computing import Computing

Data = dict[str, NDArray[Any]]

# What engine="auto" goes by; rough, since it decides between about equal times only where they are short.
SECONDS_AN_EQUATION = 2e-6
FLOPS_A_SECOND = 2e10
BYTES_A_SECOND = 2e9  # of results: functions of each element, and random masks, take most of the time
COMPILING_SECONDS = 0.3

PROFILED_SECONDS = 0.3
"""How long a profile measures steps."""


def training_steps(
    network: Computing,
    data: Data,
    optimizer: Optimizer,
    batch_size: int,
    before: Mapping[str, NDArray[Any]] | None = None,
    share: Share = WHOLE,
) -> Steps:
    """The steps of a fit, from the state of an earlier one if it is given; full batches need no rows picked out."""
    gather = batch_size < share.rows(len(data["Y"]))
    theta = network.parameters.theta
    state = {"theta": theta.copy(), **{name: np.zeros_like(theta) for name in optimizer.slots}}
    state |= {name: values.copy() for name, values in network.states.items()}
    if before is not None:
        state = _taken(state, before)
    named = to_pick_from(data) if gather else data
    step = network.training_program(optimizer, gather=gather, weighted="w" in data)
    return Steps(step, network.dtype, named, state, batch_size, share)


def share_of_rows(engine: Engine) -> Share:
    """Which rows of a stream this process reads, where an engine divides the work."""
    settings = jax_settings(engine)
    return WHOLE if settings is None else jax_share(settings)


def _taken(fresh: Mapping[str, NDArray[Any]], before: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The state of an earlier run, which must carry the same arrays."""
    carried, wanted = ({name: a.shape for name, a in state.items()} for state in (before, fresh))
    if carried != wanted:
        raise ArgumentError(
            f"the run to go on from carries {_listed(carried)}, but this network and optimizer {_listed(wanted)}: "
            "resume with the same network and the same kind of optimizer"
        )
    return {name: np.array(before[name], a.dtype) for name, a in fresh.items()}


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {show_shape(shape)}" for name, shape in shapes.items())


def step_run(steps: Steps, engine: Engine, epochs: int, threads: int | None) -> Run:
    """A run of training steps on an engine."""
    settings = jax_settings(engine)
    if settings is not None:
        return jax_run(steps, settings)
    if engine == "native" or (engine == "auto" and _pays(steps, epochs)):
        from chainrule.engines.native import native_run

        try:
            return native_run(steps, threads)
        except EngineError as error:
            if engine == "native":
                raise
            warn_of_fallback(str(error))
    return NumpyRun(steps.program, steps.precision, steps.data, steps.state)


def many_run(steps: Steps, engine: Engine, epochs: int) -> Run:
    """A run of several networks at once: the arrays of ``steps.state`` have a leading axis for them."""
    check_engine(engine)
    settings = jax_settings(engine)
    if settings is not None:
        return jax_many_run(steps, settings)
    networks = each_network(steps.state)
    if engine == "native" or (engine == "auto" and _pays(steps, epochs * len(networks))):
        from chainrule.engines import native

        try:
            return native.many_run(steps)
        except EngineError as error:
            if engine == "native":
                raise
            warn_of_fallback(str(error))
    return SeparateRuns([NumpyRun(steps.program, steps.precision, steps.data, one) for one in networks], workers=1)


def profile(
    network: Computing, data: Data, *, batch_size: int | Literal["all"], optimizer: Optimizer, seconds: float
) -> Profile:
    """Where the time of a step goes; the arguments are those of :meth:`chainrule.network.Network.profile`."""
    from chainrule.engines.native.profile import profile_step

    require(not isinstance(optimizer, LBFGS), "LBFGS has no step of a fixed length: profile another optimizer")
    steps = training_steps(network, data, optimizer, batch_rows(batch_size, len(data["Y"])))
    return profile_step(steps, clock(-(-steps.rows // steps.batch_size)), seconds)


def clock(steps_per_epoch: int, steps: float = 1e6, key: int = 0) -> dict[str, float]:
    """What steps read besides data, state and their number, where no epochs are kept count of and none is a plateau.

    Args:
        steps_per_epoch: S of a schedule.
        steps: T of a schedule, all there are; where nobody knows, so many that the rate stays what it is at the start.
        key: of dropout's masks.
    """
    return {"S": float(steps_per_epoch), "T": float(steps), "key": key, "plateau_factor": 1.0}


def full_batches(rows: int, batch_size: int, steps: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The row numbers of so many steps, batch after batch, all batches full: shuffled rows, taken round and round."""
    rounds = -(-steps * batch_size // rows)
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[: steps * batch_size]


def _pays(steps: Steps, epochs: int) -> bool:
    """Whether the reference engine would need so long that compiling the step is worth while.

    The answer depends on sizes alone, so that the same call gives the same bits every time.
    """
    sizes = {"B": steps.batch_size, "N": steps.rows}
    seconds = reference_seconds(steps.program, sizes, steps.precision)
    return epochs * -(-steps.rows // steps.batch_size) * seconds > COMPILING_SECONDS


def reference_seconds(program: Program, sizes: Mapping[str, int], precision: str) -> float:
    """About how long the reference engine needs for one run."""
    found = cost(program, sizes, precision)
    passes = len(program.equations) * SECONDS_AN_EQUATION
    return passes + found.flops / FLOPS_A_SECOND + found.bytes / BYTES_A_SECOND


def lbfgs_run(
    network: Computing,
    data: Data,
    optimizer: LBFGS,
    engine: Engine,
    epochs: int,
    before: Mapping[str, NDArray[Any]] | None,
) -> LBFGSRun:
    """L-BFGS follows the loss as it is in training; what is random or changes from step to step would mislead it."""
    program = network.program("gradients", training=True, weighted="w" in data)
    settings = jax_settings(engine)
    require(settings is None or settings.one_device, "LBFGS trains on one device: leave devices and split out")
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

    state = {"theta": parameters.theta.copy()}
    if before is not None:
        fresh = {**state, **{k: a for k, a in before.items() if k[0] in "sy" and k[1:].isdecimal()}}
        state = _taken(fresh, before)
    return LBFGSRun(objective, optimizer.direction_program, optimizer.history, state, rate)
