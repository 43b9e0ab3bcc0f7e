"""The rules: from the facts of a record to findings, each with its threshold and where that comes from."""

from __future__ import annotations

from typing import Final

from chainrule.diagnosis.record import Record
from chainrule.diagnosis.rules.curves import RULES as CURVES
from chainrule.diagnosis.rules.data import RULES as DATA
from chainrule.diagnosis.rules.layers import RULES as LAYERS
from chainrule.diagnosis.rules.losses import RULES as LOSSES
from chainrule.training import Finding, Rule
from chainrule.training.findings import SEVERITIES

RULES: Final[tuple[Rule[Record], ...]] = (*LOSSES, *CURVES, *LAYERS, *DATA)
"""All of them, in the order in which findings are told."""


def findings(record: Record) -> tuple[Finding, ...]:
    """What all rules find in a record, warnings first."""
    found = [finding for rule in RULES if (finding := rule.look(record))]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


__all__ = ["RULES", "findings"]
