"""Training that explains itself: what is looked at, before and after, and the rules by which it is judged."""

from chainrule.diagnosis.diagnosis import Diagnosis
from chainrule.diagnosis.estimating import Estimate, estimate
from chainrule.diagnosis.gathering import diagnose, preflight, preflight_table
from chainrule.diagnosis.layers import LayerMeter, LayerRecorder
from chainrule.diagnosis.rates import RateCurve, find_learning_rate
from chainrule.diagnosis.record import Record
from chainrule.diagnosis.rules import RULES, findings

__all__ = [
    "RULES",
    "Diagnosis",
    "Estimate",
    "LayerMeter",
    "LayerRecorder",
    "RateCurve",
    "Record",
    "diagnose",
    "estimate",
    "find_learning_rate",
    "findings",
    "preflight",
    "preflight_table",
]
