"""Every derivative of a network checked, beside PyTorch's gradcheck of the same network.

Run it: python -m benchmarks.checking --rows 2

The network has 60,600 parameters: six layers of 100 x 100 weights and 100 biases, tanh between them. Both check all of
them in float64, the gradient and its measurement included: gradcheck by moving each parameter up and down.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import interleaved, spread, write

SIZES = [100] * 7


def gradcheck(network: cr.Network, X: Any, Y: Any) -> Callable[[], object]:
    """PyTorch's check of the same loss."""
    import torch

    X, Y = torch.tensor(X), torch.tensor(Y)
    names = list(network.parameters)
    moved = [torch.tensor(network.parameters[name], requires_grad=True) for name in names]

    def loss(*arrays: Any) -> Any:
        p, h = dict(zip(names, arrays, strict=True)), X
        for number in range(1, len(SIZES)):
            z = h @ p[f"W{number}"] + p[f"b{number}"]
            h = torch.tanh(z) if number < len(SIZES) - 1 else z
        return ((h - Y) ** 2).sum(1).mean()

    return lambda: torch.autograd.gradcheck(loss, moved)


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checking", description="Gradient checks.")
    parser.add_argument("--rows", type=int, default=2, help="rows of the loss")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    network = cr.mlp(SIZES, hidden="tanh", loss="squared_error", dtype="float64")
    generator = np.random.default_rng(0)
    X, Y = (generator.normal(size=(asked.rows, 100)) for _ in range(2))
    found = network.check(X, Y, elements="all")
    ways: dict[str, Callable[[], object]] = {"chainrule": lambda: network.check(X, Y, elements="all")}
    try:
        ways["torch.autograd.gradcheck"] = gradcheck(network, X, Y)
    except ImportError as error:
        print(f"left out: {error}")
    seconds = interleaved(ways, asked.rounds)
    table = Table(title=f"All {found.checked:,} derivatives of 100-100-100-100-100-100-100, {asked.rows} rows")
    for heading in ("", "seconds", "min", "max"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, values in seconds.items():
        s = spread(values)
        table.add_row(name, *(f"{s[key]:.2f}" for key in ("median", "min", "max")))
    console = Console(width=110)
    console.print(table)
    console.print(f"Holds: {bool(found)}; largest relative error {found.max_error:.1e}")
    results = {"rows": asked.rows, "checked": found.checked, "max_error": found.max_error, "seconds": seconds}
    console.print(f"written: {write('checking', results)}")


if __name__ == "__main__":
    main()
