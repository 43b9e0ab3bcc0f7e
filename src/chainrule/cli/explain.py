"""``chainrule explain``: a formula, a small network or a trained model, derived with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.networks import build, rows_for, small_network
from chainrule.cli.pages import show_page, shown
from chainrule.cli.parsing import is_sizes, numbers
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.document import Shown

_NETWORK = ("hidden", "output", "loss", "no_bias", "weights", "seed")
_ROWS = ("rows", "targets")
_FORMULA = ("at", "path")
_PAGE = ("parameter", "notation", "lr")
_MEANT_FOR = {
    "formula": (_FORMULA, "a formula"),
    "network": ((*_NETWORK, *_ROWS, *_PAGE), "a network such as 2,2,1"),
    "model": (("rows", *_PAGE), "a trained model"),
}


@click.command(
    epilog="""\b
Examples:
  chainrule explain "(x3 + x5) - sigmoid(w3*x3 + w4*x4)" --at x3=1,x4=2,x5=0.5,w3=-1,w4=0.25 --paths x3
  chainrule explain 2,2,1 --loss squared_error --row 1,2 --target 1 --parameter "W1[0,1]" --notation indexed
  chainrule explain 2,2,1 --output sigmoid --weights weights.json --out page.html
  chainrule explain penguins-model penguins.csv --row 3
"""
)
@click.argument("subject")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--at", metavar="x=1,w=2", help="With a formula: the value of each symbol.")
@click.option("--paths", "path", metavar="NAME", help="With a formula: every path to this symbol, and their sum.")
@click.option(
    "--parameter", metavar="NAME", help='Derive by one element, such as "W1[0,1]".  [default: the whole pass]'
)
@small_network
@shown
@click.pass_context
def explain(
    context: click.Context, /, subject: str, data: Path | None, out: Path | None, as_json: bool, **given: Any
) -> None:
    """Explain a derivative, with every step and every number.

    SUBJECT is a formula; or features, units and outputs of a network, such as 2,2,1; or the folder of a model that
    train wrote, with DATA, a table whose row --row 3 (the third) is explained.
    """
    kind = "network" if is_sizes(subject) else "model" if data is not None or Path(subject).is_dir() else "formula"
    _check_options(context, kind)
    page: Shown
    match kind:
        case "formula":
            page = _formula(subject, given["at"], given["path"])
        case "network":
            if data is not None:
                raise click.UsageError("a table belongs to a trained model; give a network its rows with --row")
            network = build([int(part) for part in subject.split(",")], **{name: given[name] for name in _NETWORK})
            X, y = rows_for(network, given["rows"], given["targets"])
            page = network.explain(X, y, **{name: given[name] for name in _PAGE})
        case _:
            page = _model(Path(subject), data, given["rows"], {name: given[name] for name in _PAGE})
    show_page(page, out, as_json)


def _check_options(context: click.Context, kind: str) -> None:
    """An option that means nothing here is an error, not ignored."""
    allowed, _ = _MEANT_FOR[kind]
    others = {name for names, _ in _MEANT_FOR.values() for name in names} - set(allowed)
    for parameter in context.command.params:
        used = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if parameter.name in others and used:
            meant = " or ".join(words for names, words in _MEANT_FOR.values() if parameter.name in names)
            raise click.UsageError(f"{parameter.opts[0]} is for {meant}, but this is {_MEANT_FOR[kind][1]}")


def _formula(text: str, at: str | None, path: str | None) -> Shown:
    from chainrule.explain import circuit, paths
    from chainrule.explain.grammar import parse_formula

    formula = parse_formula(text)
    if formula.operation is None:
        raise ArgumentError(
            f"{text!r} is no formula that computes something, no list of sizes such as 2,2,1, and no folder here: "
            "check the name, or write a formula such as 'w*x + b'"
        )
    values = _values(at) if at else {}
    return circuit(formula, **values) if path is None else paths(formula, path, **values)


def _values(text: str) -> dict[str, float]:
    """Numbers by name, from ``x=1,w=2``."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and sign for name, sign, _ in pairs):
        raise click.BadParameter(f"--at {text!r} is no list of values by name, such as x=1,w=2")
    return {name.strip(): numbers(value, f"value of {name.strip()}")[0] for name, _, value in pairs}


def _model(folder: Path, data: Path | None, rows: Sequence[str], page: dict[str, Any]) -> Shown:
    from chainrule.data import read_table
    from chainrule.explain import notation_of
    from chainrule.tabular import TableModel

    if data is None:
        raise click.UsageError("a trained model is explained on rows of a table: name the table after the model")
    model = TableModel.load(folder)
    frame = read_table(data, as_text=model.encoder.text_columns)
    places = [_place(row, frame.height) for row in rows] or [0]
    chosen = frame[places]
    page["notation"] = replace(notation_of(page["notation"]), features=model.encoder.feature_names)
    return model.network.explain(model.encoder.encode(chosen), model.encoder.encode_target(chosen), **page)


def _place(row: str, height: int) -> int:
    if not (row.isascii() and row.isdigit() and 1 <= int(row) <= height):
        raise ArgumentError(f"--row {row}: the table has rows 1 to {height}; give the number of one")
    return int(row) - 1
