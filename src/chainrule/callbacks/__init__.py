"""Callbacks with which training is followed along: in a file, in TensorBoard, in MLflow."""

from chainrule.callbacks.follower import Follower, for_members
from chainrule.callbacks.json_lines import JSONLines
from chainrule.callbacks.mlflow import MLflow
from chainrule.callbacks.tensorboard import TensorBoard

__all__ = ["Follower", "JSONLines", "MLflow", "TensorBoard", "for_members"]
