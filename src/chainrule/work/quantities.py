"""What can be asked of a circuit: a value, a derivative, a parameter after a step; and how people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import unknown_name
from chainrule.explain.grammar import plain_formula
from chainrule.expression import Expression, symbol
from chainrule.shapes import Shape

if TYPE_CHECKING:
    from chainrule.work.problem import Problem


@dataclass(frozen=True)
class Quantity:
    """A value ``of`` a scalar; with ``by``, a derivative; ``new``, a parameter after a step of gradient descent."""

    of: str
    by: str = ""
    new: bool = False


@dataclass(frozen=True, eq=False)
class Asked:
    """What an answer is about, as it was written: one quantity, or an array of them."""

    text: str
    grid: NDArray[Any]

    @property
    def single(self) -> bool:
        """Whether it is one number."""
        return self.grid.ndim == 0

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self.grid.ravel().tolist())


class Spellings(Mapping[str, Expression]):
    """Every way to write a scalar, an array, or a derivative of one by another, as a symbol of its own.

    Args:
        problem: whose names.
        arrays: whether a name of an array with one element is the array, not the element.
    """

    def __init__(self, problem: Problem, arrays: bool) -> None:
        self.problem, self.arrays = problem, arrays
        self.meaning: dict[str, Asked] = {}

    def __getitem__(self, text: str) -> Expression:
        asked = self.asked(text)
        if asked is None:
            raise KeyError(text)
        name = self._identifier(asked)
        self.meaning[name] = asked
        shape: Shape = asked.grid.shape
        return symbol(name, shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.problem.shown)

    def __len__(self) -> int:
        return len(self.problem.shown)

    def _identifier(self, asked: Asked) -> str:
        if asked.single:
            quantity = asked.grid.item()
            return quantity.of if not quantity.by else f"d_{quantity.of}_by_{quantity.by}"
        return "a_" + "_".join(str(ord(c)) if not c.isalnum() else c for c in asked.text)

    def asked(self, text: str) -> Asked | None:
        """What a name stands for: a scalar, an array, or a derivative of a scalar by either."""
        names = self._names(text)
        if names is not None:
            return Asked(text, _each(names, Quantity))
        derivative = re.fullmatch(r"[d∂δ](.+)/[d∂δ](.+)", text)
        of, by = derivative.groups() if derivative else (self.problem.output, text[1:] if text[:1] in "d∂δ" else "")
        above, below = self.problem.scalars.get(_key(of)), self._names(by)
        if above is None or below is None:
            return None
        return Asked(text, _each(below, lambda name: Quantity(above, name)))

    def _names(self, text: str) -> NDArray[Any] | None:
        """The names of the scalars that a name stands for."""
        scalar, array = self.problem.scalars.get(_key(text)), self.problem.arrays.get(_key(text))
        if array is not None and (self.arrays or scalar is None):
            return array
        return None if scalar is None else np.array(scalar, dtype=object)


def asked_of(problem: Problem, text: str) -> Asked:
    """What an answer is about: ``z1[0]``, ``dL/dW111``, ``∂Y'/∂O11``, ``W111 new``, ``dL/dW1``.

    Raises:
        UnknownNameError: where it is none of these.
    """
    plain = re.sub(r"\s*([/,\[])\s*|\s+(\])", r"\1\2", plain_formula(text).strip())
    new = re.fullmatch(r"new (.+)|(.+?)[_ ]new", plain)
    name = (new[1] or new[2]).strip() if new else plain
    found = Spellings(problem, arrays=False).asked(name)
    if found is None or (new and not all(q.of in problem.parameters and not q.by for q in found)):
        what = "parameter" if new else "quantity"
        known = (
            problem.shown if not new else [n for n in problem.shown if problem.scalars[_key(n)] in problem.parameters]
        )
        raise unknown_name(what, name, [*known, *problem.counts])
    return Asked(text, _each(found.grid, lambda q: Quantity(q.of, new=True))) if new else Asked(text, found.grid)


def _each(grid: NDArray[Any], make: Any) -> NDArray[Any]:
    made = np.empty(grid.shape, dtype=object)
    for index, item in np.ndenumerate(grid):
        made[index] = make(item)
    return made


def _key(text: str) -> str:
    return spelling_key(text)


def spelling_key(text: str) -> str:
    """The same for names that differ in underscores, blanks and raised brackets only.

    >>> spelling_key("W^(1)_{12}"), spelling_key("W⁽¹⁾₁₂")
    ('W(1)12', 'W(1)12')
    """
    return re.sub(r"[_{} ]|\^(?=\()", "", plain_formula(text))
