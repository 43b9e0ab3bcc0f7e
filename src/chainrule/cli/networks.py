"""A network that is described on the command line by its sizes, and rows for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.parsing import numbers
from chainrule.errors import DataError

if TYPE_CHECKING:
    from chainrule.network import Network

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def hidden_option(default: str) -> Decorator:
    """The activation of hidden layers."""
    return click.option(
        "--hidden", metavar="NAME", default=default, show_default=True, help="Activation of the hidden layers."
    )


loss_option: Decorator = click.option(
    "--loss", metavar="NAME", default="squared_error", show_default=True, help="What is minimised."
)


def small_network(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a network whose numbers a person reads, of rows for it, and of how it is written."""
    for option in (
        click.option("--lr", type=float, default=0.1, show_default=True, help="Learning rate of the update."),
        click.option(
            "--notation",
            metavar="NAME",
            default="names",
            show_default=True,
            help="How it is written: names, textbook, columns, indexed, net or phi.",
        ),
        click.option("--target", "targets", metavar="Y", multiple=True, help="Target of the row.  [default: 1]"),
        click.option(
            "--row",
            "rows",
            metavar="X",
            multiple=True,
            help="Features, as in 1,2; once for each row.  [default: 1,2,3...]",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the weights."),
        click.option(
            "--weights", type=click.Path(path_type=Path), help='JSON file such as {"W1": [[1, 2]], "b1": [0, 0]}.'
        ),
        click.option("--no-bias", is_flag=True, help="Layers without biases."),
        loss_option,
        click.option("--output", metavar="NAME", help="Activation of the last layer.  [default: what the loss wants]"),
        hidden_option("tanh"),
    ):  # fmt: skip
        command = option(command)
    return command


def build(
    sizes: Sequence[int], hidden: str, output: str | None, loss: str, no_bias: bool, weights: Path | None, seed: int
) -> Network:
    """The network, in double precision."""
    from chainrule.network import mlp

    network = mlp(sizes, hidden=hidden, output=output, loss=loss, bias=not no_bias, seed=seed, dtype="float64")
    if weights is not None:
        for name, values in _read_weights(weights).items():
            network.parameters[name] = values
    return network


def _read_weights(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise DataError(f'{file} is not JSON: write {{"W1": [[1, 2], [3, 4]], "b1": [0, 0]}}') from None
    if not isinstance(found, dict):
        raise DataError(f"{file} holds no object of parameters by name, such as {{'b1': [0, 0]}}")
    return found


def rows_for(network: Network, rows: Sequence[str], targets: Sequence[str]) -> tuple[Any, Any]:
    """Rows and targets as the options give them; without them, a row that is easy to follow."""
    features = int(network.model.inputs[0][1][1])
    X = [numbers(row, "row of features") for row in rows] or [[float(n) for n in range(1, features + 1)]]
    y = [numbers(target, "target") for target in targets] or [_target(network)] * len(X)
    if len(X) != len(y):
        raise click.UsageError(f"--row is given {len(X)} times and --target {len(y)} times: give a target for each row")
    if len({len(row) for row in X}) > 1:
        raise click.UsageError("the rows differ in length: give as many features in each --row")
    return X, [target[0] if len(target) == 1 else target for target in y]


def _target(network: Network) -> list[float]:
    """A target of the kind that the loss wants."""
    return [1.0] * (1 if network.loss_function.target == "classes" else network.outputs)


def random_rows(network: Network, rows: int) -> tuple[dict[str, Any], Any]:
    """Features by name of the input, and targets of the kind that the loss wants."""
    import numpy as np

    from chainrule.nn.targets import random_inputs

    random = np.random.default_rng(0)
    X = random_inputs(network.program("predict"), rows, random)
    match network.loss_function.target:
        case "classes":
            return X, random.integers(0, network.outputs, rows)
        case "binary" | "signs":
            return X, random.integers(0, 2, (rows, network.outputs))
        case _:
            return X, np.abs(random.standard_normal((rows, network.outputs)))
