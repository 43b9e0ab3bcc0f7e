"""What a forked process must make anew: a lock that another thread held stays held there, by nobody."""

from __future__ import annotations

import os
import weakref
from threading import Lock
from types import TracebackType
from typing import Protocol


class Renewed(Protocol):
    """Something with locks or threads of its own."""

    def forget(self) -> None:
        """Be without threads, and with locks that nobody holds."""
        ...


_LIVING: weakref.WeakSet[Renewed] = weakref.WeakSet()


def renew_at_fork(thing: Renewed) -> None:
    """Have ``thing.forget()`` called in each forked process, for as long as it lives."""
    _LIVING.add(thing)


class FreshLock:
    """A lock that nobody holds in a forked process, whoever held it at the fork."""

    def __init__(self) -> None:
        self.forget()
        renew_at_fork(self)

    def forget(self) -> None:
        """Be held by nobody."""
        self._lock = Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.release()


def _forget_all() -> None:
    for thing in _LIVING:
        thing.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
