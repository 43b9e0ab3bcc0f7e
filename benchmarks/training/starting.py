"""How long it takes until the first steps are made: with nothing compiled before, and with what is kept on disk.

Run it: python -m benchmarks.training.starting --workloads tiny,table
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import write
from benchmarks.training.contestants import CONTESTANTS, PEAK
from benchmarks.training.interleaved import short_rows
from benchmarks.training.options import listed
from benchmarks.training.problem import make_problem
from benchmarks.training.worker import Worker
from benchmarks.training.workloads import WORKLOADS

USUAL = [name for name in CONTESTANTS if name not in (PEAK, "jax-sums")]


def caches(folder: Path) -> Mapping[str, str]:
    """Variables by which each library keeps what it compiles below a folder, however small it is."""
    return {
        "CHAINRULE_CACHE": str(folder / "chainrule"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
    }


def once(contestant: str, problem: Path, folder: Path) -> dict[str, Any]:
    """A process that trains a few steps: seconds in all, to import and prepare, and to train; bytes of memory."""
    before = perf_counter()
    worker = Worker(contestant, 2, caches(folder))
    try:
        answer = worker.ask(do="load", problem=str(problem))
        if "left_out" not in answer:
            answer |= {"process": perf_counter() - before, "bytes": worker.ask(do="memory")["bytes"]}
    finally:
        worker.close()
    return answer


def measure(contestant: str, problem: Path, rounds: int) -> dict[str, Any]:
    """Cold and warm starts in turn; each cold one has empty caches, each warm one those that it left."""
    cold: list[dict[str, float]] = []
    warm: list[dict[str, float]] = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="chainrule-bench-") as folder:
            for results in (cold, warm):
                answer = once(contestant, problem, Path(folder))
                if "left_out" in answer:
                    return answer
                results.append({name: answer[name] for name in ("process", "prepare", "first", "bytes")})
    return {"cold": cold, "warm": warm}


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training.starting", description="Time to first steps.")
    parser.add_argument("--workloads", type=listed(WORKLOADS), default=["tiny", "table", "digits", "deep", "wide"])
    parser.add_argument("--contestants", type=listed(USUAL), default=USUAL)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    console = Console(width=110)
    results: dict[str, Any] = {}
    for name in asked.workloads:
        workload = WORKLOADS[name]
        table = Table(title=f"{workload.title}: seconds, medians of {asked.rounds}")
        table.add_column("", no_wrap=True)
        for heading in ("import", "first steps, cold", "warm", "process, cold", "warm", "MB"):
            table.add_column(heading, justify="right")
        with TemporaryDirectory(prefix="chainrule-bench-") as folder:
            problem = Path(folder) / "problem.npz"
            make_problem(workload, short_rows(workload)).save(problem)
            results[name] = {c: measure(c, problem, asked.rounds) for c in asked.contestants}
        for contestant, result in results[name].items():
            title = CONTESTANTS[contestant].title
            if "left_out" in result:
                console.print(f"left out: {title}: {result['left_out']}", highlight=False)
            else:
                table.add_row(title, *_cells(result))
        console.print(table)
    console.print(f"written: {write('starting', {'workloads': results})}")


def _cells(result: Mapping[str, list[dict[str, float]]]) -> list[str]:
    def median(which: str, name: str) -> float:
        return statistics.median(r[name] for r in result[which])

    seconds = [("warm", "prepare"), ("cold", "first"), ("warm", "first"), ("cold", "process"), ("warm", "process")]
    cells = [f"{median(which, name):.3f}" for which, name in seconds]
    return [*cells, f"{median('warm', 'bytes') / 2**20:.0f}"]


if __name__ == "__main__":
    main()
