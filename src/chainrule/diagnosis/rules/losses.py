"""Rules that compare a loss with that of a constant prediction: the chance level."""

from __future__ import annotations

from typing import Final

from chainrule.diagnosis.record import Record
from chainrule.show.numbers import number_text
from chainrule.training import Finding, Rule

LEARNT: Final = 0.98
"""A trained network whose loss is higher, on a scale from 0 at the floor to 1 at chance, has learnt nothing."""
FAR_FROM_CHANCE: Final = 5.0
"""An untrained network whose loss is higher begins at the wrong place."""
BY_HEART: Final = 0.1
"""A network that can learn brings the loss of a handful of rows below this."""


def nothing_learnt(record: Record) -> Finding | None:
    """The trained network is no better than a constant."""
    if record.beats_guess is False:
        return Finding(
            "nothing learnt",
            "warning",
            "It has learnt nothing that holds: on the held-out rows it is no better than always guessing the same.",
            "Try other learning rates; where none helps, it needs more rows, or columns that tell more.",
            {"beats_guess": False},
        )
    if not record.trained or record.loss is None or record.levels is None:
        return None
    if record.levels.share(record.loss) <= LEARNT:
        return None
    return Finding(
        "nothing learnt",
        "warning",
        f"It has learnt nothing: its loss on the training rows is {number_text(record.loss, 3)}, and always predicting "
        f"the same has {number_text(record.levels.chance, 3)}.",
        "Ask net.preflight(X, y) of a fresh network what keeps it from learning; try other learning rates.",
        {"loss": record.loss, "chance": record.levels.chance},
    )


def far_from_chance(record: Record) -> Finding | None:
    """The untrained network is much worse than a constant."""
    if record.trained or record.loss is None or record.levels is None:
        return None
    if record.levels.share(record.loss) <= FAR_FROM_CHANCE:
        return None
    return Finding(
        "start far from chance",
        "warning",
        f"Before training the loss is {number_text(record.loss, 3)}, and always predicting the same has only "
        f"{number_text(record.levels.chance, 3)}: the first epochs will go into getting there.",
        "Scale inputs and targets to mean 0 and standard deviation 1, or start the last biases at the target's mean.",
        {"loss": record.loss, "chance": record.levels.chance},
    )


def not_by_heart(record: Record) -> Finding | None:
    """A copy of the network could not learn a few rows by heart."""
    few = record.handful
    if few is None or few.levels.share(few.loss) <= BY_HEART:
        return None
    return Finding(
        "handful not learnt",
        "warning",
        f"A copy of the network that was trained on {few.rows} rows alone still has the loss "
        f"{number_text(few.loss, 3)} on them; always predicting the same has {number_text(few.levels.chance, 3)}.",
        "Something keeps it from learning: too few units, dead units, targets that the output cannot reach, "
        "or rows with equal features and different targets.",
        {"rows": few.rows, "loss": few.loss, "chance": few.levels.chance},
    )


RULES: Final[tuple[Rule[Record], ...]] = (
    Rule(
        "nothing learnt",
        f"after training, the loss of the training rows is above {LEARNT:.0%} of the way up from the floor to the "
        "chance level; or on held-out rows it is no better than a trivial guess",
        "the chance level is the loss of the best constant prediction, the floor that of the best one for each row",
        nothing_learnt,
    ),
    Rule(
        "start far from chance",
        f"before training, the loss is more than {FAR_FROM_CHANCE:g} times as far above the floor as the chance level",
        'Karpathy 2019, A Recipe for Training Neural Networks: "verify loss at init"; the factor is a choice',
        far_from_chance,
    ),
    Rule(
        "handful not learnt",
        f"a copy trained on 8 rows alone has a loss above {BY_HEART:.0%} of the way up from their floor to their "
        "chance level",
        'Karpathy 2019: "overfit one batch"; the share is a choice',
        not_by_heart,
    ),
)
