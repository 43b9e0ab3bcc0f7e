"""``chainrule export``: a model for other programs, checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

_FORMATS: Final = {
    "onnx": "ONNX, preprocessing included.",
    "python": "One Python file that needs Python alone.",
    "numpy": "Source code for NumPy, its weights beside it.",
    "jax": "The same for JAX.",
    "torch": "The same for PyTorch.",
    "keras": "The same for Keras 3.",
    "safetensors": "Arrays, and everything else as JSON, in a folder.",
}


def _format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each format."""
    for name, text in reversed(_FORMATS.items()):
        metavar = "DIR" if name == "safetensors" else "FILE"
        command = click.option(f"--{name}", type=click.Path(path_type=Path), metavar=metavar, help=text)(command)
    return command


@click.command(
    epilog="""\b
Examples:
  chainrule export penguins-model --onnx penguins.onnx --check penguins.csv
  chainrule export penguins-model --python penguins.py --torch penguins_torch.py
"""
)
@click.argument("model", type=click.Path(path_type=Path))
@_format_options
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="Table on whose rows each file is compared with the model.  [default: rows like those learnt from]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def export(model: Path, check: Path | None, as_json: bool, **files: Path | None) -> None:
    """Write a model for other programs, each file checked against the model's own predictions.

    MODEL is the folder that train wrote. Each file is run right after it was written; one that predicts differently by
    more than 1e-5 is not kept. The largest difference is printed and stands in the file.
    """
    from chainrule.cli import show
    from chainrule.data import read_table
    from chainrule.tabular import TableModel

    asked = {name: path for name, path in files.items() if path is not None}
    if not asked:
        raise click.UsageError(f"nothing to export: give {', '.join(f'--{name}' for name in _FORMATS)}")
    trained = TableModel.load(model)
    table = None if check is None else read_table(check, as_text=trained.encoder.text_columns)
    exported = []
    for name, path in asked.items():
        exported.append(trained.export(path, name, table=table))
        if not as_json:
            click.echo(exported[-1].sentence)
    if as_json:
        show.as_json({"model": str(model), "exported": [e.to_json() for e in exported]})
