"""``chainrule exercise``: a problem sheet, its key, and a file for the answers."""

from __future__ import annotations

from pathlib import Path

import click

from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import page_file


@click.command(
    epilog="""\b
Examples:
  chainrule exercise --level 3 --seed 7
  chainrule exercise --level 3 --seed 7 --out sheet.html --key key.html --answers answers.toml
  chainrule check-work answers.toml
"""
)
@click.option("--level", type=click.IntRange(1, 5), default=1, show_default=True, help="How hard it is, from 1 to 5.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same exercise.")
@click.option(
    "--notation",
    metavar="NAME",
    help="How it is written: names, textbook, columns, indexed, net or phi.  [default: by level]",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    callback=page_file,
    help="Write the key to a .html, .tex or .txt file.",
)
@click.option(
    "--answers", type=click.Path(path_type=Path), help="Write a .toml file for the answers, for check-work to grade."
)
@shown
def exercise(
    level: int,
    seed: int,
    notation: str | None,
    key: Path | None,
    answers: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a fresh exercise with friendly numbers.

    Level 1 is a neuron; 2 the forward pass of a network with two inputs, two hidden units and one output; 3 its
    gradients and a step; 4 a batch in matrices, or a softmax; 5 derivatives as formulas.
    """
    from chainrule.work import exercise as make

    made = make(level=level, seed=seed, notation=notation)
    if answers is not None:
        made.save_answers(answers)
    if key is not None:
        made.key.save(key)
    show_page(made, out, as_json)
    if not as_json:
        for file in (key, answers):
            if file is not None:
                click.echo(f"{file}: the {'key' if file is key else 'file for the answers'}")
