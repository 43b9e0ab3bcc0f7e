"""``chainrule simplify``: a loss and an output's activation function, derived line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import numbers


def _row(context: click.Context, parameter: click.Parameter, value: str | None) -> list[float] | None:
    """One number for each output, or nothing."""
    return None if value is None else numbers(value, "row of numbers")


@click.command(
    epilog="""\b
Examples:
  chainrule simplify softmax
  chainrule simplify sigmoid --out sigmoid.html
  chainrule simplify sigmoid squared_error --z 0.3 --y 1
  chainrule simplify softmax --z 2,1,0.1 --y 0.5,0.2,0.1 --notation columns
"""
)
@click.argument("output")
@click.argument("loss", required=False)
@click.option("--outputs", type=click.IntRange(min=1), help="How many outputs.  [default: 3 for softmax, else 1]")
@click.option("--z", metavar="NUMBERS", callback=_row, help="What enters the activation function.")
@click.option("--y", metavar="NUMBERS", callback=_row, help="The target of each output.")
@click.option(
    "--notation", metavar="NAME", help="names, textbook, columns, indexed, net or phi.  [default: short letters]"
)
@shown
def simplify(out: Path | None, as_json: bool, **given: Any) -> None:
    """Derive a loss by what enters the output's activation function, step by step.

    OUTPUT is an activation function, such as softmax, sigmoid or linear; LOSS is by default the one that belongs to it.
    Each step has a name and, where there is one, the condition under which it holds.
    """
    from chainrule.explain import simplification

    show_page(simplification(**given), out, as_json)
