"""Explanations: circuits, paths, derivations, in the notation of one's course and with one's own numbers."""

from chainrule.explain.circuits.circuit import Circuit, Gate
from chainrule.explain.circuits.formulas import circuit, paths
from chainrule.explain.circuits.paths import Factor, Path, Paths
from chainrule.explain.derivations.backward import BackwardPass
from chainrule.explain.derivations.derivation import Derivation
from chainrule.explain.objective import Objective
from chainrule.explain.simplifying.ending import simplification, simplified
from chainrule.explain.simplifying.simplification import Simplification
from chainrule.explain.stepper.equations import Step
from chainrule.explain.stepper.stepping import Stepper
from chainrule.explain.writing.notation import NOTATIONS, Notation, notation_of

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
