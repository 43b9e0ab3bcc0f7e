"""Options with which a training is followed along."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click


def following(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where a training is recorded, for :func:`followed`."""
    for option in (
        click.option("--mlflow", is_flag=True, help="Keep the training as a run of MLflow (MLFLOW_TRACKING_URI)."),
        click.option(
            "--tensorboard", metavar="DIR", type=click.Path(path_type=Path), help="Write the losses for TensorBoard."
        ),
        click.option(
            "--log", metavar="FILE", type=click.Path(path_type=Path), help="Add a line of JSON to FILE every epoch."
        ),
    ):
        command = option(command)
    return command


@contextmanager
def followed(
    log: Path | None, tensorboard: Path | None, mlflow: bool
) -> Iterator[tuple[list[Any], Callable[[Path], None]]]:
    """Follow what is trained inside.

    Gives the callbacks to train with, and what is to be called with the folder of the model that was saved. A record
    that breaks is a line on stderr.
    """
    from chainrule.callbacks import JSONLines, MLflow, TensorBoard

    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    run = MLflow(model=False) if mlflow else None  # the files of the folder come instead
    records = (log and JSONLines(log), tensorboard and TensorBoard(tensorboard), run)

    def keep(folder: Path) -> None:
        try:
            if run:
                run.keep(folder)
        except Exception as error:  # whatever the library raises: the model is saved
            warnings.warn(f"MLflow does not have the files of {folder}: {error}", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings(), run.around() if run else nullcontext():
        warnings.showwarning = lambda message, *_: click.echo(f"chainrule: warning: {message}", err=True)
        yield [record for record in records if record], keep
