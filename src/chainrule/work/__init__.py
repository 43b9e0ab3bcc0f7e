"""Work done by hand: checked, with the cause of each slip; and exercises."""

from chainrule.work.checking import check_my_work, mark
from chainrule.work.exercises import Exercise, exercise
from chainrule.work.files import Work, read_work
from chainrule.work.marked import Marked, Verdict
from chainrule.work.problem import Problem, formula_problem, network_problem

__all__ = [
    "Exercise",
    "Marked",
    "Problem",
    "Verdict",
    "Work",
    "check_my_work",
    "exercise",
    "formula_problem",
    "mark",
    "network_problem",
    "read_work",
]
