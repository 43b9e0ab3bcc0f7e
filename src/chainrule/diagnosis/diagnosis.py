"""Findings put together: one sentence, and a page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from chainrule.document import Block, Document, Heading, Listing, Paragraph, Shown
from chainrule.training import Finding

TITLES: Final = {"warning": "To mend", "note": "Worth knowing", "good": "As it should be"}
"""The parts of a page, by severity."""


@dataclass(frozen=True)
class Diagnosis(Shown):
    """What was found; print it, or look at it in a notebook.

    Attributes:
        title: what was looked at.
        findings: the weightiest first.

    >>> found = Diagnosis("Training", (Finding("still falling", "note", "The loss is still falling."),))
    >>> found.summary
    'Nothing to mend. Worth knowing: still falling.'
    """

    title: str
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What should be mended."""
        return tuple(f for f in self.findings if f.severity == "warning")

    def named(self, name: str) -> Finding | None:
        """The finding of that name, if it was found."""
        return next((f for f in self.findings if f.name == name), None)

    @property
    def summary(self) -> str:
        """The names of the findings, by severity."""
        if not self.findings:
            return "Nothing was found that should be mended."
        parts = [] if self.warnings else ["Nothing to mend."]
        for severity, title in TITLES.items():
            names = [finding.name for finding in self.findings if finding.severity == severity]
            parts += [f"{title}: {', '.join(names)}."] if names else []
        return " ".join(parts)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The findings, to stand in a page."""
        blocks: list[Block] = [Paragraph(self.summary)]
        for severity, title in TITLES.items():
            found = [f for f in self.findings if f.severity == severity]
            if found:
                blocks += [Heading(title), Listing([(f.text,) for f in found])]
        return tuple(blocks)

    @property
    def document(self) -> Document:
        """The page."""
        return Document(self.title, self.blocks)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {"title": self.title, "summary": self.summary, "findings": [f.to_json() for f in self.findings]}
