"""Results as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.training.contestants import CONTESTANTS, PEAK
from benchmarks.training.interleaved import Entry, Result


def show(result: Result, console: Console) -> None:
    """Print the table of a workload."""
    table = Table(title=result.workload.title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in ("threads", "µs/row", "min", "GF/s", "of peak", "time / ours", "min / min", "MB"):
        table.add_column(heading, justify="right")
    for entry in result.entries:
        if not entry.left_out and entry.contestant != PEAK:
            table.add_row(*_cells(result, entry))
    console.print(table)
    peaks = [(e.threads, result.peak(e.threads)) for e in result.entries if e.contestant == PEAK]
    for threads, value in peaks:
        if value:
            console.print(f"FMA peak, {threads} {'thread' if threads == 1 else 'threads'}: {value:.0f} GF/s")
    console.print(f"losses of the first steps agree to {result.disagreement():.0e}")
    reasons = dict.fromkeys((e.contestant, e.left_out) for e in result.entries if e.left_out)
    for name, reason in reasons:
        console.print(f"left out: {CONTESTANTS[name].title}: {reason}", highlight=False)
    console.print()


def _cells(result: Result, entry: Entry) -> list[str]:
    ours, peak = result.ours, result.peak(entry.threads)
    speed = entry.flops / entry.median / 1e9
    cells = [CONTESTANTS[entry.contestant].title, str(entry.threads)]
    cells += [f"{entry.row_time(s):.3g}" for s in (entry.median, entry.fastest)]
    cells += [f"{speed:.3g}", f"{100 * speed / peak:.0f} %" if peak else ""]
    for attribute in ("median", "fastest"):
        if ours:
            own = ours.row_time(getattr(ours, attribute))
            cells.append(f"{entry.row_time(getattr(entry, attribute)) / own:.3g}")
        else:
            cells.append("")
    return [*cells, f"{entry.memory / 2**20:.0f}"]
