"""``chainrule train``: a table in; a trained network, its report and its results out."""

from __future__ import annotations

import os
import shlex
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.following import followed, following
from chainrule.cli.keeping import keeping, kept
from chainrule.cli.on_disk import described, from_disk, stream_of
from chainrule.cli.online import STREAM_OPTIONS, check_options, learn, streaming
from chainrule.cli.parsing import batch_size, units
from chainrule.cli.processes import part_of, together
from chainrule.engines.choice import ENGINES
from chainrule.engines.jax.processes import first

if TYPE_CHECKING:
    from chainrule.tabular import TableModel

INTERRUPTED = 130

_NO_PART_OF_THE_MODEL = (
    *("data", "out", "force", "as_json", "log", "tensorboard", "mlflow"),
    *("checkpoint", "every", "resume", "joining"),
)
"""Parameters that say where things go."""


@click.command(
    epilog="""\b
Examples:
  chainrule train penguins.csv --target species
  chainrule train houses.parquet --target price --hidden 128,64 --lr 0.003 --out houses
  chainrule train penguins.csv --target species --json > result.json
  tail -n +1 -f log.csv | chainrule train - --online --target latency --out latency-model
"""
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="Whether the target is a class or a number; auto looks at its values.",
)
@click.option(
    "--hidden",
    metavar="UNITS",
    callback=units,
    help="Units of each hidden layer, such as 64,64; none for a linear model.",
)
@click.option("--members", type=click.IntRange(min=1), help="Networks that are trained and averaged.")
@click.option("--dropout", type=float, help="Share of hidden units that a step leaves out.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the rows, at most.")
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    help="Epochs without a lower validation loss after which to stop; never, by default.",
)
@click.option("--batch-size", metavar="ROWS", callback=batch_size, help="Rows in a step, or all.")
@click.option("--lr", type=float, help="Learning rate at the start.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same model.")
@click.option("--ignore", metavar="COL", multiple=True, help="A column to leave out; may be given several times.")
@click.option("--skip-unlabelled", is_flag=True, help="Leave out the rows without a target; else they are an error.")
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What computes.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the model.  [default: the name of DATA, then -model, here]",
)
@click.option("--force", is_flag=True, help="Write even if the folder holds other files (they stay).")
@from_disk
@keeping
@together
@streaming
@following
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.pass_context
def train(
    context: click.Context,
    /,
    data: Path,
    target: str,
    out: Path | None,
    force: bool,
    log: Path | None,
    tensorboard: Path | None,
    mlflow: bool,
    checkpoint: Path | None,
    every: float | None,
    resume: bool,
    as_json: bool,
    online: bool,
    on_disk: bool,
    memory: str | None,
    processes: int | None,
    joining: str | None,
    **arguments: Any,
) -> int:
    """Train a network on a table to predict one of its columns.

    DATA is a CSV, TSV (both may be gzipped) or Parquet file; with --stream, also a folder of them. Columns of
    numbers, text, dates and booleans are recognised, missing values are handled. The folder --out will hold the
    model, its history and a report to read.
    Settings that are not given are chosen by the table's size, as measured on real tables.
    Ctrl-C ends training early and keeps the best weights so far.

    With --online, each row is learnt as it comes, after it was predicted; Ctrl-C ends that and keeps the model.
    """
    _one_thread_for_products()
    check_options(context, online=online)
    stream: dict[str, Any] = {name: arguments.pop(name) for name in STREAM_OPTIONS}
    if online:
        stream |= {name: arguments[name] for name in ("task", "hidden", "lr", "seed", "engine", "ignore")}
        stream |= {"target": target, "every": every}
        folder, command = out or Path("online-model"), _command(context)
        return learn(str(data), folder, command=command, force=force, as_json=as_json, **stream)
    arguments["engine"], code = part_of(context.obj, processes, joining, arguments["engine"])
    if code is not None:
        return code
    talks = first()  # of several processes
    from chainrule.cli import show
    from chainrule.data import read_table
    from chainrule.files import sha256
    from chainrule.tabular import TableModel, check_folder

    folder = out or Path(f"{_stem(data)}-model")
    check_folder(folder, force=force)
    rows = stream_of(data, memory, asked=on_disk)
    table = read_table(data) if rows is None else rows
    with followed(*((log, tensorboard, mlflow) if talks else (None, None, False))) as (callbacks, keep):
        model = TableModel.train(
            table,
            target,
            **arguments,
            progress=talks and not as_json,
            callbacks=callbacks,
            **kept(checkpoint, every, resume),
            announce=None
            if as_json or not talks
            else lambda *found: show.unless_closed(show.recognised, data, table, *found),
        )
        if not talks:
            return 0
        about = {"file": data.name, "sha256": sha256(data)} if rows is None else described(rows)
        model.settings.update({"command": _command(context, streamed=rows is not None), "table": about})
        model.save(folder, force=force)
        keep(folder)
    interrupted = model.interrupted
    if as_json:
        show.as_json(_summary(model, folder, interrupted))
    else:
        show.unless_closed(show.result, model, rows.paths[0] if rows else data, folder, interrupted)
    if interrupted and checkpoint:
        click.echo(f"The same command with --resume goes on from {checkpoint}.", err=True)
    return INTERRUPTED if interrupted else 0


def _one_thread_for_products() -> None:
    """Keep NumPy's products, of a process that has not loaded it yet, on one thread each.

    The members share the cores already, and each product is small: where another process has a core, the threads of
    OpenBLAS wait for each other at every one of them, and take many times as long.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _stem(data: Path) -> str:
    """The name of a file without what tells its format; for a pattern, that of its folder."""
    meant = data.parent if has_magic(data.name) else data
    name = Path(os.path.abspath(meant)).name.removesuffix(".gz")
    return name[: -len(suffix)] if (suffix := Path(name).suffix) else name


def _command(context: click.Context, *, streamed: bool = False) -> str:
    """The command that was given, with the seed, as a shell takes it."""
    words = ["chainrule", "train", str(context.params["data"])]
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if name in _NO_PART_OF_THE_MODEL or not (given or name == "seed" or (streamed and name == "on_disk")):
            continue
        if parameter.multiple:
            words += [word for each in value or () for word in (parameter.opts[0], each)]
            continue
        if isinstance(parameter, click.Option) and parameter.is_flag:
            words += [parameter.opts[0]]
            continue
        text = (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
        words += [parameter.opts[0], text]
    return shlex.join(words)


def _summary(model: TableModel, folder: Path, interrupted: bool) -> dict[str, Any]:
    """What a program that called this one may want to know."""
    from chainrule.tabular import FILES

    target = model.encoder.target
    results = model.results.to_json()
    results["inspection"].pop("dependences")  # as the rows of a regression, they are there to be drawn
    return {
        "model": str(folder),
        "files": [str(folder / name) for name in FILES],
        "target": {
            "name": target.name,
            "task": target.task,
            "reason": target.reason,
            "classes": list(model.classes),
        },
        "columns": [
            {"name": c.name, "kind": c.kind, "missing": c.missing, "treatment": c.sentence}
            for c in model.encoder.columns
        ],
        "parameters": model.network.parameters.theta.size,
        "members": [
            {"epochs": len(history), "best_epoch": history.best_epoch, "stopped": history.stopped}
            for history in model.histories
        ],
        "interrupted": interrupted,
        "verdict": model.diagnosis.to_json(),
        "results": {name: value for name, value in results.items() if name not in ("actual", "predicted")},
        "settings": model.settings,
    }
