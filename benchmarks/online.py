"""Online learning, rows a second: test, then train, from arrays, from an iterator, from lines on standard input.

Beside it a loop in PyTorch, and a linear model in river, where they are installed. Every contestant predicts each row
before it learns from it. Seconds are those of the process's own work (all its threads), so that a busy machine disturbs
them less.

Run it: python -m benchmarks.online --rows 50000
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import spread, write
from chainrule.online.lines import LineReader
from chainrule.online.sources import BYTES
from chainrule.online.tables import OnlineTable

SIZES = {"tiny": (2, 2, 1), "table": (20, 64, 64, 1)}
LR = 0.01
SLOW = 20
"""How many times fewer rows those get that need a call of Python for each operation."""

Learn = Callable[[], object]


def rows_of(features: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and a number that follows from them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(count, features)).astype(np.float32)
    return X, (np.sin(X[:, 0]) * X[:, 1]).astype(np.float32)


def learner(sizes: tuple[int, ...]) -> cr.Online:
    """The network of all contestants."""
    return cr.Online(cr.mlp(sizes, hidden="tanh", loss="squared_error"), cr.SGD(LR))


def contestants(sizes: tuple[int, ...], X: np.ndarray, y: np.ndarray) -> dict[str, tuple[Learn, int]]:
    """What learns the rows, and how many of them it gets."""
    few = len(X) // SLOW
    listed = list(zip(X.tolist(), y.tolist(), strict=True))
    online = learner(sizes)
    online.learn_many(X[:10], y[:10])
    found: dict[str, tuple[Learn, int]] = {
        "chainrule, blocks of arrays": (lambda: online.learn_many(X, y), len(X)),
        "chainrule, an iterator of rows": (lambda: online.consume(iter(listed)), len(X)),
        "chainrule, learn_one": (lambda: [online.learn_one(*row) for row in listed[:few]], few),
    }
    found["chainrule train - --online, lines of CSV"] = lines(sizes, X, y)
    for name, make in (("river, a linear model", river), ("PyTorch", pytorch)):
        try:
            found[f"{name}, row by row"] = (make(sizes, listed[:few]), few)
        except ImportError:
            Console().print(f"{name} is left out: it is not installed")
    return found


def river(sizes: tuple[int, ...], rows: Iterable[tuple[list[float], float]]) -> Learn:
    """A linear model, since river has no network any more: predict_one, then learn_one."""
    from river import linear_model, optim

    model = linear_model.LinearRegression(optim.SGD(LR / 100))
    named = [({f"x{i}": value for i, value in enumerate(x)}, y) for x, y in rows]

    def learn() -> None:
        for x, y in named:
            model.predict_one(x)
            model.learn_one(x, y)

    return learn


def pytorch(sizes: tuple[int, ...], rows: Iterable[tuple[list[float], float]]) -> Learn:
    """The loop that one writes: forward, loss, backward, step; the forward pass gives the prediction."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers: list[Any] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), LR)
    tensors = [(torch.tensor(x), torch.tensor([y])) for x, y in rows]

    def learn() -> None:
        for x, y in tensors:
            loss = ((model(x) - y) ** 2).sum()
            optimizer.zero_grad()
            loss.backward()
            loss.item()
            optimizer.step()

    return learn


def measured(learn: Learn) -> float:
    """Seconds of this process's own work."""
    start = time.process_time()
    learn()
    return time.process_time() - start


def lines(sizes: tuple[int, ...], X: np.ndarray, y: np.ndarray) -> tuple[Learn, int]:
    """What ``chainrule train - --online`` does with lines once its columns are learnt, and how many there are."""
    text = io.StringIO()
    names = ",".join([f"x{i}" for i in range(X.shape[1])] + ["y"])
    np.savetxt(text, np.column_stack([X, y]), fmt="%.6g", delimiter=",", header=names, comments="")
    data = text.getvalue().encode()
    reader, table = LineReader("csv"), OnlineTable("y", hidden=sizes[1:-1], lr=LR, warm_up=500)
    begun = data.index(b"\n", 200_000) + 1
    table.consume([data[:begun]], reader)
    rest = data[begun:]
    parts = [rest[i : i + BYTES] for i in range(0, len(rest), BYTES)]
    return lambda: table.consume(parts, reader), rest.count(b"\n")


def results(count: int, rounds: int) -> dict[str, Any]:
    """Seconds a row of each contestant, for each size, in turns."""
    found: dict[str, Any] = {}
    for name, sizes in SIZES.items():
        X, y = rows_of(sizes[0], count)
        seconds: dict[str, list[float]] = {}
        for number in range(rounds + 1):
            for contestant, (learn, rows) in contestants(sizes, X, y).items():
                took = measured(learn) / rows
                if number:
                    seconds.setdefault(contestant, []).append(took)
        found[name] = {"sizes": sizes, "microseconds": {c: spread([1e6 * s for s in t]) for c, t in seconds.items()}}
    return found


def show(found: Mapping[str, Any]) -> None:
    """Print a table for each size."""
    for entry in found.values():
        table = Table(title="-".join(map(str, entry["sizes"])), title_justify="left")
        for title in ("", "µs a row", "rows a second"):
            table.add_column(title, justify="left" if not title else "right")
        for name, values in entry["microseconds"].items():
            table.add_row(name, f"{values['min']:.3g}", f"{1e6 / values['min']:,.0f}")
        Console().print(table)


def main() -> None:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/online.json")
    arguments = parser.parse_args()
    found = results(arguments.rows, arguments.rounds)
    if arguments.save:
        write("online", {"rows": arguments.rows, "results": found})
    show(found)


if __name__ == "__main__":
    main()
