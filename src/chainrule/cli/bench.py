"""``chainrule bench``: what this machine and its connections can do, and what follows for several."""

from __future__ import annotations

import json
import tempfile

import click

from chainrule.cli.processes import joined, joins, started
from chainrule.engines.jax.processes import first


def _counts(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """Numbers of processes, such as 1,2,4, the smallest first."""
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise click.BadParameter(f"give numbers such as 1,2,4, not {text!r}")
    return sorted({int(word) for word in words})


@click.command(
    epilog="""\b
Examples:
  chainrule bench --calibrate
  srun chainrule bench --calibrate --join cluster
"""
)
@click.option("--calibrate", "calibrating", is_flag=True, required=True, help="Measure the constants of a step's cost.")
@click.option(
    "--processes",
    metavar="N,...",
    default="1,2,4",
    show_default=True,
    callback=_counts,
    help="How many processes of this machine to measure, one after another.",
)
@joins
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def bench(calibrating: bool, processes: list[int], joining: str | None, as_json: bool) -> int:
    """Measure what a training step costs here on JAX, and say when more machines pay.

    Products of matrices, traffic to memory, and sums over processes are timed; from them, the time of a step on any
    number of machines follows, which is compared with real steps. With --join, the processes that are there are
    measured, over the connections that they have.
    """
    from chainrule.cli import show
    from chainrule.scaling import Calibration, calibrate, page

    if joining is not None:
        joined(joining)
        found = [calibrate()]
        if not first():
            return 0
    else:
        found = []
        for count in processes:
            with tempfile.TemporaryFile() as told:
                code = started(["bench", "--calibrate", "--json"], count, told)
                told.seek(0)
                text = told.read().decode()
                if code:
                    click.echo(text if as_json else "", nl=False)
                    return code
                found.append(Calibration.from_json(json.loads(text)["calibrations"][0]))
    if as_json:
        show.as_json({"calibrations": [each.to_json() for each in found]})
    else:
        click.echo(page(found))
    return 0
