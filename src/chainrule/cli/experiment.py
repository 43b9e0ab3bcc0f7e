"""``chainrule experiment``: the experiments of a course, on a table or on a small built-in example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import batch_size, batch_sizes, plane, rates, units

if TYPE_CHECKING:
    from chainrule.network import Network


DRAWS: Final = {"each-epoch": True, "once": "once", "never": False}


def _on_a_problem(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments of experiments that train: rows and a network for them; without rows, a built-in example."""
    for option in (
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same page."),
        click.option(
            "--hidden",
            metavar="UNITS",
            callback=units,
            default="8",
            show_default=True,
            help="With DATA: units of each hidden layer of the network; none for a linear model.",
        ),
        click.option(
            "--task",
            type=click.Choice(["auto", "classification", "regression"]),
            default="auto",
            show_default=True,
            help="With DATA: whether the target is a class or a number.",
        ),
        click.option("--target", help="With DATA: the column to predict."),
        click.argument("data", type=click.Path(path_type=Path), required=False),
    ):
        command = option(command)
    return shown(command)


def _epochs(default: int, words: str = "Passes over the rows.") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--epochs", type=click.IntRange(min=1), default=default, show_default=True, help=words)


def _rate(default: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--lr", "rate", type=float, default=default, show_default=True, help="Learning rate.")


def _batch_size(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--batch-size", metavar="ROWS", callback=batch_size, default=default, show_default=True, help="Rows in a step."
    )


def _run(experiment: Callable[..., Any], given: dict[str, Any]) -> None:
    """Run an experiment on the problem that the options describe, and show its page."""
    out, as_json = given.pop("out"), given.pop("as_json")
    problem = _problem(*(given.pop(key) for key in ("data", "target", "task", "hidden")), seed=given["seed"])
    show_page(experiment(*problem, **given), out, as_json)


def _problem(data: Path | None, target: str | None, task: Any, hidden: Sequence[int], *, seed: int) -> Any:
    """A network with its rows, or three times nothing for the built-in example."""
    from chainrule.data import TableEncoder, read_table
    from chainrule.recipes import Recipe

    if data is None:
        if target is not None:
            raise click.UsageError("--target names a column of a table: give the table too")
        return None, None, None
    if target is None:
        raise click.UsageError("give the column to predict with --target")
    frame = read_table(data)
    encoder = TableEncoder.learn(frame, target, task)
    plain = Recipe(hidden=tuple(hidden), activation="relu", frequencies=0, dropout=0.0, label_smoothing=0.0)
    X, layout = encoder.encode(frame), (encoder.numbers, encoder.codes)
    network = plain.network(encoder.target.task, X.shape[1], *layout, encoder.target.outputs, seed)
    return network, X, encoder.encode_target(frame)


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  chainrule experiment learning-rates
  chainrule experiment learning-rates penguins.csv --target species --rates 0.01,0.1,1
  chainrule experiment landscape --over "W1[0,0] W2[0,0]" --out hill.html
  chainrule experiment counting --rows 100000 --batch-size 50 --epochs 3
""",
)
@click.pass_context
def experiment(context: click.Context) -> None:
    """Run an experiment of a course: each is a page with pictures.

    They train on DATA (a table as for train) or, without it, on a small built-in example.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@experiment.command("learning-rates")
@_on_a_problem
@click.option("--rates", callback=rates, default="0.01,0.1,1", show_default=True, help="The learning rates.")
@_epochs(30)
@_batch_size("all")
def learning_rates(**given: Any) -> None:
    """Judge several learning rates from the same start."""
    from chainrule.experiments import learning_rates as run

    _run(run, given)


@experiment.command()
@_on_a_problem
@click.option("--sizes", callback=batch_sizes, default="all,16,1", show_default=True, help="Rows in a step.")
@click.option(
    "--draw",
    type=click.Choice(list(DRAWS)),
    default="each-epoch",
    show_default=True,
    help="When rows are shuffled into batches.",
)
@_rate(0.1)
@_epochs(30)
def batches(draw: str, **given: Any) -> None:
    """Compare batch, mini-batch and online descent."""
    from chainrule.experiments import batches as run

    _run(run, {**given, "shuffle": DRAWS[draw]})


@experiment.command()
@_on_a_problem
@click.option(
    "--over",
    callback=plane,
    default="path",
    show_default=True,
    help="The plane: two elements such as 'W1[0,0] W2[0,0]', random directions, or those of the path.",
)
@_rate(0.5)
@_epochs(60)
@click.option("--points", type=click.IntRange(min=3), default=41, show_default=True, help="Places along each axis.")
def landscape(**given: Any) -> None:
    """Draw the loss as a hill, with a descent on it."""
    from chainrule.experiments import landscape as run

    _run(run, given)


@experiment.command()
@_on_a_problem
@click.option("--starts", "count", type=click.IntRange(min=2), default=64, show_default=True, help="Starting points.")
@_rate(0.5)
@_epochs(300, "Epochs of each start; the single one gets as many as all together.")
@_batch_size("1")
def starts(**given: Any) -> None:
    """Compare many starting points with a single one."""
    from chainrule.experiments import starts as run

    _run(run, given)


@experiment.command()
@_on_a_problem
@_epochs(500, "With DATA: iterations of L-BFGS before looking.")
def curvature(epochs: int, **given: Any) -> None:
    """Tell a minimum from a saddle where training ends."""
    from chainrule.experiments import curvature as run
    from chainrule.optim import LBFGS
    from chainrule.training import whole_runs

    def after_training(network: Network | None, X: Any, y: Any, seed: int) -> Any:
        if network is not None:
            with whole_runs():
                network.fit(X, y, epochs=epochs, batch_size="all", optimizer=LBFGS())
        return run(network, X, y)

    _run(after_training, given)


@experiment.command()
@click.option("--rows", type=click.IntRange(min=1), default=100_000, show_default=True, help="Rows of the data.")
@_batch_size("50")
@_epochs(3)
@shown
def counting(rows: int, batch_size: Any, epochs: int, out: Path | None, as_json: bool) -> None:
    """Count batches and updates."""
    from chainrule.experiments import counting as run

    show_page(run(rows, batch_size, epochs), out, as_json)
