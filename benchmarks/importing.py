"""How long ``import chainrule`` takes in a fresh process, beside NumPy, scikit-learn and PyTorch.

Run it: python -m benchmarks.importing
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measure import spread, write

STATEMENTS = {
    "import chainrule": "import chainrule",
    "the same, and a network": "import chainrule; chainrule.mlp([2, 2, 1])",
    "import numpy": "import numpy",
    "import sklearn.neural_network": "import sklearn.neural_network",
    "import torch": "import torch",
}


def seconds(statement: str) -> float | None:
    """Wall seconds of a statement in a fresh process, without the interpreter's own start."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def main(rounds: int = 7) -> None:
    """Measure all statements in turn, print the table and write the JSON file."""
    times: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, statement in STATEMENTS.items():
            value = seconds(statement)
            if number and value is not None:
                times.setdefault(name, []).append(value)
    print(f"{'':30}  {'ms: min':>8}  {'median':>8}")
    for name, values in times.items():
        s = spread(values)
        print(f"{name:30}  {1e3 * s['min']:8.1f}  {1e3 * s['median']:8.1f}")
    print(f"written: {write('importing', {'seconds': times})}")


if __name__ == "__main__":
    main()
