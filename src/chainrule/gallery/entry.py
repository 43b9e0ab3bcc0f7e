"""What an example of the gallery is: where it was published, the numbers printed there, how they are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import chainrule as cr


@dataclass(frozen=True)
class Work:
    """What an example computes.

    Attributes:
        values: numbers by name.
        program: the value and the gradients that the example is about.
        at: the inputs of the program that the source takes.
    """

    values: Mapping[str, float]
    program: cr.Program
    at: Mapping[str, Any]


@dataclass(frozen=True)
class Deviation:
    """Why a published number is not what the computation gives: a misprint, or numbers rounded on the way.

    Attributes:
        reason: in words.
        instead: the name of a computed value that does give the published number, where one is known.
    """

    reason: str
    instead: str = ""


@dataclass(frozen=True)
class Entry:
    """A published example.

    Attributes:
        key: what it is called by.
        title: what it is.
        year: of publication.
        source: who, what, where.
        about: what it shows, in a few sentences.
        compute: the function that computes it, of users' names only, since its text stands on the page.
        published: numbers by name, as printed in the source: their digits say how close the computed ones must be.
        also: names of numbers that are computed but not printed in the source.
        helpers: functions that ``compute`` shares with another example; their text stands on the page too.
        deviations: by name of a published number, why it differs.
        remarks: what else is worth knowing when reading the source.
    """

    key: str
    title: str
    year: int
    source: str
    about: str
    compute: Callable[[], Work]
    published: Mapping[str, str]
    also: tuple[str, ...] = ()
    helpers: tuple[Callable[..., Any], ...] = ()
    deviations: Mapping[str, Deviation] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def on_wires(f: cr.Expression, **at: float) -> Work:
    """The value on each wire of a formula, and the derivative of the formula by it."""
    circuit = cr.circuit(f, **at)
    slopes = {f"∂{circuit.output}/∂{wire}": slope for wire, slope in circuit.gradients.items()}
    return Work({**circuit.values, **slopes}, cr.derive(f), at)


def on_rows(network: cr.Network, X: Any, y: Any, **values: float) -> Work:
    """Numbers of a network, beside its gradients at its parameters as they are."""
    parameters = {name: array.copy() for name, array in network.parameters.items()}
    return Work(values, network.program(), {**network.prepare(X, y), **parameters})
