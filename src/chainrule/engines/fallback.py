"""Telling, once, that another engine computes than the one that would be quicker."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path

PACKAGE = str(Path(__file__).parents[1])


@cache
def warn_of_fallback(reason: str) -> None:
    """Warn that ``engine="auto"`` takes NumPy: for each reason once in a process, at the line outside this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(f"{reason}; engine='numpy' computes instead", stacklevel=level)
