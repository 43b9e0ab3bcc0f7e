"""Ctrl-C that waits for the end of a step, and what it means for whoever waits for a whole training."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, the first Ctrl-C only sets ``pressed``; the second one interrupts at once.

    One that is entered within another is pressed with it: in the same thread, or in a thread of a pool for which the
    main thread waits. Signals reach the main thread alone, so without one there, those of other threads are never
    pressed.

    Args:
        at_once: the first Ctrl-C interrupts, too. Python drops an exception that is raised while it collects garbage
            or clears an object away: ``pressed`` is set all the same, so that a training within ends, and leaving
            raises what was dropped.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
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
        again = self.pressed
        self._mark()
        if again or self._at_once:
            raise KeyboardInterrupt

    def _mark(self) -> None:
        self._pressed = True
        if self._outer is not None:
            self._outer._mark()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._previous is not None:  # else it was set from another thread, or not from Python, and cannot be
            signal.signal(signal.SIGINT, self._previous)
        if self.pressed and (self._at_once or (self._outer is not None and self._outer._at_once)):
            raise KeyboardInterrupt


def whole_runs() -> Interrupt:
    """While entered, a training that Ctrl-C ends raises ``KeyboardInterrupt``: nobody takes it for a whole one."""
    return Interrupt(at_once=True)
