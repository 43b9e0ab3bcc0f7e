"""Options with which a training survives: checkpoints, and going on from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chainrule.engines.jax.processes import first


def keeping(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where checkpoints are, for :func:`kept`."""
    for option in (
        click.option("--resume", is_flag=True, help="Go on from the checkpoints in DIR; start where there are none."),
        click.option(
            "--every",
            metavar="SECONDS",
            type=click.FloatRange(min=0),
            help="Seconds from one checkpoint (with --online, one writing of the model) to the next.  [default: 60]",
        ),
        click.option(
            "--checkpoint",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Write down from time to time where training stands.",
        ),
    ):
        command = option(command)
    return command


def kept(checkpoint: Path | None, every: float | None, resume: bool) -> dict[str, Any]:
    """The arguments of training for what the options say; tells from where a training goes on."""
    from chainrule.training.keeping import Checkpoints, newest_steps

    if checkpoint is None:
        if resume or every is not None:
            raise click.UsageError(f"{'--resume' if resume else '--every'} needs --checkpoint DIR")
        return {}
    if resume and first():
        steps = newest_steps(checkpoint)
        stand = ", ".join(f"{member} at step {step}" for member, step in steps.items())
        click.echo(
            f"Going on from {checkpoint}: {stand}." if steps else f"No checkpoints in {checkpoint} yet.", err=True
        )
    checkpoints = Checkpoints(checkpoint) if every is None else Checkpoints(checkpoint, seconds=every)
    return {"checkpoints": checkpoints, "resume": checkpoint if resume else None}
