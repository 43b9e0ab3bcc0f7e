"""Training: batches, epochs, stopping, history, callbacks, progress."""

from chainrule.training.callbacks import Callback, EveryEpoch, Moment, listed_callbacks
from chainrule.training.curves import CURVE_RULES, curve_finding
from chainrule.training.findings import Finding, Rule
from chainrule.training.history import History
from chainrule.training.interrupt import Interrupt, whole_runs
from chainrule.training.keeping import Checkpoints
from chainrule.training.loop import train
from chainrule.training.metrics import Metric
from chainrule.training.plan import Plan, batch_rows, mean_loss
from chainrule.training.progress import progress_callback
from chainrule.training.series import LayerSeries

__all__ = [
    "CURVE_RULES",
    "Callback",
    "Checkpoints",
    "EveryEpoch",
    "Finding",
    "History",
    "Interrupt",
    "LayerSeries",
    "Metric",
    "Moment",
    "Plan",
    "Rule",
    "batch_rows",
    "curve_finding",
    "listed_callbacks",
    "mean_loss",
    "progress_callback",
    "train",
    "whole_runs",
]
