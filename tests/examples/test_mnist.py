"""MNIST 1 against 2, from the IDX files of a folder that CHAINRULE_MNIST names."""

import os
import runpy
from pathlib import Path

import pytest

example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "mnist_one_or_two.py"))


@pytest.mark.skipif("CHAINRULE_MNIST" not in os.environ, reason="CHAINRULE_MNIST names no folder with MNIST's files")
def test_a_784_1000_1000_1_network_tells_1_from_2():
    assert example["train"](None, epochs=5) > 0.995
