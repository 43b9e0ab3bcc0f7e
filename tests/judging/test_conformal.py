"""Split conformal prediction covers as often as it promises, whatever the residuals."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import ArgumentError
from chainrule.judging.conformal import half_width, quantile_shift

RESIDUALS = st.lists(st.integers(-1000, 1000), min_size=12, max_size=40, unique_by=abs)
SHARES = st.sampled_from([0.1, 0.25, 0.5, 0.8, 0.9])


@given(RESIDUALS, SHARES)
def test_of_rows_that_could_as_well_have_been_held_out_the_stated_share_is_covered(residuals, share):
    """Each of n + 1 rows in turn is new, the others held out: ceil((n + 1) share) of them are covered, exactly."""
    found = np.array(residuals, float)
    covered = [abs(r) <= half_width(np.delete(found, i), share) for i, r in enumerate(found)]
    below = [r <= quantile_shift(np.delete(found, i), share) for i, r in enumerate(found)]
    expected = ceil(round(len(found) * share, 9))
    assert sum(covered) == expected
    assert sum(below) == expected


def test_too_few_rows_are_said_with_how_many_are_needed():
    assert half_width(np.arange(9.0), 0.9) == 8
    with pytest.raises(ArgumentError, match="needs at least 9 held-out rows, and the model was judged by 8"):
        half_width(np.arange(8.0), 0.9)
    with pytest.raises(ArgumentError, match="needs at least 19 held-out rows"):
        quantile_shift(np.arange(10.0), 0.95)


@pytest.mark.parametrize("share", [0.0, 1.0, 90, -0.1, float("nan")])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(ArgumentError, match=r"between 0 and 1"):
        half_width(np.arange(50.0), share)
