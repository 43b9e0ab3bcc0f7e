"""scikit-learn's own callbacks, where the installed version has them (1.9 and later)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from chainrule.training import Callback, Moment

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn import callback as protocol
except ImportError:
    CallbackSupport: Any = object

    def with_callbacks(method: Method) -> Method:
        """The method itself: this version of scikit-learn has no callbacks."""
        return method
else:
    CallbackSupport = protocol.CallbackSupportMixin

    def with_callbacks(method: Method) -> Method:
        """The method, at whose end callbacks are told that it is over."""
        return cast("Method", protocol.with_callbacks(method))


@dataclass
class Follower(Callback):
    """Tells scikit-learn's callbacks of each epoch, as a task of its own."""

    estimator: Any
    whole: Any
    epoch: Any = None

    @classmethod
    def of(cls, estimator: Any, epochs: int) -> list[Follower]:
        """One, if the estimator has such callbacks."""
        if not hasattr(estimator, "_skl_callbacks"):
            return []
        whole = estimator._init_callback_context(max_subtasks=epochs)
        whole.call_on_fit_task_begin(estimator=estimator)
        return [cls(estimator, whole)]

    def on_start(self, moment: Moment) -> None:
        """The first epoch begins."""
        self.epoch = self.whole.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch(self, moment: Moment) -> bool:
        """An epoch is over; another begins, unless this was the last."""
        stop = bool(self.epoch.call_on_fit_task_end(estimator=self.estimator))
        if not stop and moment.epoch < moment.epochs:
            self.on_start(moment)
        return stop

    def end(self) -> None:
        """Training is over."""
        self.whole.call_on_fit_task_end(estimator=self.estimator)
