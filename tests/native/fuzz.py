"""Random programs on the native engine for as long as one likes.

    python tests/native/fuzz.py --seconds 600 --seed 1000000

Each failure is printed with its seed and kind; the exit status is 1 if there was one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter

from agreement import WIDTHS, check_formula, check_training
from programs import poisoned, random_formula, random_training

KINDS = {
    "formula": lambda seed, width: check_formula(random_formula(seed, steps=8 + seed % 17), width, spare=seed % 5),
    "formula in float32": lambda seed, width: check_formula(random_formula(seed, steps=6), width, "float32"),
    "poisoned formula": lambda seed, width: check_formula(poisoned(random_formula(seed), seed), width),
    "one step": lambda seed, width: check_training(random_training(seed, 1), width),
    "large batch": lambda seed, width: check_training(random_training(seed, 1, batches=(1024, 1500, 2049)), width),
    "fifty steps": lambda seed, width: check_training(random_training(seed, 50), width),
}


def main() -> int:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to go on")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed")
    parser.add_argument("--kind", choices=sorted(KINDS), action="append", help="only such programs")
    chosen = parser.parse_args()
    os.environ.setdefault("CHAINRULE_THREADS", "4")
    seed, tried, failures, end = chosen.seed, Counter[str](), 0, time.monotonic() + chosen.seconds
    while time.monotonic() < end:
        for kind in chosen.kind or KINDS:
            width = WIDTHS[seed % len(WIDTHS)]
            tried[kind] += 1
            try:
                KINDS[kind](seed, width)
            except Exception:
                failures += 1
                last = traceback.format_exc().strip().splitlines()[-1]
                print(f"{kind}, seed {seed}, vectors of {width} bytes: {last}", flush=True)
        seed += 1
    counts = ", ".join(f"{count} x {kind}" for kind, count in tried.items())
    print(f"seeds {chosen.seed} to {seed - 1}: {counts}; {failures} failures")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
