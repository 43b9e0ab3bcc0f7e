"""The page of one example: what was published, what was computed, where they differ, and how it was done."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chainrule.document import Block, Code, Details, Document, Heading, Paragraph, Remark, Shown, Table
from chainrule.gallery.digits import agrees, beside
from chainrule.gallery.entry import Deviation, Entry, Work
from chainrule.show.numbers import counted, number_text


@dataclass(frozen=True)
class Compared:
    """A number of an example.

    Attributes:
        name: what it is.
        printed: as the source has it; empty where the source does not print it.
        value: as computed.
        deviation: why the two differ, where they do.
        instead: what gives the printed number, where the deviation names it.
    """

    name: str
    printed: str
    value: float
    deviation: Deviation | None = None
    instead: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the computed number rounds to the printed one; so does one that was not printed."""
        return not self.printed or agrees(self.printed, self.value)

    @property
    def computed(self) -> str:
        """The computed number, with two digits more than the printed one."""
        return beside(self.printed, self.value) if self.printed else number_text(self.value)

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return ("agrees" if self.agrees else "differs") if self.printed else "not printed"


@dataclass(frozen=True, eq=False)
class Recomputed(Shown):
    """A published example, computed: print it, or look at it in a notebook.

    Attributes:
        entry: what was published.
        work: what was computed.
    """

    entry: Entry
    work: Work

    @cached_property
    def numbers(self) -> tuple[Compared, ...]:
        """The numbers in the order of the source, then those that it does not print."""
        entry, values = self.entry, self.work.values
        numbers = []
        for name, printed in entry.published.items():
            deviation = entry.deviations.get(name)
            instead = float(values[deviation.instead]) if deviation and deviation.instead else None
            numbers.append(Compared(name, printed, float(values[name]), deviation, instead))
        return (*numbers, *(Compared(name, "", float(values[name])) for name in entry.also))

    @property
    def agreeing(self) -> int:
        """How many of the published numbers the computation gives, to the digits printed."""
        return sum(1 for number in self.numbers if number.printed and number.agrees)

    @property
    def differing(self) -> tuple[Compared, ...]:
        """The published numbers that the computation does not give."""
        return tuple(number for number in self.numbers if not number.agrees)

    @property
    def verdict(self) -> str:
        """How many agree, in a sentence."""
        total = counted(len(self.entry.published), "published number")
        if not self.differing:
            return f"Of {total}, all are what the computation gives, to the digits printed."
        if not self.agreeing:
            return f"Of {total}, none is what the computation gives."
        return f"Of {total}, {self.agreeing} are what the computation gives, to the digits printed; the others differ."

    @cached_property
    def document(self) -> Document:
        """The page."""
        entry = self.entry
        rows = [(n.name, n.printed, n.computed, n.verdict) for n in self.numbers]
        blocks: list[Block] = [
            Paragraph(entry.about),
            Paragraph(f"Source: {entry.source} ({entry.year})."),
            Heading("Published and computed"),
            Paragraph(self.verdict),
            Table(("number", "published", "computed", "verdict"), rows),
            *self._deviations(),
            *(Remark(remark) for remark in entry.remarks),
            Heading("The program"),
            Paragraph("Value and gradients, derived by the chain rule:"),
            Code(str(self.work.program)),
            Details("How it was computed", (Code(self.code),)),
        ]
        return Document(entry.title, blocks)

    def _deviations(self) -> list[Block]:
        """Each reason once, with the numbers that it is about."""
        if not self.differing:
            return []
        about: dict[str, list[Compared]] = {}
        for number in self.differing:
            about.setdefault(number.deviation.reason if number.deviation else "", []).append(number)
        blocks: list[Block] = [Heading("Where the source differs")]
        for reason, numbers in about.items():
            blocks.append(Paragraph(f"{', '.join(n.name for n in numbers)}: {reason}"))
            explained = [
                (d.instead, n.printed, beside(n.printed, n.instead))
                for n in numbers
                if (d := n.deviation) and n.instead is not None
            ]
            if explained:
                blocks.append(Table(("what gives it", "published", "computed"), explained))
        return blocks

    @property
    def code(self) -> str:
        """The text of the functions that computed it."""
        return "\n\n".join(map(inspect.getsource, (*self.entry.helpers, self.entry.compute)))

    def to_json(self) -> dict[str, Any]:
        """The numbers, and where they come from."""
        fields = {name: getattr(self.entry, name) for name in ("key", "title", "year", "source")}
        numbers = [
            {
                "name": n.name,
                "published": n.printed or None,
                "computed": n.value,
                "agrees": n.agrees,
                "reason": n.deviation.reason if n.deviation else None,
            }
            for n in self.numbers
        ]
        return {**fields, "numbers": numbers, "remarks": list(self.entry.remarks), "program": str(self.work.program)}
