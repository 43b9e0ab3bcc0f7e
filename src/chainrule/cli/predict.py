"""``chainrule predict``: a model and a table in, predictions out; the table may have any size."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from chainrule.cli.parsing import numbers
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    import polars as pl

    from chainrule.data.pieces import Piece
    from chainrule.tabular import TableModel

_FORMATS: Final = (".csv", ".parquet")

_MOST_UNSEEN: Final = 1000
"""Categories of a column that are collected at most."""


@click.command(
    epilog="""\b
Examples:
  chainrule predict penguins-model new.csv
  chainrule predict houses-model new.parquet --interval 0.9 --out predictions.parquet
  zcat new.csv.gz | chainrule predict penguins-model - > predictions.csv
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File for the predictions, .csv or .parquet.  [default: CSV on stdout]",
)
@click.option(
    "--probabilities/--no-probabilities", default=True, show_default=True, help="The probability of each class."
)
@click.option("--interval", type=float, metavar="SHARE", help="An interval that holds this share of numbers, as 0.9.")
@click.option("--quantiles", metavar="SHARES", help="Quantiles of numbers, as 0.05,0.5,0.95.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def predict(
    model: Path,
    data: Path,
    out: Path | None,
    probabilities: bool,
    interval: float | None,
    quantiles: str | None,
    as_json: bool,
) -> None:
    """Predict for each row of a table with a model that train has left.

    MODEL is the folder that train wrote; DATA a CSV, TSV (both may be gzipped) or Parquet file with the same columns,
    in any order, or - for CSV on standard input. The target need not be there. Each prediction is one row, in the order
    of DATA. The table is read in pieces, so it may be larger than memory (with --json, use --out as well).
    """
    import polars as pl

    from chainrule.cli import show
    from chainrule.data.pieces import read_pieces
    from chainrule.tabular import TableModel
    from chainrule.tabular.predicting import Wanted, check_wanted, predict_pieces

    if out is not None:
        _check_out(out, data)
    trained = TableModel.load(model)
    wanted = Wanted(probabilities, interval, tuple(numbers(quantiles, "list of quantiles")) if quantiles else ())
    check_wanted(trained, wanted)
    unseen: dict[str, set[str]] = defaultdict(set)
    with _progress(shown=out is not None and not as_json) as advance:
        pieces = _watched(trained, read_pieces(data, trained.encoder.inputs), unseen, advance)
        predictions = predict_pieces(trained, pieces, wanted)
        if out is not None:
            rows = _write(out, predictions)
        elif as_json:
            kept = pl.concat(predictions)
            rows = kept.height
        else:
            rows = _print(predictions)
    listed = {name: sorted(categories) for name, categories in unseen.items()}
    for name, categories in listed.items():
        show.warn_unseen(name, categories)
    if as_json:
        found: dict[str, Any] = {"file": str(out)} if out else {"predictions": kept.to_dicts()}
        show.as_json({"model": str(model), "rows": rows, "unseen": listed, **found})
    elif out is not None:
        click.echo(f"{out}: {rows} predictions of {trained.encoder.target.name!r}")


def _check_out(out: Path, data: Path) -> None:
    """Make sure that predictions can be written, before anything is computed."""
    if out.suffix.lower() not in _FORMATS:
        raise ArgumentError(f"--out {out} has the unknown extension {out.suffix!r}; use .csv or .parquet")
    if not out.parent.is_dir():
        raise ArgumentError(f"--out {out}: the folder {out.parent} does not exist; make it, or choose another one")
    if out.is_dir():
        raise ArgumentError(f"--out {out} is a folder; name a file in it")
    if out.exists() and data.exists() and out.samefile(data):
        raise ArgumentError(f"--out {out} is the table itself; choose another file for the predictions")


def _watched(
    trained: TableModel, pieces: Iterator[Piece], unseen: dict[str, set[str]], advance: Any
) -> Iterator[pl.DataFrame]:
    """The rows of each piece; categories that training did not see are noted on the way."""
    for piece in pieces:
        yield piece.frame
        for name, categories in trained.encoder.unseen(piece.frame).items():
            unseen[name].update(categories[: _MOST_UNSEEN - len(unseen[name])])
        advance(piece.done)


def _print(predictions: Iterator[pl.DataFrame]) -> int:
    """Write CSV to standard output as it comes."""
    rows = 0
    for frame in predictions:
        click.echo(frame.write_csv(include_header=rows == 0), nl=False)
        rows += frame.height
    return rows


def _write(out: Path, predictions: Iterator[pl.DataFrame]) -> int:
    """Write a file as the predictions come; it stands under its name once it is whole."""
    from polars.io.plugins import register_io_source

    from chainrule.files import replacing

    first = next(predictions)
    rows = 0

    def source(*_: object) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in chain([first], predictions):
            rows += frame.height
            yield frame

    table = register_io_source(source, schema=first.schema)
    try:
        with replacing(out) as temporary:
            sink = table.sink_csv if out.suffix.lower() == ".csv" else partial(table.sink_parquet, row_group_size=2**20)
            sink(temporary)
    except OSError as error:
        raise ArgumentError(f"cannot write {out} ({error.strerror}); choose another place") from error
    return rows


@contextmanager
def _progress(*, shown: bool) -> Iterator[Any]:
    """A function that is told which share is done; a bar on terminals."""
    if not shown or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    with Progress(
        BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda done: bar.update(task, completed=done or 0.0)
