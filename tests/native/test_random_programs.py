"""Random formulas and random networks: machine code against the printed text on NumPy.

More of them, for as long as one likes: ``python tests/native/fuzz.py --seconds 600``.
"""

import numpy as np
import pytest
from agreement import WIDTHS, check_formula, check_training
from programs import poisoned, random_formula, random_training

FORMULAS, POISONED, TRAININGS, LARGE, LONG_TRAININGS, NARROW = 180, 60, 120, 20, 40, 20
"""With those of test_lowering.py more than 500 programs in all."""

PORTION = 20
"""Programs in one test."""

pytestmark = pytest.mark.usefixtures("four_threads")

SHARP = 1e-9
"""A bound below which a comparison says something."""


def portions(count):
    return [range(start, start + PORTION) for start in range(0, count, PORTION)]


@pytest.mark.parametrize("seeds", portions(FORMULAS), ids=lambda r: str(r.start))
def test_formulas(seeds):
    for seed in seeds:
        check_formula(random_formula(seed), WIDTHS[seed % len(WIDTHS)], spare=seed % 5)


@pytest.mark.parametrize("seeds", portions(POISONED), ids=lambda r: str(r.start))
def test_what_is_not_finite_is_so_in_the_same_places(seeds):
    for seed in seeds:
        check_formula(poisoned(random_formula(5000 + seed), seed), WIDTHS[seed % len(WIDTHS)], spare=seed % 3)


@pytest.mark.parametrize("seeds", portions(TRAININGS), ids=lambda r: str(r.start))
def test_one_step(seeds):
    bounds = [check_training(random_training(seed, 1), WIDTHS[seed % len(WIDTHS)]) for seed in seeds]
    assert np.quantile(bounds, 0.8) <= SHARP


@pytest.mark.parametrize("seeds", portions(LARGE), ids=lambda r: str(r.start))
def test_large_batches(seeds):
    """They go through the machine in pieces, where no row needs to know another."""
    for seed in seeds:
        t = random_training(6000 + seed, 2, batches=(1023, 1024, 1300, 2049))
        check_training(t, WIDTHS[seed % len(WIDTHS)])


@pytest.mark.parametrize("seeds", portions(LONG_TRAININGS), ids=lambda r: str(r.start))
def test_fifty_steps(seeds):
    bounds = [check_training(random_training(1000 + seed, 50), WIDTHS[seed % len(WIDTHS)]) for seed in seeds]
    assert np.quantile(bounds, 0.6) <= SHARP


@pytest.mark.parametrize("seeds", portions(NARROW), ids=lambda r: str(r.start))
def test_five_steps_of_descent_in_float32(seeds):
    """Losses, weights and rates within 1e-5 of the largest: some hundred roundings of 6e-8."""
    for seed in seeds:
        t = random_training(2000 + seed, 5, "float32", tame=True)
        check_training(t, WIDTHS[seed % len(WIDTHS)], bound=1e-5)


def test_what_follows_from_running_sums_comes_after_all_of_them():
    """A column cut out of another, L2 and a clipped norm in a batch of several pieces: found by fuzzing."""
    check_training(random_training(2000077, 1, batches=(1024, 1500, 2049)), WIDTHS[0])
