"""``chainrule check-work``: a file of answers in, verdicts out."""

from __future__ import annotations

from pathlib import Path

import click

from chainrule.cli.pages import show_page, shown


@click.command(
    "check-work",
    epilog="""\b
Examples:
  chainrule exercise --level 3 --seed 7 --answers answers.toml
  chainrule check-work answers.toml
  chainrule check-work answers.toml --out checked.html
""",
)
@click.argument("file", type=click.Path(path_type=Path))
@shown
def check_work(file: Path, out: Path | None, as_json: bool) -> int:
    """Say which answers in FILE are right, and why the others are wrong.

    FILE is a TOML file with a problem and the answers to it: numbers, lists of numbers, formulas. The exit code is 0
    when everything is right, 1 when something is wrong or not answered, 2 when the file cannot be read.
    """
    from chainrule.work.files import read_work

    marked = read_work(file).check()
    show_page(marked, out, as_json)
    return 0 if marked.right else 1
