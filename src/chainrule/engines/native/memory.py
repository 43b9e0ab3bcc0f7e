"""The arena: all of a run's buffers in one piece of memory, each followed by a guard that nothing may touch."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.arithmetic import Form
from chainrule.engines.native.kernel import element_bytes
from chainrule.engines.native.phases import Buffer, View
from chainrule.engines.native.views import Layout
from chainrule.errors import ProgramError

PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""A forked process gets memory of its own; without this, both would write into the same."""

LINE = 64
GUARD = 128
"""Bytes after each buffer: a whole vector may be read there, and nothing may be written."""
GUARD_BYTE = 0xA5
HUGE_PAGE = 1 << 21


class Memory:
    """Where each buffer lies.

    Args:
        buffers: by name.
        layout: the rules by which they are laid out.
        form: the floats of the program.
    """

    def __init__(self, buffers: Mapping[str, Buffer], layout: Layout, form: Form) -> None:
        self.layout, self.form, self.buffers = layout, form, dict(buffers)
        self.user = tuple(name for name, b in buffers.items() if b.user)
        self.offsets: dict[str, int] = {}
        self._guards: list[int] = []
        end = 0
        for name, buffer in buffers.items():
            if buffer.user:
                continue
            self.offsets[name] = end
            end += -(-layout.elements(buffer) * element_bytes(buffer.dtype, form) // LINE) * LINE
            self._guards.append(end)
            end += GUARD
        self.bytes = max(end, LINE)

    def allocate(self, fill: int = 0) -> Arena:
        """Memory for all of it, filled with one byte."""
        return Arena(self, fill)


class Arena:
    """The memory of one run."""

    def __init__(self, memory: Memory, fill: int) -> None:
        self.memory = memory
        size = (
            -(-memory.bytes // HUGE_PAGE) * HUGE_PAGE + HUGE_PAGE
            if memory.bytes > HUGE_PAGE // 4
            else memory.bytes + 4096
        )
        try:
            self._map = mmap.mmap(-1, size, **PRIVATE)
        except OSError as error:
            raise MemoryError(
                f"the native engine needs {memory.bytes / 2**20:.0f} MiB for this network: {error}"
            ) from None
        if hasattr(mmap, "MADV_HUGEPAGE") and size > HUGE_PAGE:
            with suppress(OSError):  # a wish; without it, things are only a little slower
                self._map.madvise(mmap.MADV_HUGEPAGE)
        raw = np.frombuffer(self._map, np.uint8)
        align = HUGE_PAGE if size > HUGE_PAGE else 4096
        skip = -raw.ctypes.data % align
        self.bytes = raw[skip : skip + memory.bytes]
        if fill:
            self.bytes[:] = fill
        for guard in memory._guards:
            self.bytes[guard : guard + GUARD] = GUARD_BYTE
        self.address = int(self.bytes.ctypes.data)

    def array(self, view: View) -> NDArray[Any]:
        """The elements of a view of the arena, in place."""
        dtype = {"int": "i8"}.get(view.buffer.dtype, f"f{self.memory.form.bytes}")
        start = self.memory.offsets[view.buffer.name] + view.offset * np.dtype(dtype).itemsize
        flat = self.bytes[start:]
        count = len(flat) // np.dtype(dtype).itemsize
        whole = flat[: count * np.dtype(dtype).itemsize].view(dtype)
        shape = tuple(self.memory.layout.size(s) for s in view.shape)
        strides = tuple(s * np.dtype(dtype).itemsize for s in view.strides)
        return np.lib.stride_tricks.as_strided(whole, shape, strides)

    def check(self) -> None:
        """Raise ProgramError if a guard was written to: a defect of the engine."""
        for guard, name in zip(self.memory._guards, self.memory.offsets, strict=True):
            if not (self.bytes[guard : guard + GUARD] == GUARD_BYTE).all():
                raise ProgramError(f"the native engine wrote past the end of {name}: please report this")
