"""How much memory a stream may take, and what it is used for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainrule.errors import ArgumentError, require

DEFAULT: Final = 500_000_000
"""Bytes that a stream takes where nobody says; a fixed number, since windows, and so the model, depend on it."""

LEAST: Final = 1_000_000

_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b?)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Memory:
    """What a stream keeps in memory, besides the program itself.

    Attributes:
        bytes: at most, together.

    >>> memory = Memory.of("500MB")
    >>> memory.bytes, memory.windows, memory.chunk
    (500000000, 250000000, 15625000)
    """

    bytes: int

    @classmethod
    def of(cls, size: str | int | None) -> Memory:
        """A number of bytes, or text such as ``500MB`` and ``2GB``; ``None``: 500 MB."""
        if size is None:
            return cls(DEFAULT)
        found = _SIZE.fullmatch(str(size)) if not isinstance(size, bool) else None
        if found is None:
            raise ArgumentError(f"memory is a number of bytes, or a size such as '500MB' or '2GB', not {size!r}")
        number = round(float(found[1]) * _UNITS[found[2].lower().removesuffix("b")])
        require(number >= LEAST, f"memory must be 1MB at least, not {size!r}")
        return cls(number)

    @property
    def windows(self) -> int:
        """For both windows."""
        return self.bytes // 2

    @property
    def chunk(self) -> int:
        """For the values of a chunk; reading and encoding it takes several times as much."""
        return self.bytes // 32

    @property
    def drawn(self) -> int:
        """For the rows that are put aside, and as much for the sample of the others."""
        return self.bytes // 16


def available() -> int:
    """Bytes of memory that are free for this process, as far as the system tells."""
    found = [_of_the_system(), *_of_the_group()]
    return min(found)


def _of_the_system() -> int:
    try:
        text = Path("/proc/meminfo").read_text()
        return int(re.search(r"MemAvailable:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]
    except (OSError, TypeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 if hasattr(os, "sysconf") else 2**32


def _of_the_group() -> list[int]:
    """What a container leaves, where there is a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return [int(limit) - int(used)] if limit.isdigit() else []
    except OSError:
        return []
