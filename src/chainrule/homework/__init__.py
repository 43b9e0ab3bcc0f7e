"""The homework of a course, solved and discussed: each one function, one command and one page."""

from chainrule.homework.digits import Homework3, homework_3
from chainrule.homework.two_gaussians import Homework2, homework_2
from chainrule.homework.update_rules import Homework1, homework_1

__all__ = ["Homework1", "Homework2", "Homework3", "homework_1", "homework_2", "homework_3"]
