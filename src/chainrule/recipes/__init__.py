"""What to train where nobody says: the network, the optimiser, the schedule, the ensemble, chosen by measurement."""

from chainrule.recipes.ensemble import Ensemble, held_back, learn, learn_stream, sharpen
from chainrule.recipes.folds import held_back_by
from chainrule.recipes.joining import best_factor, join, sharpened, without_link
from chainrule.recipes.members import Member, Part, train_members
from chainrule.recipes.recipe import Recipe

__all__ = [
    "Ensemble",
    "Member",
    "Part",
    "Recipe",
    "best_factor",
    "held_back",
    "held_back_by",
    "join",
    "learn",
    "learn_stream",
    "sharpen",
    "sharpened",
    "train_members",
    "without_link",
]
