"""``python -m benchmarks.tabular.settings``: what each of the defaults is worth: one changed, the others as they are.

Prints the error and the log loss relative to the defaults, geometric means over the tables; below 1 the change would be
better. Runs are kept in ``benchmarks/results/settings.jsonl`` and not made again.
"""

from __future__ import annotations

import argparse
import json
from math import exp, log
from statistics import fmean
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.measure import RESULTS
from benchmarks.tabular.sets import SETS, TableSet, split
from chainrule.data import TableEncoder
from chainrule.recipes import Recipe, learn

FILE = RESULTS / "settings.jsonl"

CHANGES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "1 member": {"members": 1},
    "2 members": {"members": 2},
    "8 members": {"members": 8},
    "no waves": {"frequencies": 0},
    "8 waves": {"frequencies": 8},
    "faster waves": {"frequency_scale": 0.3},
    "no clipping": {"clip": 1e6},
    "ReLU": {"activation": "relu"},
    "SELU": {"activation": "selu"},
    "dropout 0.1": {"dropout": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "no label smoothing": {"label_smoothing": 0.0},
    "no weight decay": {"weight_decay": 0.0},
    "weight decay 0.2": {"weight_decay": 0.2},
    "rate / 3": {"lr": Recipe.lr / 3},
    "rate x 3": {"lr": Recipe.lr * 3},
    "half the epochs": {"epochs": Recipe.epochs // 2},
    "twice the epochs": {"epochs": Recipe.epochs * 2},
    "batches twice as large": {"batch_size": 128},
    "64 units": {"hidden": (64, 64)},
    "256 units": {"hidden": (256, 256)},
    "1 hidden layer": {"hidden": (128,)},
    "3 hidden layers": {"hidden": (128, 128, 128)},
}


def run(table: TableSet, change: str, seed: int) -> dict[str, Any]:
    """Learn with a change, and judge."""
    frame = table.table()
    y = frame[table.target].to_numpy()
    rows = split(frame.height, seed, y if table.task == "classification" else None)
    learnt, judged = (frame[part] for part in rows)
    encoder = TableEncoder.learn(learnt, table.target, table.task)
    X, target, actual = encoder.encode(learnt), encoder.encode_target(learnt), encoder.encode_target(judged)
    classes = len(encoder.target.classes)
    recipe = Recipe.choose(len(X), X.shape[1]).but(**CHANGES[change])
    start = perf_counter()
    made = learn(
        recipe,
        X,
        target,
        task=table.task,
        outputs=encoder.target.outputs,
        numbers=encoder.numbers,
        categories=encoder.codes,
        seed=seed,
    )
    seconds = perf_counter() - start
    predicted = made.network.predict(encoder.encode(judged)).astype(np.float64)
    found = {"table": table.name, "change": change, "seed": seed, "seconds": seconds}
    if not classes:
        return found | {"error": float(np.sqrt(np.mean((predicted[:, 0] - actual) ** 2)))}
    shares = predicted if classes > 2 else np.hstack([1 - predicted, predicted])
    right = np.clip(shares[np.arange(len(actual)), actual], 1e-15, 1)
    wrong = float((shares.argmax(axis=1) != actual).mean())
    return found | {"error": max(wrong, 0.5 / len(actual)), "log_loss": float(-np.log(right).mean())}


def main() -> None:
    """Make the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tabular.settings", description=__doc__)
    parser.add_argument("--changes", default=",".join(CHANGES), help="which, with commas between them")
    parser.add_argument("--seeds", type=int, default=1, help="splits of each table")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    runs = {(r["table"], r["change"], r["seed"]): r for r in map(json.loads, lines)}
    for change in arguments.changes.split(","):
        for seed in range(arguments.seeds):
            for table in SETS:
                if (table.name, change, seed) not in runs:
                    runs[table.name, change, seed] = run(table, change, seed)
                    with FILE.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(runs[table.name, change, seed]) + "\n")
        print(line(list(runs.values()), change), flush=True)


def line(runs: list[dict[str, Any]], change: str) -> str:
    """A row of the table."""
    base = {(r["table"], r["seed"]): r for r in runs if r["change"] == "defaults"}
    pairs = [
        (r, base[r["table"], r["seed"]]) for r in runs if r["change"] == change and (r["table"], r["seed"]) in base
    ]

    def relative(key: str, kind: bool | None = None) -> str:
        ratios = [log(r[key] / b[key]) for r, b in pairs if key in r and kind in (None, "log_loss" in r)]
        return f"{exp(fmean(ratios)):.3f}" if ratios else "-"

    cells = (relative("error"), relative("error", True), relative("error", False), relative("log_loss"))
    return f"| {change} | {' | '.join(cells)} | {relative('seconds')} |"


if __name__ == "__main__":
    main()
