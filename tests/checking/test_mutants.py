"""The check itself, checked: no wrong rule survives it."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.certificates.judge import judge
from chainrule.checking.describe import describe
from chainrule.checking.mutants import mutants
from chainrule.checking.operations import program_of
from chainrule.errors import NotDifferentiableError

FEWEST = 346


def holds(operation):
    return all(c.holds.all() for c in judge(describe(*program_of(operation), "all")))


@pytest.mark.parametrize("name", sorted(cr.operations))
def test_the_rule_holds_and_no_wrong_one_does(name):
    operation = cr.operations[name]
    try:
        assert holds(operation)
    except NotDifferentiableError:
        assert not list(mutants(operation))
    assert [what for what, mutant in mutants(operation) if holds(mutant)] == []


def test_there_are_as_many_mutants_as_ever():
    assert sum(1 for operation in cr.operations.values() for _ in mutants(operation)) >= FEWEST
