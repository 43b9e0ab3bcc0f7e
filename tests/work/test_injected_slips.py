"""Slips made at random in right solutions, which are worked out in plain NumPy."""

import numpy as np
import pytest
from benchmarks.slips import KINDS, Solution, run


@pytest.fixture(scope="module")
def tallies():
    return run(5 * len(KINDS), seed=11)


def test_every_slip_is_found_and_nearly_all_are_named(tallies):
    made, found, named = (sum(getattr(t, part) for t in tallies.values()) for part in ("made", "found", "named"))
    assert found == made == 5 * len(KINDS)
    assert named >= 0.95 * made, [line for t in tallies.values() for line in t.missed]


def test_each_kind_of_slip_is_named_at_least_once(tallies):
    assert [kind for kind, tally in tallies.items() if tally.named == 0] == []


def test_no_right_answer_beside_a_slip_is_called_wrong(tallies):
    assert sum(t.alarms for t in tallies.values()) == 0
    assert sum(t.right for t in tallies.values()) == 20 * len(KINDS)


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh"])
def test_the_solutions_by_hand_are_right_by_central_differences(hidden, loss):
    solution = Solution(np.random.default_rng(5), rows=2, outputs=3, hidden=hidden, loss=loss)
    if loss == "binary_cross_entropy":
        assert solution.Y.shape == (2, 3)
    found, step = solution.solve(), 1e-6
    for name in ("W1", "b1", "W2", "b2"):
        array = getattr(solution, name)
        for index in np.ndindex(array.shape):
            before = array[index]
            array[index] = before + step
            above = solution.solve()["L"]
            array[index] = before - step
            below = solution.solve()["L"]
            array[index] = before
            assert found[f"dL/d{name}"][index] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-8)
