"""What a source gives, as it comes: everything that has arrived since the last look, without waiting for more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LOOKS: Final = 0.05
"""Seconds between two looks at Ctrl-C while nothing arrives."""


class Arrivals(Generic[T]):
    """The items of a source, read ahead in a thread of its own: a list of all that have come, as soon as there is one.

    Args:
        source: what gives items, one after another; it may keep its reader waiting.
        size: how much an item counts for.
        most: how much is read ahead, at most.
        ended: asked from time to time whether to end before the source does.
    """

    def __init__(self, source: Iterable[T], size: Callable[[T], int], most: int, ended: Callable[[], bool]) -> None:
        self._source, self._size, self._most, self._ended = source, size, most, ended
        self._items: list[T] = []
        self._ahead = 0
        self._done = False
        self._error: BaseException | None = None
        self._news = threading.Condition()

    def __iter__(self) -> Iterator[list[T]]:
        threading.Thread(target=self._read, name="chainrule arrivals", daemon=True).start()
        try:
            while not self._ended():
                with self._news:
                    if not self._items and not self._done:
                        self._news.wait(LOOKS)
                    items, self._items, self._ahead = self._items, [], 0
                    done = self._done
                    self._news.notify()
                if items:
                    yield items
                elif done:
                    break
            if self._error is not None:
                raise self._error
        finally:
            with self._news:
                self._done = True
                self._news.notify()

    def _read(self) -> None:
        try:
            for item in self._source:
                with self._news:
                    while self._ahead >= self._most and not self._done:
                        self._news.wait()
                    if self._done:
                        return
                    self._items.append(item)
                    self._ahead += self._size(item)
                    self._news.notify()
        except BaseException as error:
            self._error = error
        finally:
            with self._news:
                self._done = True
                self._news.notify()
