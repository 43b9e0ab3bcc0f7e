"""How a network's training is judged, before and after, and what it will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.network.trained import Trained
from chainrule.training import History

if TYPE_CHECKING:
    from chainrule.diagnosis import Diagnosis


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
