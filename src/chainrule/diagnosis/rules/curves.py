"""What the curves of the loss say, of one run or of the members of an ensemble."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from chainrule.diagnosis.record import Record
from chainrule.training import CURVE_RULES, Finding, Rule, curve_finding

OF_MEMBERS: Final = {
    "learning rate too high": "the learning rate is too high for {}",
    "overfitting": "{} overfit",
    "learning rate too low": "the learning rate is too low for {}",
    "still falling": "{} stopped while still learning",
    "converged": "{} converged",
}
"""What a finding says of members; what follows the colon in its sentence says it of one."""


def of_members(name: str, record: Record) -> Finding | None:
    """The finding of that name, of all members together; nothing good of what is no better than a guess."""
    if name == "converged" and record.beats_guess is False:
        return None
    looked = enumerate(map(curve_finding, record.histories), 1)
    found = [(number, finding) for number, finding in looked if finding and finding.name == name]
    members = len(record.histories)
    if not found or members == 1:
        return found[0][1] if found else None
    number, first = found[0]
    all_of = "both" if members == 2 else f"all {members}"
    who = all_of if len(found) == members else f"{len(found)} of {members}"
    claim = OF_MEMBERS[name].format(f"{who} members")
    _, details = first.sentence.split(": ", 1)
    return replace(
        first,
        sentence=f"{claim[0].upper()}{claim[1:]}. Member {number}: {details}",
        evidence={**first.evidence, "members": [n for n, _ in found]},
    )


RULES: Final = tuple(Rule(rule.name, rule.holds, rule.source, partial(of_members, rule.name)) for rule in CURVE_RULES)
