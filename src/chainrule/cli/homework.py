"""``chainrule homework``: the homework of a course, solved and discussed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import numbers
from chainrule.engines.choice import ENGINES


def _row(context: click.Context, parameter: click.Parameter, value: str | None) -> list[float] | None:
    """Numbers with commas between them, or nothing."""
    return None if value is None else numbers(value, "row of numbers")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  chainrule homework 1 --notation phi --out rules.tex
  chainrule homework 2
  chainrule homework 2 --seed 7 --out gaussians.html
  chainrule homework 3 --data mnist --out digits.html
""",
)
@click.pass_context
def homework(context: click.Context) -> None:
    """Solve a homework of a course, and discuss it."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@homework.command("1")
@click.option("--x", "X", metavar="NUMBERS", callback=_row, default="1,2", show_default=True, help="The two features.")
@click.option("--y", type=float, default=1.0, show_default=True, help="The target.")
@click.option("--weights", metavar="NUMBERS", callback=_row, help="The six weights, instead of drawing them.")
@click.option("--half", is_flag=True, help="Put a half in front of the squared error.")
@click.option("--lr", "rate", type=float, default=0.1, show_default=True, help="Learning rate.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same weights.")
@click.option("--notation", metavar="NAME", default="textbook", show_default=True, help="How everything is written.")
@shown
def update_rules(out: Path | None, as_json: bool, **given: Any) -> None:
    """The update rules of a 2-2-1 network's six weights."""
    from chainrule.homework import homework_1

    show_page(homework_1(**given), out, as_json)


@homework.command("2")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same points.")
@click.option("--lr", "rate", type=float, default=0.5, show_default=True, help="Learning rate.")
@click.option("--updates", type=click.IntRange(min=1), default=1000, show_default=True, help="With all points.")
@shown
def two_gaussians(out: Path | None, as_json: bool, **given: Any) -> None:
    """Two Gaussians, without and with biases."""
    from chainrule.homework import homework_2

    show_page(homework_2(**given), out, as_json)


@homework.command("3")
@click.option("--data", "folder", type=click.Path(path_type=Path), help="Folder of MNIST.  [default: $CHAINRULE_MNIST]")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True, help="Passes over the images.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same networks.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="native",
    show_default=True,
    help="What computes.",
)
@shown
def digits(out: Path | None, as_json: bool, **given: Any) -> None:
    """MNIST's 1 against 2 with 784-1000-1000-1; about half a minute."""
    from chainrule.homework import homework_3

    show_page(homework_3(**given), out, as_json)
