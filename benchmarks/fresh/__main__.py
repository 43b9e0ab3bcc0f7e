"""Run it: python -m benchmarks.fresh --rounds 7."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import interleaved, spread, write

SIZES = (300, 1000, 3000)
FEATURES = 20
SCRIPTS = {"chainrule": "with_chainrule.py", "scikit-learn": "with_scikit_learn.py"}


def make_table(path: Path, rows: int) -> None:
    """Write a table of numbers whose last column is 0 or 1 by a smooth rule with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES))
    labels = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * rng.normal(size=rows) > 0
    np.savetxt(path, np.column_stack([X, labels]), delimiter=",", fmt="%.6g")


def run_script(name: str, path: Path, said: dict[str, str]) -> Callable[[], None]:
    """What runs a script in a fresh process, and notes what it printed."""

    def run() -> None:
        command = [sys.executable, str(Path(__file__).parent / SCRIPTS[name]), str(path)]
        said[name] = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return run


def main() -> None:
    """Measure each size of table, print the figures and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fresh", description="Small jobs in fresh processes.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    console = Console()
    shown = Table(title="read a table, train 20-64-64-1 for 50 epochs, predict: seconds of the whole process")
    for heading in ("rows", "", "median", "min", "time / ours", "right"):
        shown.add_column(heading, justify="left" if not heading else "right")
    results = {}
    with TemporaryDirectory() as folder:
        for rows in SIZES:
            path, said = Path(folder) / f"{rows}.csv", dict[str, str]()
            make_table(path, rows)
            # The round that does not count leaves the machine code in the cache.
            seconds = interleaved({name: run_script(name, path, said) for name in SCRIPTS}, rounds)
            spreads = {name: spread(values) for name, values in seconds.items()}
            results[str(rows)] = {"seconds": seconds, "right": said}
            for name, s in spreads.items():
                ratio = s["median"] / spreads["chainrule"]["median"]
                right = f"{100 * float(said[name]):.1f} %"
                shown.add_row(str(rows), name, f"{s['median']:.2f}", f"{s['min']:.2f}", f"{ratio:.2f}", right)
    console.print(shown)
    console.print(f"written: {write('fresh', results)}")


if __name__ == "__main__":
    main()
