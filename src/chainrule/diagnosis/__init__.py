"""Training that explains itself: what is looked at, before and after, and the rules by which it is judged."""

from chainrule.diagnosis.diagnosis import Diagnosis, verdict_lines
from chainrule.diagnosis.layers import LayerMeter, LayerRecorder
from chainrule.diagnosis.preflight import diagnose, preflight, preflight_table
from chainrule.diagnosis.record import Record
from chainrule.diagnosis.rules import RULES, findings

__all__ = [
    "RULES",
    "Diagnosis",
    "LayerMeter",
    "LayerRecorder",
    "Record",
    "diagnose",
    "findings",
    "preflight",
    "preflight_table",
    "verdict_lines",
]
