"""``chainrule predict``: a model and a table in, predictions out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    import polars as pl

_FORMATS = (".csv", ".parquet")


@click.command(
    epilog="""\b
Examples:
  chainrule predict penguins-model new.csv
  chainrule predict penguins-model new.csv --out predictions.parquet
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File for the predictions, .csv or .parquet.  [default: CSV on stdout]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def predict(model: Path, data: Path, out: Path | None, as_json: bool) -> None:
    """Predict for each row of a table with a model that train has left.

    MODEL is the folder that train wrote; DATA a CSV, TSV (both may be gzipped) or Parquet file with the same
    columns, in any order. The target need not be there. Each prediction is one row, in the order of DATA; for
    classes with the probability of each.
    """
    from chainrule.cli import show
    from chainrule.data import read_table
    from chainrule.tabular import TableModel

    if out is not None:
        _check_out(out, data)
    trained = TableModel.load(model)
    frame = read_table(data, as_text=trained.encoder.text_columns)
    predictions = trained.predict(frame)
    unseen = trained.encoder.unseen(frame)
    for name, categories in unseen.items():
        show.warn_unseen(name, categories)
    if out is not None:
        _write(out, predictions)
    if as_json:
        found = {"file": str(out)} if out else {"predictions": predictions.to_dicts()}
        show.as_json({"model": str(model), "rows": predictions.height, "unseen": unseen, **found})
    elif out is not None:
        click.echo(f"{out}: {predictions.height} predictions of {trained.encoder.target.name!r}")
    else:
        click.echo(predictions.write_csv(), nl=False)


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


def _write(out: Path, predictions: pl.DataFrame) -> None:
    from chainrule.files import write_atomically

    file = io.BytesIO()
    if out.suffix.lower() == ".csv":
        predictions.write_csv(file)
    else:
        predictions.write_parquet(file)
    try:
        write_atomically(out, file.getvalue())
    except OSError as error:
        raise ArgumentError(f"cannot write {out} ({error.strerror}); choose another place") from error
