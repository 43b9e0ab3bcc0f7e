"""``chainrule profile``: where the time of a training step goes."""

from __future__ import annotations

import click

from chainrule.cli.networks import hidden_option, loss_option, random_rows
from chainrule.cli.parsing import sizes


@click.command(
    epilog="""\b
Examples:
  chainrule profile 784,128,10 --loss cross_entropy --batch-size 64
  chainrule profile 20,64,64,1 --loss binary_cross_entropy --dtype float64 --json
"""
)
@click.argument("sizes", callback=sizes)
@hidden_option("relu")
@loss_option
@click.option("--optimizer", metavar="NAME", default="adam", show_default=True, help="How parameters change.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Rows in a step.")
@click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True, help="Precision."
)
@click.option("--seconds", type=click.FloatRange(min=0.01), default=0.5, show_default=True, help="How long to measure.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def profile(
    sizes: list[int],
    hidden: str,
    loss: str,
    optimizer: str,
    batch_size: int,
    dtype: str,
    seconds: float,
    as_json: bool,
) -> None:
    """Show where the time of a training step goes, against the peak of this machine.

    SIZES are features, units of each hidden layer, and outputs, such as 784,128,10. The step runs on random rows, with
    the native engine; each line is one of its passes over memory.
    """
    from chainrule.cli import show
    from chainrule.network import mlp

    network = mlp(sizes, hidden=hidden, loss=loss, dtype=dtype)
    X, y = random_rows(network, max(2048, 2 * batch_size))
    result = network.profile(X, y, batch_size=batch_size, optimizer=optimizer, seconds=seconds)
    if as_json:
        show.as_json(result.to_json())
    else:
        click.echo(str(result), nl=False)
