"""The homework of a course, solved and discussed: each one function, one command and one page."""

from chainrule.homework.digits import Homework3, homework_3
from chainrule.homework.two_gaussians import Homework2, homework_2

__all__ = ["Homework2", "Homework3", "homework_2", "homework_3"]
