"""What was measured and what follows from it, as a page for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainrule.scaling.calibrating import Calibration, work_of
from chainrule.scaling.model import LARGEST_BATCH, Machine, pays_from, step_seconds

UNITS = (64, 256, 1024, 4096)
"""Widths for which it is said when a second machine pays."""

MACHINES = (1, 2, 4, 16, 64, 256, 1024, 4096)
"""Numbers of machines for which it is said what is gained."""

ROWS_EACH = 256
"""Rows of a machine where batches grow with the number of machines."""


def page(found: Sequence[Calibration]) -> str:
    """The constants, real steps beside the model's, and what the model says of more machines."""
    parts = [_constants(found), _beside(found)]
    several = [each for each in found if each.processes > 1]
    if several:
        parts.append(_more(_one_of(found, several[0]), lonely=found[0].processes == 1))
    return "\n\n".join(parts)


def _one_of(found: Sequence[Calibration], several: Calibration) -> Machine:
    """A machine of its own: computing as the fewest processes did, connected as the first that were several."""
    connected = several.machine
    return replace(found[0].machine, latency=connected.latency, bandwidth=connected.bandwidth)


def _constants(found: Sequence[Calibration]) -> str:
    lines = ["Measured, in each process with the others at work:", ""]
    lines.append(_row("processes", "GFLOP/s", "GB/s", "step us", "all-reduce us", "all-reduce GB/s"))
    for each in found:
        m = each.machine
        lonely = each.processes == 1
        message = ("-", "-") if lonely else (f"{1e6 * m.latency:.0f}", f"{m.bandwidth / 1e9:.2f}")
        lines.append(
            _row(each.processes, f"{m.flops / 1e9:.1f}", f"{m.bytes / 1e9:.1f}", f"{1e6 * m.step:.0f}", *message)
        )
    return "\n".join(lines)


def _beside(found: Sequence[Calibration]) -> str:
    lines = ["A step with three hidden layers, measured and by the model (ms):", ""]
    lines.append(_row("units", "batch", "processes", "measured", "model", "ratio"))
    for index, first in enumerate(found[0].steps):
        for each in found:
            seconds = each.steps[index].seconds
            wanted = step_seconds(each.machine, work_of(first.units), first.batch, each.processes)
            numbers = (f"{1e3 * seconds:.2f}", f"{1e3 * wanted:.2f}", f"{seconds / wanted:.2f}")
            lines.append(_row(first.units, first.batch, each.processes, *numbers))
    return "\n".join(lines)


def _more(machine: Machine, *, lonely: bool) -> str:
    each = "one process alone" if lonely else "each of these processes"
    lines = [
        f"Machines of their own, computing like {each}, connected as these processes are:",
        "",
        _row("units", "a second pays", *(f"x{count}" for count in MACHINES[1:])),
    ]
    for units in UNITS:
        work = work_of(units)
        least = pays_from(machine, work)
        alone = step_seconds(machine, work, ROWS_EACH)
        gains = [count * alone / step_seconds(machine, work, ROWS_EACH * count, count) for count in MACHINES[1:]]
        pays = f"from {least}" if least else f"not to {LARGEST_BATCH}"
        lines.append(_row(units, pays, *(f"{gain:.4g}" for gain in gains)))
    lines.append("")
    lines.append(
        f"a second pays: rows of a batch from which its step is shorter on two. "
        f"x2 ...: rows a second, beside one machine, with {ROWS_EACH} rows of the batch on each."
    )
    return "\n".join(lines)


def _row(*cells: object) -> str:
    return "  ".join(f"{cell!s:>15}" if place > 0 else f"{cell!s:>9}" for place, cell in enumerate(cells))
