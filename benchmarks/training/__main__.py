"""Run it: python -m benchmarks.training --workloads tiny,table --rounds 7."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from benchmarks.measure import write
from benchmarks.training.contestants import CONTESTANTS, PEAK
from benchmarks.training.interleaved import Result, run
from benchmarks.training.options import listed
from benchmarks.training.table import show
from benchmarks.training.workloads import WORKLOADS

TOLERANCE = {"float32": 1e-3, "float64": 1e-5}
"""How far, relatively, the losses of the first steps may differ. (scikit-learn puts Adam's epsilon elsewhere.)"""


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description="Training speed beside peers.")
    parser.add_argument("--workloads", type=listed(WORKLOADS), default=list(WORKLOADS), help="names, or all")
    parser.add_argument("--contestants", type=listed(CONTESTANTS), default=list(CONTESTANTS), help="names, or all")
    parser.add_argument("--threads", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2], help="1,2")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a turn lasts")
    return parser.parse_args()


def summary(result: Result) -> dict[str, Any]:
    """What the JSON file says of a workload."""
    ours = result.ours
    best = {e.contestant: result.best(e.contestant) for e in result.taking_part}
    ratios = {
        name: e.row_time(e.median) / ours.row_time(ours.median) for name, e in best.items() if e and ours and e != ours
    }
    peaks = {e.threads: result.peak(e.threads) for e in result.entries if e.contestant == PEAK}
    return {
        "title": result.workload.title,
        "flops_per_row": result.workload.flops_per_row,
        "ours": ours.contestant if ours else None,
        "time_over_ours": ratios,
        "loss_disagreement": result.disagreement(),
        "peak_gflops": {str(threads): value for threads, value in peaks.items()},
        "entries": [e.to_json() for e in result.entries],
    }


def main() -> None:
    """Measure, print the tables, write the JSON file."""
    asked = arguments()
    console = Console(width=110)
    messages = Console(stderr=True)
    results: dict[str, Any] = {}
    for name in asked.workloads:
        result = run(
            WORKLOADS[name], asked.contestants, asked.threads, asked.rounds, asked.seconds,
            lambda text: messages.print(text, style="dim", highlight=False),
        )  # fmt: skip
        show(result, console)
        if result.disagreement() > TOLERANCE[result.workload.precision]:
            console.print("[bold red]the losses differ: these times are not of the same work[/]\n")
        results[name] = summary(result)
    console.print(f"written: {write('training', {'workloads': results})}")


if __name__ == "__main__":
    main()
