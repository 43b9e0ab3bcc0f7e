"""Every derivative of a network checked, beside PyTorch's gradcheck of the same network.

Run it: python -m benchmarks.checking --rows 2

The network has 60,600 parameters: six layers of 100 x 100 weights and 100 biases, tanh between them. Both check all of
them in float64, the gradient and its measurement included. gradcheck moves each parameter up and down and compares the
numerical Jacobian with the analytic one. It gets only the last layers unless told otherwise, and its time is scaled up
to all parameters.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import interleaved, spread, write

SIZES = [100] * 7
Rows = tuple[Any, Any]


def certificate(network: cr.Network, rows: Rows) -> cr.Certificate:
    """Ours: all parameters."""
    found = network.check(*rows, elements="all")
    if not found:
        raise SystemExit(f"the check failed: {found}")
    return found


def gradcheck(network: cr.Network, rows: Rows, layers: int) -> tuple[float, int]:
    """PyTorch's: seconds for the last so many layers, and how many parameters these have."""
    import torch

    X, Y = (torch.tensor(a, dtype=torch.float64) for a in rows)
    fixed = {name: torch.tensor(a) for name, a in network.parameters.items()}
    names = list(fixed)[-2 * layers :]
    moved = [fixed[name].clone().requires_grad_() for name in names]

    def loss(*arrays: Any) -> Any:
        p, h = {**fixed, **dict(zip(names, arrays, strict=True))}, X
        for number in range(1, len(SIZES)):
            z = h @ p[f"W{number}"] + p[f"b{number}"]
            h = torch.tanh(z) if number < len(SIZES) - 1 else z
        return ((h - Y) ** 2).sum(1).mean()

    start = time.perf_counter()
    torch.autograd.gradcheck(loss, moved)
    return time.perf_counter() - start, sum(a.numel() for a in moved)


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checking", description="Gradient checks.")
    parser.add_argument("--rows", type=int, default=2, help="rows of the loss")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of ours")
    parser.add_argument("--layers", type=int, default=1, help="layers that gradcheck gets; 6 are all")
    asked = parser.parse_args()
    network = cr.mlp(SIZES, hidden="tanh", loss="squared_error", dtype="float64")
    generator = np.random.default_rng(0)
    rows = (generator.normal(size=(asked.rows, 100)), generator.normal(size=(asked.rows, 100)))
    found = certificate(network, rows)
    seconds = interleaved({"chainrule": lambda: certificate(network, rows)}, asked.rounds)["chainrule"]
    table = Table(title=f"All {found.checked:,} derivatives of 100-100-100-100-100-100-100, {asked.rows} rows, float64")
    for heading in ("", "checked", "seconds", "seconds for all"):
        table.add_column(heading, justify="right" if heading else "left")
    ours = spread(seconds)
    table.add_row("chainrule", f"{found.checked:,}", f"{ours['median']:.2f}", f"{ours['median']:.2f}")
    results: dict[str, Any] = {
        "rows": asked.rows,
        "checked": found.checked,
        "max_error": found.max_error,
        "chainrule": ours,
    }
    try:
        theirs, count = gradcheck(network, rows, asked.layers)
    except ImportError as error:
        print(f"left out: {error}")
    else:
        whole = theirs * found.checked / count
        table.add_row("torch.autograd.gradcheck", f"{count:,}", f"{theirs:.2f}", f"{whole:.1f}")
        results["gradcheck"] = {"checked": count, "seconds": theirs, "seconds for all": whole}
    console = Console(width=110)
    console.print(table)
    console.print(f"Largest relative error: {found.max_error:.1e}")
    console.print(f"written: {write('checking', results)}")


if __name__ == "__main__":
    main()
