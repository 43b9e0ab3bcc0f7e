"""What the commands print: for people with rich, for programs as JSON."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from chainrule.data import TableEncoder
    from chainrule.diagnosis import Diagnosis
    from chainrule.network import Network
    from chainrule.recipes import Recipe
    from chainrule.streaming import Stream
    from chainrule.tabular import TableModel
    from chainrule.training import Finding

_WIDTH: Final = 100
"""Columns of text where there is no terminal to ask."""

_CLASSES: Final = 12
"""How many classes are named."""

_LISTED: Final = 5
"""How many unseen categories a warning names."""


def unless_closed(show: Callable[..., None], *arguments: Any) -> None:
    """Print, unless the reader (such as ``head``) has gone: what is being trained is worth finishing all the same."""
    try:
        show(*arguments)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_json(record: Mapping[str, Any]) -> None:
    """Print a record as one JSON object."""
    click.echo(json.dumps(record, indent=2, ensure_ascii=False))


def recognised(
    data: Path, table: pl.DataFrame | Stream, encoder: TableEncoder, recipe: Recipe, member: Network, columns: Diagnosis
) -> None:
    """Print what was recognised in the table, what its columns tell, and a member before it is trained."""
    from rich.table import Table
    from rich.text import Text

    from chainrule.data.values import column as column_of
    from chainrule.show.numbers import counted, listed
    from chainrule.streaming import Stream

    console = _console()
    used, target = len(encoder.inputs), encoder.target
    size = "a stream" if isinstance(table, Stream) else f"{table.height} rows, {len(table.columns)} columns"
    console.print(f"{data}: {size}", style="bold")
    console.print()
    listing = Table(box=None, pad_edge=False, header_style="dim")
    for title, style in (("column", "bold"), ("kind", ""), ("what is done with it", "")):
        listing.add_column(title, style=style, overflow="fold")
    for column in encoder.columns:
        style = "" if column.features else "yellow"
        listing.add_row(Text(column.name), Text(column.kind), Text(column.sentence, style=style))
    console.print(listing, soft_wrap=False)
    console.print()
    kind = "a class" if target.task == "classification" else "a number"
    console.print(f"Target: {target.name} is {kind} ({target.reason}).")
    if target.classes:
        console.print(f"{len(target.classes)} classes: {listed(target.classes, _CLASSES)}.")
    unlabelled = 0 if isinstance(table, Stream) else column_of(table, target.name).null_count()
    if unlabelled:
        console.print(f"{counted(unlabelled, 'row')} without a target left out.")
    console.print(f"Learning from {encoder.rows} of the rows and {counted(used, 'column')}.")
    console.print()
    _findings(console, [finding for finding in columns.findings if finding.severity != "good"])
    several = f": {recipe.members} like this one are trained, and averaged" if recipe.members > 1 else ""
    console.print(f"Network{several}", style="bold")
    console.print(str(member.summary()))
    console.print()
    sys.stdout.flush()


def result(model: TableModel, data: Path, folder: Path, interrupted: bool) -> None:
    """Print how training ended, how good the model is, where it is, and what to do next."""
    from chainrule.tabular import FILES

    console = _console()
    if interrupted:
        done = all(map(len, model.histories))
        kept = "those of the best epochs so far" if done else "some members finished no epoch"
        begun, planned = len(model.histories), model.settings["members"]
        members = f", of {begun} of {planned} members" if begun < planned else ""
        console.print(f"Interrupted by Ctrl-C: the weights were saved, {kept}{members}.", style="yellow")
    before = len(model.settings["columns"])  # these were shown already
    _findings(console, model.diagnosis.findings[before:])
    console.print(model.results.sentence, style="bold green" if model.results.beats_baseline else "bold yellow")
    console.print()
    console.print(f"In {folder}: {', '.join(FILES)}")
    console.print("Next:")
    command = shlex.join(["chainrule", "predict", str(folder), str(data), "--out", "predictions.csv"])
    console.print(f"  {command}")
    console.print(f"  open {shlex.quote(str(folder / 'report.html'))} in a browser")


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print what was found, a line each."""
    for finding in findings:
        console.print(f"{finding.severity}: {finding.text}", style="yellow" if finding.severity == "warning" else "")
    if findings:
        console.print()


def warn_unseen(name: str, categories: Sequence[str]) -> None:
    """Print on stderr that a column holds categories that did not occur in training."""
    from chainrule.show.numbers import listed

    click.echo(
        f"chainrule: warning: column {name!r}: {listed([*map(repr, categories)], _LISTED)} did not occur in training; "
        "such rows count as none of the known categories",
        err=True,
    )


def _console() -> Console:
    """Plain text is printed as it is: names from a table are no markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)
