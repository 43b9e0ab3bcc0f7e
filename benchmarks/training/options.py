"""What command lines share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection


def listed(known: Collection[str]) -> Callable[[str], list[str]]:
    """What reads names with commas between them, or ``all``."""

    def read(text: str) -> list[str]:
        names = list(known) if text == "all" else text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return read
