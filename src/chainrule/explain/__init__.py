"""Explanations: circuits, paths, derivations, in the notation of one's course and with one's own numbers."""

from chainrule.explain.backward import BackwardPass
from chainrule.explain.circuit import Circuit, Gate
from chainrule.explain.derivation import Derivation
from chainrule.explain.ending import simplification, simplified
from chainrule.explain.equations import Step
from chainrule.explain.formulas import circuit, paths
from chainrule.explain.notation import NOTATIONS, Notation, notation_of
from chainrule.explain.objective import Objective
from chainrule.explain.paths import Factor, Path, Paths
from chainrule.explain.simplifying import Simplification
from chainrule.explain.stepping import Stepper

__all__ = [
    "NOTATIONS",
    "BackwardPass",
    "Circuit",
    "Derivation",
    "Factor",
    "Gate",
    "Notation",
    "Objective",
    "Path",
    "Paths",
    "Simplification",
    "Step",
    "Stepper",
    "circuit",
    "notation_of",
    "paths",
    "simplification",
    "simplified",
]
