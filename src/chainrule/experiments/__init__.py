"""Experiments of a course, each one function and one page: rates, batches, the hill, starts, curvature, counts.

Each trains copies of the network that it is given, or a small built-in example, and returns what it found: ``print``
shows it, a notebook shows it with pictures, ``save`` writes the page, and ``to_json`` gives the numbers.
"""

from chainrule.experiments.batch_sizes import Batches, batches
from chainrule.experiments.counts import Counting, counting
from chainrule.experiments.curvatures import Curvature, curvature, curvature_of
from chainrule.experiments.hills import Landscape, landscape
from chainrule.experiments.problems import Problem, two_gaussians
from chainrule.experiments.rates import LearningRates, learning_rates
from chainrule.experiments.starting_points import Starts, starts
from chainrule.experiments.surfaces import LossSurface

__all__ = [
    "Batches",
    "Counting",
    "Curvature",
    "Landscape",
    "LearningRates",
    "LossSurface",
    "Problem",
    "Starts",
    "batches",
    "counting",
    "curvature",
    "curvature_of",
    "landscape",
    "learning_rates",
    "starts",
    "two_gaussians",
]
