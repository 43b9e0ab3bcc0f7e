"""``chainrule compare``: the same training in other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from chainrule.cli.check import FAILED
from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import batch_size, counts, units

if TYPE_CHECKING:
    import polars as pl

    from chainrule.data import TableEncoder
    from chainrule.network import Network


def _names(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    return [part.strip() for part in value.split(",")]


@click.command(
    epilog="""\b
Examples:
  chainrule compare penguins.csv --target species
  chainrule compare penguins.csv --target species --with sklearn,torch --out compared.html
  chainrule compare houses.parquet --target price --optimizer sgd --lr 0.01 --steps 1,1000
"""
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "--with",
    "peers",
    metavar="NAMES",
    callback=_names,
    default="native,sklearn,torch,keras,jax",
    show_default=True,
    help="Libraries, with commas between them; native is the native engine here.",
)
@click.option(
    "--task",
    type=click.Choice(["auto", "classification", "regression"]),
    default="auto",
    show_default=True,
    help="Whether the target is a class or a number.",
)
@click.option(
    "--hidden", metavar="UNITS", callback=units, default="64,64", show_default=True, help="Units of each hidden layer."
)
@click.option("--activation", metavar="NAME", default="relu", show_default=True, help="Of the hidden layers.")
@click.option("--optimizer", metavar="NAME", default="adam", show_default=True, help="How parameters change.")
@click.option("--lr", type=float, help="Learning rate.  [default: that of the optimizer]")
@click.option(
    "--batch-size", metavar="ROWS", callback=batch_size, default="32", show_default=True, help="Rows in a step, or all."
)
@click.option(
    "--steps", callback=counts, default="1,10,100", show_default=True, help="After how many steps to compare."
)
@click.option(
    "--dtype", type=click.Choice(["float64", "float32"]), default="float64", show_default=True, help="Precision."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of weights and row order.")
@shown
def compare(
    data: Path,
    target: str,
    task: Literal["auto", "classification", "regression"],
    hidden: Sequence[int],
    activation: str,
    optimizer: str,
    lr: float | None,
    out: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Train the same network in other libraries, and see how far it is the same.

    DATA is a table as for train. All start from the same weights and take the same rows in the same order. The exit
    code is 1 where a library differs by more than rounding explains, or none could take part.
    """
    from dataclasses import replace

    from chainrule.comparing import compare as run
    from chainrule.data import TableEncoder, read_table
    from chainrule.optim import optimizer_of

    frame = read_table(data)
    encoder = TableEncoder.learn(frame, target, task)
    X = _features(encoder, frame)
    chosen = optimizer_of(optimizer)
    network = _network(encoder, X.shape[1], hidden, activation, given["seed"])
    chosen = chosen if lr is None else replace(chosen, lr=lr)
    found = run(network, X, encoder.encode_target(frame), optimizer=chosen, **given)
    show_page(found, out, as_json)
    return 0 if found else FAILED


def _features(encoder: TableEncoder, frame: pl.DataFrame) -> Any:
    """The features as numbers alone: what is a code becomes a column for each code."""
    import numpy as np

    features = encoder.encode(frame)
    numbers = features.shape[1] - len(encoder.codes)
    pairs = zip(features[:, numbers:].T.astype(int), encoder.codes, strict=True)
    return np.hstack([features[:, :numbers], *(np.eye(codes, dtype=features.dtype)[column] for column, codes in pairs)])


def _network(encoder: TableEncoder, features: int, hidden: Sequence[int], activation: str, seed: int) -> Network:
    """Hidden layers, then the outputs and the loss that the target wants."""
    from chainrule.network import mlp

    classes = len(encoder.target.classes)
    loss = {0: "mean_squared_error", 2: "binary_cross_entropy"}.get(classes, "cross_entropy")
    return mlp([features, *hidden, encoder.target.outputs], hidden=activation, loss=loss, seed=seed)
