"""The page that goes through passes step by step: one file with a small script of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.document import Document, Equations
from chainrule.document.html import body, environment

if TYPE_CHECKING:
    from chainrule.explain.stepper.equations import Pass
    from chainrule.explain.stepper.stepping import Stepper


def player(title: str, stepper: Stepper, passes: int) -> str:
    """The page: every step worked out beforehand; the script shows one at a time, and without it all are listed."""
    template = environment("chainrule.explain.stepper").get_template("stepper.html")
    shown = [_shown(one, len(stepper.circuits)) for one in stepper.passes(passes)]
    return template.render(title=title, remark=body(Document("", (stepper.remark,))), passes=shown)


def _shown(one: Pass, rows: int) -> dict[str, object]:
    """A pass as the template takes it."""
    return {
        "row": one.row + 1 if rows > 1 else None,
        "svg": one.drawing().svg,
        "steps": [
            {
                "title": step.title,
                "text": str(step),
                "section": step.section,
                "equations": body(Document("", (Equations(*step.lines),))),
            }
            for step in one.steps
        ],
    }
