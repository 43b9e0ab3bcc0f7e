"""Random networks on NumPy, the native engine and JAX: the parameters after 1 and 50 steps.

python tests/jax/paths.py --networks 100
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "native"))

import numpy as np
from agreement import EXACT, check_results, native, reference_and_twin, results
from programs import random_training

from chainrule.engines.jax import jax_run
from chainrule.engines.protocol import Steps

STEPS = (1, 50)
FLOAT32 = 1e-5
"""The bound in float32: some hundred roundings of 6e-8."""


def check(seed: int, steps: int, precision: str = "float64", *, tame: bool = False) -> tuple[str, float]:
    """One network on three engines; its optimiser, and the bound that was allowed."""
    t = random_training(seed, steps, precision, tame=tame)
    wanted, other = reference_and_twin(t)
    bound = EXACT if precision == "float64" else FLOAT32
    run = jax_run(Steps(t.step, t.precision, t.data, t.state, t.batch_size))
    allowed = [check_results(t, results(each, t), wanted, other, bound) for each in (run, native(t))]
    return type(t.optimizer).__name__, max(allowed)


def main() -> int:
    """Compare as many networks as wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=100, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="after how many steps")
    chosen = parser.parse_args()
    failures, optimizers = 0, Counter[str]()
    for steps in chosen.steps:
        bounds = []
        for seed in range(chosen.seed, chosen.seed + chosen.networks):
            if seed % 10 == 0:
                print(f"{steps} steps: network {seed}", file=sys.stderr, flush=True)
            try:
                optimizer, allowed = check(seed, steps)
            except AssertionError as error:
                failures += 1
                print(f"{steps} steps, seed {seed}: {error}", flush=True)
                continue
            optimizers[optimizer] += 1
            bounds.append(allowed)
        print(
            f"{steps} steps: {len(bounds)} of {chosen.networks} networks agree on NumPy, native and JAX in float64, "
            f"{np.sum(np.array(bounds) <= EXACT)} to {EXACT:g} of the largest parameter, the others to 100 times "
            "what a change of the starting weights by one rounding makes",
            flush=True,
        )
    print(", ".join(f"{count} with {name}" for name, count in optimizers.items()))
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
