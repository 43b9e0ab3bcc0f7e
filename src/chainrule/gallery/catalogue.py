"""The list of all examples, and the way to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chainrule.document import Document, Paragraph, Shown, Table
from chainrule.errors import unknown_name
from chainrule.gallery import circuits, differentiation, networks, neurons, tutorials
from chainrule.gallery.entry import Entry
from chainrule.gallery.page import Recomputed
from chainrule.training import whole_runs

ENTRIES = (
    networks.PDP_XOR,
    networks.SYMMETRY,
    networks.GOODFELLOW_XOR,
    tutorials.MAZUR,
    tutorials.MAZUR_LATER,
    tutorials.ELEVEN_LINES,
    tutorials.THREE_LAYERS,
    neurons.CAFETERIA,
    neurons.NIELSEN,
    neurons.SENTIMENT,
    neurons.HOURS,
    circuits.CS231N_CIRCUIT,
    circuits.CS231N_NEURON,
    circuits.CS231N_MAXIMUM,
    circuits.HACKERS_NEURON,
    circuits.OLAH,
    circuits.SLP_GRAPH,
    circuits.MICROGRAD,
    differentiation.GRIEWANK,
    differentiation.BAYDIN,
    differentiation.ROSENBROCK,
    differentiation.HYPERDUAL,
    differentiation.AUTOGRAD,
    differentiation.PYTORCH,
    differentiation.JAX,
)
"""Papers and books, tutorials, neurons, circuits, automatic differentiation."""


@dataclass(frozen=True)
class Gallery(Shown):
    """A list of examples: print it, look at it in a notebook, or go through it."""

    examples: tuple[Entry, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.examples)

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def document(self) -> Document:
        """The list as a page."""
        numbers, differing = (sum(len(getattr(e, name)) for e in self) for name in ("published", "deviations"))
        rows = [(e.key, str(e.year), e.title, str(len(e.published)), str(len(e.deviations) or "")) for e in self]
        return Document(
            "A gallery of published examples",
            (
                Paragraph(
                    f"{len(self)} worked examples with {numbers} published numbers, each computed again to the digits "
                    f"printed; {differing} of them differ, and their pages say why."
                ),
                Table(("name", "year", "example", "numbers", "differ"), rows),
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Names, titles and sources."""
        fields = ("key", "title", "year", "source", "about")
        return {"examples": [{name: getattr(entry, name) for name in fields} for entry in self]}


def entries() -> Gallery:
    """All examples of the gallery.

    >>> import chainrule as cr
    >>> [entry.key for entry in cr.gallery.entries() if entry.year == 1986]
    ['pdp-xor', 'symmetry']
    """
    return Gallery(ENTRIES)


def show(name: str) -> Recomputed:
    """Compute an example.

    Args:
        name: its key, as :func:`entries` lists them.

    Returns:
        Its page: ``print`` it, or read its ``numbers``, ``text``, ``latex`` and ``html``.

    >>> import chainrule as cr
    >>> example = cr.gallery.show("cs231n-circuit")
    >>> [(number.name, number.printed, number.computed) for number in example.numbers][:2]
    [('q', '3', '3'), ('f', '-12', '-12')]
    """
    known = {entry.key: entry for entry in ENTRIES}
    if name not in known:
        raise unknown_name("example", name, known)
    with whole_runs():
        work = known[name].compute()
    return Recomputed(known[name], work)
