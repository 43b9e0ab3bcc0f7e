"""Reading ahead: the next element is made in a thread while the last one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Element = TypeVar("Element")


def ahead(elements: Iterable[Element]) -> Generator[Element]:
    """The same elements, each of them made while the one before it is used; there are two at a time.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    source = iter(elements)
    end = object()
    with ThreadPoolExecutor(1, "chainrule-reader") as reader:
        coming = reader.submit(next, source, end)
        while (element := coming.result()) is not end:
            coming = reader.submit(next, source, end)
            yield element  # type: ignore[misc]
