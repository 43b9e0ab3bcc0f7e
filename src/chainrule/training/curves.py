"""What the curve of a loss says: rules with stated thresholds, over a history."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.show.numbers import number_text
from chainrule.training.findings import Finding, Rule

if TYPE_CHECKING:
    from chainrule.training.history import History

FEWEST_EPOCHS: Final = 8
"""Shorter curves are not judged: a line and its error need a few points."""
GENERALISATION_LOSS: Final = 0.05
"""Overfitting is a validation loss that ends this share above its lowest value (Prechelt's GL of 5 %)."""
JUMP: Final = 0.2
"""The loss jumps where it lies above its lowest value so far by this share of its whole fall and of that value."""
SHARE_OF_JUMPS: Final = 0.1
"""A curve with more jumps than this share of its epochs is restless."""
BLOWN_UP: Final = 3.0
"""A loss that is so many times what it was at the start, and then falls, was thrown up by the first steps."""
SLOW: Final = 0.6
"""The second half of a run shorter than one time constant brings at least e^-0.5 = 0.607 of what the first brought."""
STILL_FALLING: Final = 0.01
"""A curve that would close this share of its whole fall in another tenth of the epochs is not at rest."""
STANDARD_ERRORS: Final = 3.0
"""A slope counts where it differs from 0 by so many of its standard errors."""
STEADY_RATE: Final = 1.5
"""Rates that differ by a larger factor make early and late epochs hard to compare."""


def rate_too_high(history: History) -> Finding | None:
    """The first steps blow the loss up, or it ends above its start, or it jumps up again and again."""
    losses = history.loss
    if len(losses) < FEWEST_EPOCHS:
        return None
    curve = np.asarray(losses)
    start = losses[0] if history.start is None else history.start
    lowest = np.minimum.accumulate(curve)
    fall, level = float(curve[0] - lowest[-1]), np.abs(lowest)
    jumps = int(((curve - lowest > JUMP * fall) & (curve - lowest > JUMP * level)).sum())
    rises = float(curve[-1] - curve[0]) > GENERALISATION_LOSS * abs(float(curve[0]))
    highest = float(curve.max())
    if highest > BLOWN_UP * max(abs(start), abs(float(lowest[-1]))):
        how = f"from {number_text(start, 3)} at the start, the training loss went up to {number_text(highest, 3)}"
    elif rises:
        ends = number_text(losses[-1], 3)
        how = f"the training loss ends at {ends}, above the {number_text(losses[0], 3)} of the first epoch"
    elif jumps > SHARE_OF_JUMPS * len(curve):
        how = f"in {jumps} of {len(curve)} epochs the training loss lies far above the lowest one before"
    else:
        return None
    return Finding(
        "learning rate too high",
        "warning",
        f"The learning rate is too high: {how}.",
        "Divide it by 3 to 10, or ask net.find_learning_rate(X, y).",
        {"start": start, "highest": highest, "last": losses[-1], "jumps": jumps, "epochs": len(curve)},
    )


def overfitting(history: History) -> Finding | None:
    """The validation loss rises above its lowest value while the training loss goes on falling."""
    validation, training = history.validation_loss, history.loss
    if len(validation) < 2:
        return None
    best, end = int(np.argmin(validation)), _end(validation)
    if not _risen(validation) or training[-1] >= training[best]:
        return None
    return Finding(
        "overfitting",
        "note" if history.restored else "warning",
        f"It overfits: from epoch {best + 1} to the end, the validation loss rose from "
        f"{number_text(validation[best], 3)} to {number_text(end, 3)}, "
        f"while the training loss fell from {number_text(training[best], 3)} to {number_text(training[-1], 3)}.",
        f"The weights of epoch {history.best_epoch} were kept."
        if history.restored
        else f"Keep the weights of epoch {best + 1} (patience=10 does); more rows, dropout or weight decay help.",
        {"epoch": best + 1, "lowest": validation[best], "last": end},
    )


def rate_too_low(history: History) -> Finding | None:
    """The loss falls in the second half of the run nearly as fast as in the first."""
    losses, rates = history.loss, history.learning_rate
    if len(losses) < FEWEST_EPOCHS or not _steady(rates) or not _falling(losses):
        return None
    middle = (len(losses) - 1) // 2
    first, second = losses[0] - losses[middle], losses[middle] - losses[-1]
    if first <= 0 or second < SLOW * first * (len(losses) - 1 - middle) / middle:
        return None
    return Finding(
        "learning rate too low",
        "warning",
        f"The learning rate is too low for {len(losses)} epochs: the second half of the run lowered the training loss "
        f"by {number_text(second, 3)}, the first by {number_text(first, 3)}, and it is still falling.",
        "Multiply it by 3 to 10 (net.find_learning_rate(X, y) suggests one), or train for more epochs.",
        {"first_half": first, "second_half": second, "epochs": len(losses)},
    )


def still_falling(history: History) -> Finding | None:
    """The watched loss would fall noticeably if training went on."""
    losses = history.validation_loss or history.loss
    if not _falling(losses):
        return None
    slope, _ = _slope(losses)
    tenth = max(1, len(losses) // 10)
    return Finding(
        "still falling",
        "note",
        f"It is still learning: at the end, the {_name(history)} falls by about {number_text(-slope, 2)} an epoch.",
        "Train for more epochs.",
        {"slope": slope, "another_tenth": -slope * tenth, "fall": max(losses) - min(losses)},
    )


def converged(history: History) -> Finding | None:
    """The watched loss has come to rest."""
    losses = history.validation_loss or history.loss
    if len(losses) < FEWEST_EPOCHS or _falling(losses) or _risen(losses):
        return None
    lowest = int(np.argmin(losses))
    return Finding(
        "converged",
        "good",
        f"It has converged: the {_name(history)} is at rest, {number_text(losses[lowest], 3)} at its lowest "
        f"(epoch {lowest + 1}) and {number_text(losses[-1], 3)} at the end.",
        "",
        {"lowest": losses[lowest], "epoch": lowest + 1, "last": losses[-1]},
    )


CURVE_RULES: Final[tuple[Rule[History], ...]] = (
    Rule(
        "learning rate too high",
        f"the training loss of an epoch is more than {BLOWN_UP:g} times what it was at the start and what it is at its "
        f"lowest; or it ends more than {GENERALISATION_LOSS:.0%} above the first epoch's; or in more than "
        f"{SHARE_OF_JUMPS:.0%} of the epochs it lies above the lowest before by more than {JUMP:.0%} of the whole fall "
        f"and of that lowest",
        "steps longer than 2 / curvature climb (LeCun et al. 1998, Efficient BackProp, section 4.6)",
        rate_too_high,
    ),
    Rule(
        "overfitting",
        f"the validation loss ends more than {GENERALISATION_LOSS:.0%} above its lowest, and by more than "
        f"{STILL_FALLING:.0%} of its whole fall, while the training loss fell",
        "Prechelt 1998, Early Stopping - But When?: criterion GL with alpha = 5",
        overfitting,
    ),
    Rule(
        "learning rate too low",
        f"at a steady rate, the second half of the run lowered the training loss by at least {SLOW:.0%} of what the "
        "first half did, and it is still falling",
        "exponential decay: that is a run shorter than one time constant, since e^-0.5 = 0.607",
        rate_too_low,
    ),
    Rule(
        "still falling",
        f"a line through the last fifth of the watched loss falls by more than {STANDARD_ERRORS:g} standard errors, "
        f"and another tenth of the epochs at that pace would bring more than {STILL_FALLING:.0%} of the whole fall",
        "least squares; the share is a choice",
        still_falling,
    ),
    Rule(
        "converged",
        f"none of these: of {FEWEST_EPOCHS} epochs or more, the watched loss neither falls nor ends above its lowest",
        "the same thresholds",
        converged,
    ),
)
"""The first that holds is what is said of a curve."""


def curve_finding(history: History) -> Finding | None:
    """What the first rule that holds says of a history; nothing where it is short, or a loss is not finite."""
    if not all(map(isfinite, (*history.loss, *history.validation_loss))):
        return None
    return next((finding for rule in CURVE_RULES if (finding := rule.look(history))), None)


def _end(losses: Sequence[float]) -> float:
    """Where a curve ends: the median of its last three epochs, if its lowest lies before them."""
    return float(np.median(losses[-3:])) if int(np.argmin(losses)) < len(losses) - 3 else losses[-1]


def _risen(losses: Sequence[float]) -> bool:
    """Whether a curve ends noticeably above its lowest value."""
    lowest, rise = min(losses), _end(losses) - min(losses)
    return rise > GENERALISATION_LOSS * abs(lowest) and rise > STILL_FALLING * (max(losses) - lowest)


def _name(history: History) -> str:
    return "validation loss" if history.validation_loss else "training loss"


def _steady(rates: Sequence[float]) -> bool:
    return bool(rates) and min(rates) > 0 and max(rates) <= STEADY_RATE * min(rates)


def _slope(losses: Sequence[float]) -> tuple[float, float]:
    """The slope of a line through the last fifth of a curve, and its standard error."""
    last: NDArray[np.float64] = np.asarray(losses[-max(5, len(losses) // 5) :])
    x = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float(x @ last / (x @ x))
    rest = last - last.mean() - slope * x
    return slope, float(np.sqrt(rest @ rest / (len(last) - 2) / (x @ x)))


def _falling(losses: Sequence[float]) -> bool:
    """Whether a curve is still on its way down at its end."""
    if len(losses) < FEWEST_EPOCHS:
        return False
    slope, error = _slope(losses)
    tenth = max(1, len(losses) // 10)
    return -slope > STANDARD_ERRORS * error and -slope * tenth > STILL_FALLING * (max(losses) - min(losses))
