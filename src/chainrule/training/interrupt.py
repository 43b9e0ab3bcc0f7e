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

    Within :func:`whole_runs` it is raised when this is left. Signals reach the main thread alone, so elsewhere this
    does nothing.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._previous: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, number: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True

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
