"""What a comparison found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from chainrule.comparing.definitions import Definition
from chainrule.document import Document, Shown


@dataclass(frozen=True)
class Gap:
    """How far one parameter is apart after some steps.

    Attributes:
        parameter: its name.
        step: after how many steps.
        absolute: the largest difference of one element.
        relative: that, by the largest element of the parameter here.
        bound: the largest difference that rounding explains.
    """

    parameter: str
    step: int
    absolute: float
    relative: float
    bound: float

    @property
    def explained(self) -> bool:
        """Whether rounding explains it."""
        return self.absolute <= self.bound


@dataclass(frozen=True)
class Beside:
    """A library beside chainrule.

    Attributes:
        name: of the library, with its version.
        definitions: what is defined in another way there.
        gaps: how far each parameter is apart after the steps looked at, both by the library's definitions.
        stated: the same with each by its own definitions; equal to ``gaps`` where no definition had to be taken over.
        losses: of each step's rows, before the step, as the library states them.
        first_second: seconds that the first step took, with what is compiled or prepared in it.
        seconds: of one further step, on average.
    """

    name: str
    definitions: tuple[Definition, ...]
    gaps: tuple[Gap, ...]
    stated: tuple[Gap, ...]
    losses: tuple[float, ...]
    first_second: float
    seconds: float

    @property
    def translated(self) -> bool:
        """Whether a definition of the library was taken over for ``gaps``."""
        return self.gaps != self.stated

    @property
    def unexplained(self) -> tuple[Gap, ...]:
        """The gaps that rounding does not explain."""
        return tuple(gap for gap in self.gaps if not gap.explained)

    def worst(self, step: int, *, stated: bool = False) -> Gap:
        """The largest relative gap after so many steps."""
        return max((g for g in (self.stated if stated else self.gaps) if g.step == step), key=lambda g: g.relative)


@dataclass(frozen=True)
class Comparison(Shown):
    """The same training in several libraries; true if some took part and rounding explains every difference.

    Attributes:
        network: the network, in words.
        optimizer: its description.
        rows: of the data.
        batch_size: rows in a step.
        steps: after how many steps parameters were compared.
        dtype: the precision.
        losses: of each step here.
        first_second: seconds of the first step here.
        seconds: of one further step here, on average.
        peers: the libraries that took part.
        left_out: those that did not, and why.
    """

    network: str
    optimizer: Mapping[str, Any]
    rows: int
    batch_size: int
    steps: tuple[int, ...]
    dtype: str
    losses: tuple[float, ...]
    first_second: float
    seconds: float
    peers: tuple[Beside, ...]
    left_out: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.peers) and not any(peer.unexplained for peer in self.peers)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {"agrees": bool(self), **asdict(self)}

    @cached_property
    def document(self) -> Document:
        """The page."""
        from chainrule.comparing.page import page

        return page(self)


def gaps_between(
    here: Mapping[str, Any], there: Mapping[str, Any], step: int, bounds: Mapping[str, float]
) -> Sequence[Gap]:
    """How far the parameters are apart."""
    found = []
    for name, values in here.items():
        absolute = float(abs(values - there[name]).max())
        scale = float(abs(values).max())
        found.append(Gap(name, step, absolute, absolute / scale if scale else absolute, bounds[name]))
    return found
