"""What the curves of the loss say, of one run or of the members of an ensemble."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from chainrule.diagnosis.record import Record
from chainrule.training import CURVE_RULES, Finding, Rule, curve_finding


def of_members(name: str, record: Record) -> Finding | None:
    """The finding of that name, of all members together."""
    looked = enumerate(map(curve_finding, record.histories), 1)
    found = [(number, finding) for number, finding in looked if finding and finding.name == name]
    members = len(record.histories)
    if not found or members == 1:
        return found[0][1] if found else None
    number, first = found[0]
    who = f"all {members} members" if len(found) == members else f"{len(found)} of {members} members"
    return replace(
        first,
        sentence=f"{name[0].upper()}{name[1:]}: {who}. Of member {number}: {first.sentence}",
        evidence={**first.evidence, "members": [n for n, _ in found]},
    )


RULES: Final = tuple(Rule(rule.name, rule.holds, rule.source, partial(of_members, rule.name)) for rule in CURVE_RULES)
