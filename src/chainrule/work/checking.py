"""``check_my_work``: answers in, verdicts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.document import Equations, Formula, Line
from chainrule.errors import ArgumentError, require
from chainrule.explain import Notation
from chainrule.expression import Expression
from chainrule.network import Network
from chainrule.work.counts import Count
from chainrule.work.judge import Judge
from chainrule.work.marked import Marked, Verdict, verdict_of
from chainrule.work.numbers import is_number, written
from chainrule.work.problem import Problem, formula_problem, network_problem

MOST_ANSWERS = 200


def check_my_work(
    of: Network | Expression | str | Mapping[str, str | Expression],
    answers: Mapping[str, Any],
    *,
    X: Any = None,
    y: Any = None,
    values: Mapping[str, float] | None = None,
    notation: Notation | str = "names",
    lr: float = 0.1,
) -> Marked:
    """Say which answers are right, and why the others are wrong.

    An answer is a number, a list of numbers, or a formula as text. A number is right if the right value rounds to it; a
    formula if it agrees at the problem's own numbers and at random ones. A wrong answer that follows from another wrong
    one is recognised; otherwise the usual slips are tried, one at a time and then two at once: another index, a sign, a
    factor 2, a missing factor, derivative, path, row or bias, a transposed matrix, the update, and more.

    Args:
        of: a network, with ``X`` and ``y``; or formulas by name, each over those before it; or one formula.
        answers: what was answered, by what was asked: ``"z1[0]"``, ``"dL/dW1[0,1]"``, ``"∂h/∂z"``, ``"b2 new"``
            (after a step of gradient descent), ``"dL/dW1"`` (a matrix), ``"parameters"`` (how many); names as the
            notation has them, or as programs do.
        X: one row of features, or several.
        y: the target of the row, or of each row.
        values: a number for each symbol of formulas; without them only formulas are judged.
        notation: how names are written, as in :meth:`Network.explain`.
        lr: the learning rate of the step.

    Raises:
        ArgumentError: for an answer that cannot be read; says which, where and what to do.

    >>> import chainrule as cr
    >>> net = cr.mlp([2, 2, 1], hidden="linear", weights=0.5)
    >>> marked = cr.check_my_work(net, {"Y'": 1.5, "dL/dW221": "-2 (Y - Y') O11"}, X=[1, 2], y=3, notation="indexed")
    >>> marked["Y'"].right, marked["dL/dW221"].causes
    (True, ('O11 stands where O12 belongs',))
    """
    if isinstance(of, Network):
        require(X is not None and y is not None, "a network needs its data: check_my_work(net, answers, X=..., y=...)")
        problem = network_problem(of, X, y, notation, lr)
    else:
        formulas = of if isinstance(of, Mapping) else {"f": of}
        problem = formula_problem(formulas, values, lr)
    return mark(problem, answers)


def mark(problem: Problem, answers: Mapping[str, Any]) -> Marked:
    """The verdicts on the answers to a problem; empty text is no answer."""
    require(
        isinstance(answers, Mapping), f"give the answers by what was asked, as in {{'L': 0.5}}, not {answers!r:.60}"
    )
    if len(answers) > MOST_ANSWERS:
        raise ArgumentError(f"{len(answers)} answers are too many at once (the limit is {MOST_ANSWERS}): split them")
    given = {str(name): value for name, value in answers.items() if not (isinstance(value, str) and not value.strip())}
    counts = {
        name: _counted(name, value, problem.counts[name]) for name, value in given.items() if name in problem.counts
    }
    rest = {name: value for name, value in given.items() if name not in counts}
    judged = Judge(problem, rest).verdicts()
    verdicts = {name: verdict_of(problem, name, one) for name, one in zip(rest, judged, strict=True)} | counts
    return Marked(
        problem, [verdicts[name] for name in given], [str(name) for name in answers if str(name) not in given]
    )


def _counted(name: str, value: Any, count: Count) -> Verdict:
    """The verdict on a number of things."""
    if not is_number(value):
        raise ArgumentError(f"the answer for {name} is a whole number, not {value!r:.40}")
    given = written(value)
    if given.value == count.value:
        return Verdict(name, given.text, True)
    why = list(dict.fromkeys(m.words for m in count.miscounts if m.value == given.value != count.value))[:3]
    line = Line(Formula(rf"\text{{{name}}}", name), Formula(rf"\text{{{count.words}}}", count.words))
    kinds, words = (("counting",), tuple(why)) if why else (("unknown",), ("no usual slip explains it",))
    return Verdict(name, given.text, False, kinds=kinds, causes=words, solution=(Equations(line),))
