"""How a network's training is judged, before and after, and what it will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from chainrule.engines.choice import Engine
from chainrule.network.trained import Trained
from chainrule.optim import Optimizer, optimizer_of
from chainrule.training import History

if TYPE_CHECKING:
    from chainrule.diagnosis import Diagnosis, Estimate, RateCurve


class Diagnosed(Trained):
    """What is to be said of a network's training; see :class:`chainrule.Network`."""

    def preflight(self, X: Any, y: Any, *, names: Sequence[str] | None = None) -> Diagnosis:
        """What there is to say before training: every step is made on copies, the network stays as it is.

        The loss is compared with the chance level (that of the best constant prediction), a copy is trained on 8 rows
        alone, which it should learn by heart, and inputs, layers and columns are looked at. docs/diagnosis.md lists the
        rules.

        Args:
            X: features, as for :meth:`fit`; 2000 rows at most are looked at.
            y: targets, as for :meth:`fit`.
            names: of the features, for the sentences.

        Returns:
            The findings: ``print`` them; none is good news.

        >>> import chainrule as cr
        >>> net = cr.mlp([1, 8, 1])
        >>> X, y = [[x / 10] for x in range(20)], [1000.0 + x for x in range(20)]
        >>> [finding.name for finding in net.preflight(X, y).findings]
        ['start far from chance', 'handful not learnt']
        """
        from chainrule.diagnosis import preflight

        return preflight(self, X, y, names=names)  # type: ignore[arg-type]

    def diagnose(
        self,
        X: Any,
        y: Any,
        history: History | Sequence[History] = (),
        *,
        validation: tuple[Any, ...] | None = None,
        names: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> Diagnosis:
        """What there is to say after training: what the curves show, and how the layers, inputs and classes fare.

        Args:
            X: the rows that were trained on, as for :meth:`fit`.
            y: their targets.
            history: what ``fit`` returned; one for each member of an ensemble. A :class:`chainrule.LayerRecorder` among
                its callbacks lets it speak of gradients at the start, too.
            validation: rows and targets by which classes are judged; the training rows by default.
            names: of the features, for the sentences.
            classes: the names of the classes.

        Returns:
            The findings: ``print`` them; ``summary`` is one sentence. docs/diagnosis.md lists the rules.

        >>> import chainrule as cr
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> net = cr.mlp([2, 8, 1], loss="binary_cross_entropy", seed=0)
        >>> history = net.fit(X, y, epochs=20, optimizer=cr.SGD(1e-4))
        >>> [finding.name for finding in net.diagnose(X, y, history).warnings]
        ['nothing learnt', 'learning rate too low']
        """
        from chainrule.diagnosis import diagnose

        return diagnose(self, X, y, history, validation=validation, names=names, classes=classes)  # type: ignore[arg-type]

    def find_learning_rate(
        self,
        X: Any,
        y: Any,
        *,
        optimizer: Optimizer | str = "adam",
        batch_size: int | Literal["all"] = 32,
        lowest: float = 1e-6,
        highest: float = 10.0,
        steps: int = 100,
        seed: int | None = None,
    ) -> RateCurve:
        """Look for a learning rate: the loss while the rate grows from step to step. Smith (2017), the range test.

        The steps are made on a copy: parameters, running states and random streams stay as they are. Each loss is
        compared with that of the same rows at the start, so that the noise of batches cancels.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            optimizer: whose rate; its own is not used.
            batch_size: rows in a step.
            lowest: the rate of the first step.
            highest: that of the last; the search ends before if the loss diverges.
            steps: how many.
            seed: of the batches; the network's by default.

        Returns:
            The curve with a ``suggestion``, a tenth of the rate at which the loss was lowest: ``print`` or ``plot`` it.

        >>> import numpy as np, chainrule as cr
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> net = cr.mlp([2, 16, 1])
        >>> bool(1e-4 < net.find_learning_rate(X, np.sin(X[:, 0])).suggestion < 1)
        True
        """
        from chainrule.diagnosis import find_learning_rate

        return find_learning_rate(
            self,  # type: ignore[arg-type]
            X,
            y,
            optimizer=optimizer_of(optimizer),
            batch_size=batch_size,
            lowest=lowest,
            highest=highest,
            steps=steps,
            seed=seed,
        )

    def estimate(
        self,
        X: Any,
        y: Any,
        *,
        rows: int | None = None,
        epochs: int = 10,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        engine: Engine = "auto",
    ) -> Estimate:
        """How long a fit will take, and how much memory, from steps that are measured on a copy for a moment.

        Args:
            X: features, as for :meth:`fit`; some of them are enough.
            y: targets, as for :meth:`fit`.
            rows: how many rows there are going to be; those of X by default.
            epochs: how many times to go through them.
            batch_size: rows in a step.
            optimizer: such as ``cr.Adam(1e-3)``, or a name.
            engine: as for :meth:`fit`.

        Returns:
            The estimate, with ``seconds`` and ``bytes``: ``print`` it.

        >>> import numpy as np, chainrule as cr
        >>> X = np.zeros((64, 20))
        >>> found = cr.mlp([20, 64, 1]).estimate(X, X[:, 0], rows=100_000, epochs=5)
        >>> found.steps, found.seconds > 0
        (15625, True)
        """
        from chainrule.diagnosis import estimate

        return estimate(
            self,  # type: ignore[arg-type]
            X,
            y,
            rows=rows,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer_of(optimizer),
            engine=engine,
        )
