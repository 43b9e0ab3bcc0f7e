"""``chainrule gallery``: published examples, computed again."""

from __future__ import annotations

from pathlib import Path

import click

from chainrule.cli.pages import show_page, shown


@click.command(
    epilog="""\b
Examples:
  chainrule gallery
  chainrule gallery mazur
  chainrule gallery symmetry --out symmetry.html
"""
)
@click.argument("name", required=False)
@shown
def gallery(name: str | None, out: Path | None, as_json: bool) -> None:
    """Compute a published example again, and compare with the numbers printed there.

    NAME is an example of the list; without it, the list is shown.
    """
    from chainrule.gallery import entries, show

    show_page(entries() if name is None else show(name), out, as_json)
