"""Ctrl-C that waits for the end of a step, and what it means for whoever waits for a whole training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, the first Ctrl-C only sets ``pressed``; the second one interrupts at once.

    Within :func:`whole_runs` it is raised when this is left. One that is entered within another is pressed with it:
    in the same thread, or in a thread of a pool for which the main thread waits. Signals reach the main thread alone,
    so without one there, those of other threads are never pressed.
    """

    def __init__(self) -> None:
        self._pressed = False
        self._outer: Interrupt | None = None
        self._previous: Any = None

    @property
    def pressed(self) -> bool:
        """Whether Ctrl-C was pressed while this was entered, or one around it."""
        return self._pressed or (self._outer is not None and self._outer.pressed)

    def __enter__(self) -> Interrupt:
        around = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
        self._outer = around if isinstance(around, Interrupt) else None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self._mark()

    def _mark(self) -> None:
        self._pressed = True
        if self._outer is not None:
            self._outer._mark()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        if self.pressed and self._previous is _at_once:
            raise KeyboardInterrupt


@contextmanager
def whole_runs() -> Iterator[None]:
    """While entered, a training that Ctrl-C ends raises ``KeyboardInterrupt``: nobody takes it for a whole one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, _at_once)
    try:
        yield
    finally:
        if previous is not None:  # else it was not set from Python, and cannot be
            signal.signal(signal.SIGINT, previous)


def _at_once(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
