"""What commands that show a page have in common: its options, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chainrule.cli.parsing import page_file


def shown(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every page: where it goes, and whether numbers are wanted instead."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            callback=page_file,
            help="Write the page to a .html, .tex or .txt file.",
        ),
    ):
        command = option(command)
    return command


def show_page(result: Any, out: Path | None, as_json: bool) -> None:
    """Print a page, or write it to a file."""
    from chainrule.cli.show import as_json as print_json

    if out is not None:
        result.save(out)
    if as_json:
        print_json(result.to_json() | ({"page": str(out)} if out else {}))
    elif out is not None:
        click.echo(f"{out}: {result.document.title}")
    else:
        click.echo(result.text, nl=False)
