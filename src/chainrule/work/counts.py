"""Counting: parameters, batches, updates; and how people miscount."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.errors import whole_number
from chainrule.show.numbers import counted


@dataclass(frozen=True)
class Miscount:
    """Another number that people write, and what it counts instead."""

    value: int
    words: str


@dataclass(frozen=True)
class Count:
    """A number of things, how it comes about, and the usual miscounts."""

    value: int
    words: str
    miscounts: tuple[Miscount, ...]


def parameter_counts(shapes: Mapping[str, Sequence[int]]) -> dict[str, Count]:
    """How many parameters, weights and biases arrays of these shapes hold.

    >>> found = parameter_counts({"W1": (2, 2), "W2": (2, 1)})
    >>> found["parameters"].value, found["parameters"].miscounts[0]
    (6, Miscount(value=4, words='W1 alone has 4; W2 counts too'))
    """
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    weights = {n: s for n, s in sizes.items() if len(shapes[n]) > 1}
    biases = {n: s for n, s in sizes.items() if len(shapes[n]) == 1}
    found = {}
    for label, parts in (("parameters", sizes), ("weights", weights), ("biases", biases)):
        total = sum(parts.values())
        words = f"{' + '.join(f'{s} ({n})' for n, s in parts.items())} = {total}"
        found[label] = Count(total, words, tuple(_other_counts(parts, sizes, shapes)))
    return found


def _other_counts(
    parts: Mapping[str, int], sizes: Mapping[str, int], shapes: Mapping[str, Sequence[int]]
) -> list[Miscount]:
    found = []
    for name, size in parts.items():
        others = [n for n in parts if n != name]
        if others:
            verb = "counts" if len(others) == 1 else "count"
            found.append(Miscount(size, f"{name} alone has {size}; {' and '.join(others)} {verb} too"))
    matrices = [n for n in parts if len(shapes[n]) > 1]
    vectors = [n for n in parts if len(shapes[n]) == 1]
    if matrices and vectors:
        found.append(Miscount(sum(parts[n] for n in matrices), "these are the weights; the biases count too"))
        found.append(Miscount(sum(parts[n] for n in vectors), "these are the biases; the weights count too"))
    total = sum(parts.values())
    layers: dict[str, list[str]] = {}
    for name in parts:
        layers.setdefault(name.lstrip("Wb"), []).append(name)
    for lost in (*([n] for n in parts), *layers.values()):
        if len(lost) < len(parts) - 1:
            size = sum(parts[n] for n in lost)
            found.append(Miscount(total - size, f"the {size} of {' and '.join(lost)} are missing"))
    found += [Miscount(total + size, f"the {size} of {name} were counted twice") for name, size in parts.items()]
    inputs = next((shapes[n][0] for n in sizes if len(shapes[n]) > 1), 0)
    if vectors:
        found.append(Miscount(total + inputs, f"the {counted(inputs, 'input')} have no biases"))
    found.append(Miscount(sum(sizes.values()), "this counts weights and biases together"))
    return found


def training_counts(rows: int, batch_size: int, epochs: int) -> dict[str, Count]:
    """How many batches an epoch has, and how many updates are made in all.

    >>> found = training_counts(100_000, 50, 3)
    >>> found["batches"].value, found["updates"].value
    (2000, 6000)
    """
    rows, batch_size = whole_number("rows", rows, 1), whole_number("batch_size", batch_size, 1)
    epochs = whole_number("epochs", epochs, 1)
    batches, full = math.ceil(rows / batch_size), rows // batch_size
    each = f"{rows} rows / {batch_size} rows a batch"
    size = Miscount(batch_size, "this is the size of a batch, not the number of batches")
    short = Miscount(full, "the last, short batch is missing")
    in_batches = (size, short, Miscount(rows, "this is the number of rows"))
    in_updates = (
        Miscount(batches, "these are the updates of one epoch; the epochs are missing"),
        Miscount(rows * epochs, "this is one update for each row; there is one for each batch"),
        Miscount(batch_size * epochs, size.words),
        Miscount(full * epochs, short.words),
        Miscount(epochs, "this is one update for each epoch; there is one for each batch"),
        Miscount(rows, "this is the number of rows"),
    )
    updates = batches * epochs
    return {
        "batches": Count(batches, f"{each} = {batches}", in_batches),
        "updates": Count(updates, f"{batches} in an epoch x {counted(epochs, 'epoch')} = {updates}", in_updates),
    }
