"""``chainrule step``: forward, backward and update, one equation at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.networks import build, rows_for, small_network
from chainrule.cli.pages import shown
from chainrule.cli.parsing import sizes

if TYPE_CHECKING:
    from chainrule.explain import Stepper

_KEYS = {
    **dict.fromkeys(("n", "", "\r", "\n", " ", "\x1b[C", "\x1bOC"), "step"),
    **dict.fromkeys(("b", "\x1b[D", "\x1bOD", "\x7f"), "back"),
    **dict.fromkeys(("r", "\x1b[H", "\x1bOH", "\x1b[1~"), "rewind"),
    **dict.fromkeys(("q", "\x04", "\x1b"), "quit"),
}

_HELP = "n or Enter: next   b: back   r: rewind   q: quit"


@click.command(
    epilog="""\b
Examples:
  chainrule step 2,2,1 --hidden sigmoid --output sigmoid --loss binary_cross_entropy --row 1,2 --target 1
  chainrule step 2,2,1 --notation textbook --passes 5 --out stepper.html
  printf 'n\\nn\\nb\\n' | chainrule step 2,2,1
"""
)
@click.argument("sizes", callback=sizes)
@click.option("--passes", type=click.IntRange(min=1), default=3, show_default=True, help="Passes of --out and --json.")
@small_network
@shown
def step(
    sizes: list[int],
    rows: tuple[str, ...],
    targets: tuple[str, ...],
    notation: str,
    lr: float,
    passes: int,
    out: Path | None,
    as_json: bool,
    **network: Any,
) -> None:
    """Go through forward pass, backward pass and update, one equation at a time.

    SIZES are features, units of each hidden layer, and outputs, such as 2,2,1. Each pass takes the next row, with the
    weights that the update before has left; rewinding goes back to the starting weights. Keys on a terminal, or lines
    of a file or pipe, move it. With --out, a page with buttons and keys is written instead.
    """
    from chainrule.cli.show import as_json as print_json

    built = build(sizes, **network)
    stepper = built.stepper(*rows_for(built, rows, targets), notation=notation, lr=lr)
    if out is not None:
        stepper.save(out, passes)
    if as_json:
        print_json(stepper.to_json(passes) | ({"page": str(out)} if out else {}))
    elif out is not None:
        click.echo(f"{out}: {passes} passes of {stepper.length} steps")
    else:
        _play(stepper)


def _play(stepper: Stepper) -> None:
    """Show where the stepper is, wait for a key, move it."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    _show(stepper, terminal)
    for key in _keys(terminal):
        move = _KEYS.get(key)
        if move == "quit":
            return
        if move is None:
            click.echo(f"{key!r} is no key here. {_HELP}")
            continue
        getattr(stepper, move)()
        _show(stepper, terminal)


def _keys(terminal: bool) -> Iterator[str]:
    """Single keys of a terminal, until the end of input; lines of anything else."""
    if not terminal:
        yield from (line.strip() for line in sys.stdin)
        return
    while True:
        try:
            yield click.getchar()
        except EOFError:
            return


def _show(stepper: Stepper, terminal: bool) -> None:
    if terminal:
        click.clear()
    click.echo(str(stepper))
    click.echo(_HELP)
    sys.stdout.flush()
