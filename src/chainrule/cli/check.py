"""``chainrule check`` and ``chainrule verify``: gradients that can be trusted, and proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainrule.cli.parsing import in_a_folder, page_file
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.network import Network

FAILED = 1


def _elements(context: click.Context, parameter: click.Parameter, value: str) -> int | str:
    if value != "all" and not (value.isascii() and value.isdigit() and int(value) > 0):
        raise click.BadParameter(f"{value!r} is neither a whole number above 0 nor all")
    return value if value == "all" else int(value)


def _certificate_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """A file for a certificate; a wrong ending is an error before anything is computed."""
    if value is None or value.suffix != ".json":
        return page_file(context, parameter, value)
    in_a_folder(value)
    return value


@click.command(
    epilog="""\b
Examples:
  chainrule check penguins-model penguins.csv
  chainrule check penguins-model penguins.csv --elements all --out certificate.json
  chainrule verify certificate.json
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--rows", type=click.IntRange(min=1), default=8, show_default=True, help="Rows of the loss.")
@click.option(
    "--elements",
    metavar="N",
    default="1000",
    show_default=True,
    callback=_elements,
    help="Derivatives to check at most, taken evenly from all parameters; or all.",
)
@click.option("--training", is_flag=True, help="Check the loss of a training step, with dropout and batch statistics.")
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as one JSON object and nothing else.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    callback=_certificate_file,
    help="File for the certificate: .json for verify, or a page as .html, .tex or .txt.",
)
def check(
    model: Path, data: Path | None, rows: int, elements: Any, training: bool, as_json: bool, out: Path | None
) -> int:
    """Check the gradient of a trained model against slopes that are measured without the chain rule.

    MODEL is the folder that train wrote, or a file that save wrote; DATA the table whose first rows the loss is of,
    with the target. Without it, the rows are random numbers. The exit code is 1 if a derivative is wrong.
    """
    from chainrule.cli import show

    network, X, y = _loaded(model, data, rows)
    certificate = network.check(X, y, elements=elements, training=training)
    if out is not None:
        certificate.save(out)
    if as_json:
        show.as_json(certificate.to_json())
    else:
        click.echo(certificate.text, nl=False)
        if out is not None:
            click.echo(f"\nWritten: {out}")
    return 0 if certificate else FAILED


def _loaded(model: Path, data: Path | None, rows: int) -> tuple[Network, Any, Any]:
    """The network, and rows and targets for it."""
    from chainrule.cli.networks import random_rows
    from chainrule.data import read_table
    from chainrule.network import load
    from chainrule.tabular import TableModel

    if data is None:
        network = load(model)
        return network, *random_rows(network, rows)
    trained = TableModel.load(model)
    frame = read_table(data, as_text=trained.encoder.text_columns).head(rows)
    return trained.network, trained.encoder.encode(frame), trained.encoder.encode_target(frame)


@click.command(
    epilog="""\b
Examples:
  chainrule check penguins-model penguins.csv --out certificate.json
  chainrule verify certificate.json
"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def verify(file: Path, as_json: bool) -> int:
    """Repeat the check of a certificate from its file alone.

    The program in the file is run, its inputs are moved, and the derivatives that it claims are compared with what
    comes out. The exit code is 1 if one of them is wrong, and 2 if the file was changed after it was written.
    """
    from chainrule.certificates.verify import verify as repeat
    from chainrule.cli import show

    if file.is_dir():
        raise ArgumentError(f"{file} is a folder; name the certificate's file")
    verification = repeat(file)
    certificate = verification.certificate
    if as_json:
        figures = {"checked": certificate.checked, "max_error": certificate.max_error}
        show.as_json({"holds": bool(certificate), "recorded": verification.recorded, **figures})
    else:
        click.echo(certificate.text, nl=False)
        agreement = "comes to the same verdict" if verification.agrees else "DOES NOT come to the verdict in the file"
        click.echo(f"\n{file}: its check, repeated, {agreement}.")
    return 0 if verification else FAILED
