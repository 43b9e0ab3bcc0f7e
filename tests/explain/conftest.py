"""Networks whose numbers a person could work out, and what reads pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.document import Document, Equations, Line, all_blocks

CHROMIUM = Path("/usr/bin/chromium")

WEIGHTS = {"W1": [[0.5, -0.3], [0.2, 0.4]], "b1": [0.1, -0.2], "W2": [[0.7], [-0.6]], "b2": [0.3]}


@pytest.fixture
def two_two_one() -> Callable[..., cr.Network]:
    """Makes a network of two inputs, two hidden units and one output, with fixed weights."""

    def make(**settings: Any) -> cr.Network:
        net = cr.mlp([2, 2, 1], dtype="float64", **settings)
        for name in net.parameters:
            net.parameters[name] = WEIGHTS[name]
        return net

    return make


@pytest.fixture(scope="session")
def lines_of() -> Callable[[Document], list[Line]]:
    """Every line of mathematics on a page."""
    return lambda page: [
        line for block in all_blocks(page.blocks) if isinstance(block, Equations) for line in block.lines
    ]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a network."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()
