"""What an estimator shows once it has learnt: its arrays, its curves, derivations, certificates."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from chainrule.errors import ArgumentError
from chainrule.estimators.features import Features
from chainrule.estimators.parameters import Parameters
from chainrule.estimators.rows import Rows
from chainrule.network import Network
from chainrule.recipes import Member
from chainrule.training import History

if TYPE_CHECKING:
    from chainrule.certificates.certificate import Certificate
    from chainrule.explain import BackwardPass, Derivation, Notation

Array = NDArray[Any]


class Learnt(Parameters):
    """Reading and checking what was learnt.

    Attributes:
        network_: the trained network, an ensemble as one; it takes encoded features.
        members_: each member: its ``network``, its ``history``, and the rows that it held back.
        histories_: how each member was trained.
        starts_: the watched quantity from each starting point, shape (members, starts).
        coefs_, intercepts_: the weights and biases of the first member, layer by layer.
        loss_curve_, loss_, best_loss_: the training loss of each epoch, of the last, of the best.
        validation_loss_curve_, validation_scores_, best_validation_score_: of the rows that were watched.
        n_iter_: epochs of the last call; ``t_``: rows gone through in all.
        n_features_in_, feature_names_in_: the features, and their names if they had any.
        n_layers_, n_outputs_, out_activation_: of the network, under scikit-learn's names.
    """

    network_: Network
    members_: tuple[Member, ...]
    _features: Features
    _shown_rows: Rows

    def _checked(self, X: Any, y: Any, *, first: bool) -> tuple[Any, Any]:
        raise NotImplementedError

    def _features_of(self, X: Any) -> Any:
        raise NotImplementedError

    def _encoded(self, y: Any) -> Array:
        raise NotImplementedError

    def predict(self, X: Any) -> Array:
        """What is predicted for each row."""
        raise NotImplementedError

    # Under the names of scikit-learn

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each dense layer, shape (inputs, units); of the first member of an ensemble."""
        return self._arrays("W")

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each dense layer, shape (units,); of the first member of an ensemble."""
        return self._arrays("b")

    def _arrays(self, letter: str) -> list[Array]:
        if not hasattr(self, "members_"):
            raise AttributeError("this estimator has learnt nothing yet: call fit first")
        named = self.members_[0].network.parameters
        return [named[name] for name in named if re.fullmatch(rf"{letter}\d+", name)]

    @property
    def n_layers_(self) -> int:
        """The number of dense layers, and one for the features."""
        return len(self.coefs_) + 1

    @property
    def histories_(self) -> tuple[History, ...]:
        """How each member was trained."""
        return tuple(member.history for member in self.members_)

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch; of the first member of an ensemble."""
        return self._curve("loss")

    @property
    def validation_loss_curve_(self) -> list[float] | None:
        """The loss of the rows that were watched, after each epoch; ``None`` without any."""
        return self._curve("validation_loss") or None

    @property
    def validation_scores_(self) -> list[float] | None:
        """The score of the rows that were watched, after each epoch; ``None`` without any."""
        return self._curve("score") or None

    def _curve(self, name: str) -> list[float]:
        if not hasattr(self, "members_"):
            raise AttributeError("this estimator has learnt nothing yet: call fit first")
        return self.members_[0].history.watched(name)

    @property
    def loss_(self) -> float:
        """The training loss of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def best_loss_(self) -> float | None:
        """The smallest training loss of an epoch; ``None`` where rows were watched, whose score counts then."""
        return None if self.validation_scores_ else min(self.loss_curve_)

    @property
    def best_validation_score_(self) -> float | None:
        """The best score of the rows that were watched; ``None`` without any."""
        scores = self.validation_scores_
        return float(np.nanmax(scores)) if scores else None

    # Pages and checks

    def explain_row(
        self, x: Any, y: Any = None, parameter: str | None = None, *, notation: Notation | str = "names"
    ) -> Derivation | BackwardPass:
        """The derivation of a derivative for one row, with its numbers in it; see :meth:`chainrule.Network.explain`.

        The loss is that of the network as it stands, over encoded features, which keep the names of their columns.

        Args:
            x: the features of a row: shape (features,), or a table with one row.
            y: its target; what is predicted, by default.
            parameter: an element such as ``"W1[0,1]"``; without it, the whole backward pass.
            notation: how everything is written.

        Returns:
            A page: ``print`` it, or read its ``text``, ``latex`` and ``html``.
        """
        from chainrule.explain import notation_of

        row = np.asarray(x)[None] if not hasattr(x, "columns") and np.ndim(x) == 1 else x
        X = self._features_of(row)
        if len(X) != 1:
            raise ArgumentError(f"one row is explained, but {len(X)} were given")
        target = self.predict(row) if y is None else np.asarray([y])
        named = replace(notation_of(notation), features=self._features.names)
        encoded = self._features.encode(X, self.network_.dtype)
        return self.network_.explain(encoded, self._encoded(target), parameter, notation=named)

    def check(self, X: Any = None, y: Any = None) -> Certificate:
        """Check the derivative of the loss by every parameter; see :meth:`chainrule.Network.check`.

        Args:
            X: features, as for ``fit``; a few rows that were learnt from, by default.
            y: their targets.

        Returns:
            A certificate: true if all derivatives hold; ``print`` it to read it.
        """
        check_is_fitted(self)
        rows = self._shown_rows
        if X is not None:
            features, y = self._checked(X, y, first=False)
            rows = Rows(self._features.encode(features, self.network_.dtype), self._encoded(y))
        return self.network_.check(rows.X, rows.Y)

    def _html_repr(self) -> str:
        """What a notebook shows: the parameters, and once fitted the network and its learning curve."""
        from sklearn.utils import estimator_html_repr

        parts = [estimator_html_repr(self)]
        if hasattr(self, "members_"):
            first, count = self.members_[0], len(self.members_)
            if count > 1:
                parts.append(f"<p>One of {count} networks, whose outputs are averaged:</p>")
            parts += [first.network._repr_html_(), first.history._repr_html_()]
        return "\n".join(parts)
