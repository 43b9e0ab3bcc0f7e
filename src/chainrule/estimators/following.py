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
    """Tells scikit-learn's callbacks of each epoch."""

    estimator: Any
    fit: Any
    epoch: Any = None

    @classmethod
    def of(cls, estimator: Any, epochs: int) -> list[Follower]:
        """One if the estimator has such callbacks."""
        if not hasattr(estimator, "_skl_callbacks"):
            return []
        return [cls(estimator, estimator._init_callback_context(max_subtasks=epochs))]

    def on_start(self, moment: Moment) -> None:
        """Training begins."""
        self.fit.call_on_fit_task_begin(estimator=self.estimator)
        self._begin()

    def _begin(self) -> None:
        self.epoch = self.fit.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch(self, moment: Moment) -> bool:
        """An epoch ends, and the next begins."""
        stop = bool(self.epoch.call_on_fit_task_end(estimator=self.estimator))
        self.epoch = None
        if not stop and moment.epoch < moment.epochs:
            self._begin()
        return stop

    def on_end(self, moment: Moment) -> None:
        """Training ends."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.estimator)
        self.fit.call_on_fit_task_end(estimator=self.estimator)
