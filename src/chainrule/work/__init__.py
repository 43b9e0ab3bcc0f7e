"""Work done by hand: checked, with the cause of each slip; and exercises."""

from chainrule.work.checking import check_my_work, mark
from chainrule.work.marked import Marked, Verdict
from chainrule.work.problem import Problem, formula_problem, network_problem

__all__ = ["Marked", "Problem", "Verdict", "check_my_work", "formula_problem", "mark", "network_problem"]
