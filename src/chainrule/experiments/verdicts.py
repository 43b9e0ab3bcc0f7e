"""Words for how descents went, by rules on their losses and moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Final

from chainrule.experiments.descents import Descent
from chainrule.show.numbers import number_text

SHARE_OF_BEST: Final = 0.9
"""A descent that makes this share of the best one's fall is good."""
SHARE_OF_RISES: Final = 0.1
"""Losses whose rises are more than this share of their falls go up and down."""
SHARE_OF_TURNS: Final = 0.5
"""Moves of which more than this share go back jump to and fro."""
STILL_FALLING: Final = 0.01
"""A descent whose last tenth of epochs closed this share of the gap to the best one is not at rest yet."""

RULES: Final = (
    "diverges: the loss is infinite or undefined, or ends above its start;",
    f"oscillates: more than {SHARE_OF_TURNS:.0%} of the moves from epoch to epoch go back (their inner product with "
    f"the move before is negative), or all rises of the loss together are more than {SHARE_OF_RISES:.0%} of all falls;",
    f"good: none of these, and the loss fell by at least {SHARE_OF_BEST:.0%} of what the best descent fell;",
    f"too slow: it fell less than that, but its last tenth of epochs closed at least {STILL_FALLING:.0%} of the gap "
    "to the best: at that pace, ten times as many epochs would get there;",
    "settles higher: it fell less than that, and hardly falls any more.",
)
"""The rules in words, in the order in which they are tried."""


@dataclass(frozen=True)
class Verdict:
    """A word, and the numbers that it comes from in a few more."""

    word: str
    reason: str


def verdicts(descents: Sequence[Descent]) -> tuple[Verdict, ...]:
    """A verdict on each descent, beside the others; :data:`RULES` says how it is found."""
    falls = [d.start - d.end for d in descents if isfinite(d.end)]
    return tuple(verdict(d, max(falls, default=0.0)) for d in descents)


def epochs_to_most(descents: Sequence[Descent]) -> tuple[int | None, ...]:
    """After how many epochs each made :data:`SHARE_OF_BEST` of the best descent's fall; ``None`` for never."""
    start, lowest = descents[0].start, min(d.end for d in descents)
    goal = start - SHARE_OF_BEST * (start - lowest)
    return tuple(d.reaches(goal) or None for d in descents)


def verdict(descent: Descent, best_fall: float) -> Verdict:
    """A verdict on one descent.

    Args:
        descent: what to judge.
        best_fall: by how much the loss fell in the best of the descents that are compared.
    """
    losses, start, end = descent.losses, descent.start, descent.end
    if not all(map(isfinite, losses)):
        return Verdict("diverges", f"not finite after {len(losses) - 1} epochs")
    if end > start:
        return Verdict("diverges", f"ends at {number_text(end, 4)}, above its start")
    pairs = list(pairwise(losses))
    rises, falls = (sum(max(sign * (b - a), 0.0) for a, b in pairs) for sign in (1, -1))
    if descent.turns > SHARE_OF_TURNS:
        return Verdict("oscillates", f"{descent.turns:.0%} of its moves go back")
    if rises > SHARE_OF_RISES * falls:
        return Verdict("oscillates", f"its rises are {rises / falls:.0%} of its falls" if falls else "it does not fall")
    fall = start - end
    share = f"{fall / best_fall:.0%} of the best fall" if best_fall > 0 else "no fall at all"
    if best_fall > 0 and fall >= SHARE_OF_BEST * best_fall:
        return Verdict("good", share)
    tail = losses[-1 - max(1, len(pairs) // 10)] - end
    return Verdict("too slow" if tail > STILL_FALLING * (best_fall - fall) else "settles higher", share)
