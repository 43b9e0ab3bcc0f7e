"""Trainings killed by SIGKILL: those that go on end with the bits of those that were not."""

from __future__ import annotations

import sys

import kill
import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there")
@pytest.mark.parametrize("case", ["numpy", "native"])
def test_a_training_that_was_killed_ends_with_the_same_bits(case: str) -> None:
    failures, left = kill.survive(2, seed=3, cases=[case])
    assert failures == []
    assert len(left) == 2
