"""Training: batches, epochs, stopping, history, callbacks, progress."""

from chainrule.training.callbacks import Callback, EveryEpoch, Moment
from chainrule.training.history import History
from chainrule.training.interrupt import whole_runs
from chainrule.training.loop import Plan, batch_rows, train
from chainrule.training.progress import progress_callback

__all__ = [
    "Callback",
    "EveryEpoch",
    "History",
    "Moment",
    "Plan",
    "batch_rows",
    "progress_callback",
    "train",
    "whole_runs",
]
