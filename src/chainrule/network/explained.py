"""How a network is explained and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.errors import ArgumentError, require
from chainrule.network.computing import Computing
from chainrule.show.numbers import counted

if TYPE_CHECKING:
    from chainrule.certificates.certificate import Certificate
    from chainrule.document import Figure
    from chainrule.explain import BackwardPass, Circuit, Derivation, Notation, Objective, Simplification, Stepper


MOST_DRAWN = 60
"""Parameters up to which a notebook shows a network's picture beside its layers."""


class Explained(Computing):
    """Pages about a network's derivatives; see :class:`chainrule.Network`."""

    def _repr_html_(self) -> str:
        """What a notebook shows: the layers with their parameters, and the picture of a small network."""
        from chainrule.document import Code, Document

        if self._inputs is None:
            return Document("Network", (Code(repr(self)),))._repr_html_()
        summary = self.summary()
        small = summary.parameters <= MOST_DRAWN and self.outputs == 1
        page = summary.document
        return replace(page, blocks=(*(self._picture() if small else ()), *page.blocks))._repr_html_()

    def _picture(self) -> list[Figure]:
        from chainrule.explain.circuits.pages import picture

        try:
            drawn = picture(self.program("predict"))
        except ArgumentError:  # no circuit of scalars: which entry an Embedding reads depends on the row
            return []
        return [drawn] if drawn else []

    def explain(
        self, X: Any, y: Any, parameter: str | None = None, *, notation: Notation | str = "names", lr: float = 0.1
    ) -> Derivation | BackwardPass:
        """The derivation of a derivative, with your numbers in it.

        Args:
            X: one row of features, or several rows; a few are easier to follow.
            y: the target of the row, or of each row.
            parameter: an element, ``"W1[0,1]"``, whose derivative is derived: the chain, each factor, the closed form,
                the numbers, the update. Without it, the whole backward pass in its order.
            notation: how everything is written: ``"names"`` (as in programs), ``"textbook"``, ``"columns"`` (W a + b),
                ``"indexed"`` (W111, O11, Y'), ``"net"``, ``"phi"``, or a :class:`Notation` of your own.
            lr: the learning rate of the update that is shown.

        Returns:
            A page: ``print`` it, or read its ``text``, ``latex`` and ``html``; ``value`` is the derivative.
            A network of more than 400 parameters is explained in matrices.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 2, 1], hidden="sigmoid", loss="squared_error", dtype="float64", seed=1)
        >>> page = net.explain([1.0, 2.0], 1.0, "W1[0,1]")
        >>> bool(abs(page.value - net.gradients([[1.0, 2.0]], [1.0])["W1"][0, 1]) < 1e-15)
        True
        """
        return self._objective(X, y).explain(parameter, notation, lr)

    def circuit(self, X: Any, y: Any, *, notation: Notation | str = "names") -> Circuit:
        """The loss of one row as a circuit: units as gates, weights on the wires, each with value and gradient.

        Args:
            X: the features of the row.
            y: its target.
            notation: how it is written, as for :meth:`explain`.

        Returns:
            A drawing with a table: ``print`` it, ``save`` it as ``.svg`` or ``.html``; a notebook shows it.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 2, 1], hidden="tanh", seed=1, dtype="float64")
        >>> drawn = net.circuit([1.0, 2.0], 1.0)
        >>> bool(abs(drawn.gradients["b1_0"] - net.gradients([[1.0, 2.0]], [1.0])["b1"][0]) < 1e-15)
        True
        """
        return self._objective(X, y).circuit(notation)

    def stepper(self, X: Any, y: Any, *, notation: Notation | str = "names", lr: float = 0.1) -> Stepper:
        """Forward pass, backward pass and update, one equation at a time.

        Args:
            X: one row of features, or several rows; each pass takes the next of them.
            y: the target of the row, or of each row.
            notation: how everything is written, as for :meth:`explain`.
            lr: the learning rate of the updates.

        Returns:
            A :class:`~chainrule.explain.Stepper`: ``step()``, ``back()`` and ``rewind()`` move it, ``print`` shows
            where it is, ``save("page.html")`` writes a page with keys and buttons.

        >>> import chainrule as cr
        >>> net = cr.mlp([1, 1], seed=0, dtype="float64", weights=0.5)
        >>> stepper = net.stepper([2.0], 3.0)
        >>> print(stepper.step().current)
        Forward, 1 of 2: z1[0] = X[0] * W1[0,0] + b1[0] = 2 * 0.5 + 0 = 1
        """
        return self._objective(X, y).stepper(notation, lr)

    def _objective(self, X: Any, y: Any) -> Objective:
        """What explanations need to know."""
        from chainrule.explain import Objective

        X, y = self._as_rows(X, y)
        arrays = {**self.prepare(X, y), **self.parameters, **self.states}
        programs = (self.program("loss", simplified=False), self.program("loss"), self.program("gradients"))
        penalised, as_predicting = self.l1 > 0 or self.l2 > 0, self._as_predicting()
        return Objective(*programs, arrays, self.loss_function, penalised, as_predicting)

    def _as_predicting(self) -> list[str]:
        """What layers do in prediction that do something else in training."""
        training = self.program("loss", training=True)
        random = any(v.name == "key" for v in training.inputs)
        return [
            *(["Dropout leaves nothing out"] if random else []),
            *(["BatchNorm uses the mean and variance that it kept from training"] if self.states else []),
        ]

    def simplification(self, X: Any, y: Any, *, notation: Notation | str = "names") -> Simplification:
        """The derivative of the loss by what enters the output's activation function, simplified line by line.

        Args:
            X: the features of one row.
            y: its target.
            notation: how everything is written, as for :meth:`explain`.

        Returns:
            A page, as :func:`chainrule.simplification` gives it without a network.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 3, 1], hidden="tanh", loss="binary_cross_entropy", seed=0)
        >>> [form.text for form in net.simplification([1.0, 2.0], 1.0, notation="textbook").results.values()]
        ['ŷ - y']
        """
        from chainrule.explain import notation_of, simplified

        data = self.prepare(*self._as_rows(X, y))
        target = data.pop("Y")
        require(len(target) == 1, f"a simplification is about one row, but {len(target)} were given: give one of them")
        activation, names = self.model.ending
        z = self.activations(data)[names[0]]
        return simplified(activation, self.loss_function, z[0], target[0], notation_of(notation), names)

    def _as_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        """One row without the axis of rows becomes a batch of one."""
        if isinstance(X, Mapping) or np.ndim(X) != 1 or np.ndim(y) > 1:
            return X, y
        return np.asarray(X)[None], np.asarray(y)[None]

    def check(
        self,
        X: Any,
        y: Any,
        *,
        elements: int | Literal["all"] = 1000,
        training: bool = False,
        sample_weight: Any = None,
    ) -> Certificate:
        """Check the derivative of the loss by every parameter, without the chain rule; see :func:`chainrule.check`.

        A float32 network is checked in a float64 copy. All rows are used: a few are enough, and quicker.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            elements: how many derivatives to check at most, taken evenly from all parameters; ``"all"`` for every one.
            training: whether to check the loss of a training step, with dropout (its masks held fixed) and the
                statistics of the batch.
            sample_weight: weights of the rows, as for :meth:`fit`.

        Returns:
            The certificate: true if all hold; ``print`` it to read it.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 3, 1], loss="binary_cross_entropy")
        >>> bool(net.check([[0, 1], [1, 1]], [1, 0]))
        True
        """
        from chainrule.checking.gradients import check_program

        data = self.prepare(X, y, sample_weight)
        program = self.program("gradients", training=training, weighted="w" in data)
        values = {**data, **self.parameters, **self.states, "key": self.seed, "step": 0}
        subject = f"a network with {counted(self.parameters.theta.size, 'parameter')}"
        return check_program(program, {v.name: values[v.name] for v in program.inputs}, subject, elements)
