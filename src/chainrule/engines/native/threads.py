"""How many threads a run should use."""

from __future__ import annotations

from chainrule.engines.native.code import Code


def best_threads(code: Code) -> int:
    """As many as pay."""
    return 1
