"""Phases that are being put together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from chainrule.engines.native.phases import Inner, Load, Loop, Phase, Reduction, Statement, Store, View
from chainrule.shapes import Shape

MACHINE_NAME = re.compile(r"t[0-9]+(_rows)?")

Level: TypeAlias = Literal["inner", "body"]
"""Where in a phase: in the loop of its reduction, or in its body."""


@dataclass
class LoopDraft:
    """A loop that is being put together."""

    space: Shape
    loads: dict[str, Load] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    """Values that the body of the loop has at hand."""

    def finish(self) -> Loop:
        """The loop."""
        return Loop(self.space, tuple(self.loads.values()), tuple(self.statements), tuple(self.stores))


@dataclass
class Draft:
    """A phase that is being put together; its number is its place in the order of making."""

    number: int
    name: str
    body: LoopDraft
    inner: Inner = None
    loop: LoopDraft | None = None
    """The loop of a reduction."""
    scalars: dict[str, None] = field(default_factory=dict)

    def level(self, level: Level) -> LoopDraft:
        """The loop at that level."""
        if level == "body":
            return self.body
        assert self.loop is not None
        return self.loop

    def finish(self) -> Phase:
        """The phase."""
        inner = self.inner
        if isinstance(inner, Reduction):
            assert self.loop is not None
            inner = replace(inner, loop=self.loop.finish())
        return Phase(self._shown(), self.body.finish(), inner, tuple(self.scalars))

    def _shown(self) -> str:
        """The name, or that of the last value stored that a person named, if it is one of the machine's."""
        if not MACHINE_NAME.fullmatch(self.name):
            return self.name
        stored = [store.value for loop in (self.loop, self.body) if loop is not None for store in loop.stores]
        made = [s.target for loop in (self.loop, self.body) if loop is not None for s in loop.statements]
        names = [n for n in (*stored, *made) if isinstance(n, str) and not MACHINE_NAME.fullmatch(n)]
        return names[0] if names else self.name


@dataclass(frozen=True)
class Computed:
    """Where a value is computed."""

    draft: Draft
    level: Level


@dataclass(frozen=True)
class Stored:
    """Where a value lies, and after which phase: -1 for what is there from the start."""

    view: View
    after: int
