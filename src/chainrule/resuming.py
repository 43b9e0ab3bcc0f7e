"""Runs that go on: from the history of an earlier fit, or from a folder of checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from chainrule.engines.choice import engine_to_json
from chainrule.errors import ArgumentError, require
from chainrule.storage import checksum
from chainrule.training import History, Plan
from chainrule.training.keeping import Checkpoints, Folder, Keeper, newest
from chainrule.training.windows import RowsInMemory

if TYPE_CHECKING:
    from chainrule.fitting import Settings
    from chainrule.network.computing import Computing

Data = Mapping[str, NDArray[Any]]


def seed_of(network: Computing, seed: int | None, resume: Any) -> int:
    """The seed of a run: a history has its own, for anything else it is as in a call without ``resume``."""
    if resume is None or isinstance(resume, str | os.PathLike):
        return network.seed if seed is None else seed
    require(
        isinstance(resume, History),
        f"resume is the history that an earlier fit returned, or a folder of checkpoints, not {resume!r:.60}",
    )
    if resume.checkpoint is None:
        raise ArgumentError("nothing can go on from this history: it was read from a file, or training failed")
    require(seed is None, "a run that goes on keeps its random streams: leave seed out")
    return int(resume.checkpoint.seed)


def gone_on(
    plan: Plan,
    resume: History | Folder | None,
    checkpoints: Checkpoints | Folder | None,
    training: Callable[[], Mapping[str, Any]],
) -> tuple[Plan, History | None, Keeper | None]:
    """What a run goes on from, and where it is kept.

    Args:
        plan: the run from its start.
        resume: see :meth:`chainrule.network.Network.fit`.
        checkpoints: see there, too.
        training: gives what decides the course of the run, such as :func:`decisive`.

    Returns:
        The plan of what is left, the history of what was done, and what writes checkpoints.
    """
    before, folder = (resume, None) if isinstance(resume, History) else (None, resume)
    keeper = None
    if folder is not None or checkpoints is not None:
        about = training()
        if folder is not None:
            before = newest(folder, about)
            require(
                before is not None or checkpoints is not None,
                f"there are no checkpoints in {folder} to go on from, nor is any to be written: give checkpoints, too",
            )
            plan = replace(plan, epochs=max(0, plan.epochs - len(before or ())))
        if checkpoints is not None:
            wanted = checkpoints if isinstance(checkpoints, Checkpoints) else Checkpoints(checkpoints)
            same = folder is not None and Path(folder).resolve() == Path(wanted.folder).resolve()
            keeper = Keeper(wanted, about, resumed=same)
    if before is None:
        return plan, None, keeper
    assert before.checkpoint is not None
    plan.rng.bit_generator.state = before.checkpoint.shuffling
    return replace(plan, constants=before.checkpoint.constants), before, keeper


def decisive(network: Computing, settings: Settings, plan: Plan, data: Data, held: Data | None) -> dict[str, Any]:
    """What decides the course of a run, as JSON can hold it: all but how long it is and what watches it."""
    described = network.to_json()
    chosen = plan.to_json()
    chosen.pop("epochs")
    return {
        **{name: described[name] for name in ("layers", "loss", "inputs", "dtype", "l1", "l2")},
        "network_seed": network.seed,
        **({"data": checksum({}, data)} if isinstance(plan.windows, RowsInMemory) else {}),
        "validation": None if held is None else checksum({}, held),
        **chosen,
        "seed": plan.seed,
        "min_delta": plan.min_delta,
        "restore_best": plan.restore_best,
        "metrics": [metric.name for metric in settings.metrics],
        "optimizer": settings.optimizer.to_json(),
        "engine": engine_to_json(settings.engine),
    }


def check_record(history: History, plan: Plan, settings: Settings, *, held: bool) -> None:
    """Whether further epochs fit the record of those before."""
    kept = {*(["validation_loss"] if history.validation_loss else []), *history.metrics}
    wanted = {*(["validation_loss"] if held else []), *(m.name for m in settings.metrics)}
    if len(history) and (kept != wanted or history.monitor != plan.monitor):
        raise ArgumentError(
            f"the run to go on from recorded {', '.join(sorted(kept)) or 'the loss alone'} and watched "
            f"{history.monitor}: resume with the same validation, metrics and monitor"
        )
