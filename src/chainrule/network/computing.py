"""What a network computes: predictions, losses, gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.choice import Engine
from chainrule.engines.numpy import run_all
from chainrule.errors import DataError, ShapeError
from chainrule.evaluating import Evaluator
from chainrule.network.described import Described
from chainrule.nn.layers import Dense
from chainrule.nn.targets import as_rows, as_targets, as_weights
from chainrule.runnable import Runnable
from chainrule.training.metrics import MetricLike, metric_of

PREDICT_ROWS = 4096
"""Rows that are predicted at once, so that memory stays small."""


class Computing(Described):
    """A network's programs on data; see :class:`chainrule.Network`."""

    @cached_property
    def evaluator(self) -> Evaluator:
        """What runs the programs; the compiled ones are kept."""
        return Evaluator(self.dtype)

    def prepare_inputs(self, X: Any) -> dict[str, NDArray[Any]]:
        """Data as the programs take it, by name of the input; the first data seen sets the shapes."""
        given = dict(X) if isinstance(X, Mapping) else {"X": X}
        arrays = {name: as_rows(name, values, self.dtype) for name, values in given.items()}
        if self._inputs is None:
            self._set_inputs(tuple((name, ("B", *a.shape[1:])) for name, a in arrays.items()))
        assert self._inputs is not None
        expected = dict(self._inputs)
        if set(arrays) != set(expected):
            raise ShapeError(f"the network takes {' and '.join(expected)}, not {' and '.join(arrays)}")
        for name, array in arrays.items():
            if array.shape[1:] != expected[name][1:]:
                have, want = array.shape[1:], expected[name][1:]
                first = next((layer for layer in self.layers if isinstance(layer, Dense)), self.layers[0])
                raise ShapeError(
                    f"{name} has {have[0] if len(have) == 1 else have} features a row, but the network (layer 1, "
                    f"{type(first).__name__}) was built for {want[0] if len(want) == 1 else want}"
                )
        self._check_codes(arrays)
        if len({len(a) for a in arrays.values()}) > 1:
            raise ShapeError(f"the inputs differ in rows: {', '.join(f'{k}: {len(a)}' for k, a in arrays.items())}")
        return arrays

    def _check_codes(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Check that what an Embedding reads are codes of its categories."""
        program = self._derived("codes", self.model.codes_program)
        if not program.outputs:
            return
        read = program(dtype=self.dtype, **{v.name: arrays[v.name] for v in program.inputs})
        for name, codes in read.items():
            categories = len(self.parameters[name])
            wrong = ~((codes >= 0) & (codes < categories) & (codes == np.floor(codes)))
            if wrong.any():
                row = int(np.argwhere(wrong)[0][0])
                raise DataError(
                    f"row {row + 1} holds {codes[wrong][0]:g} where the Embedding {name} needs a category code: "
                    f"a whole number from 0 to {categories - 1}"
                )

    def prepare(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, NDArray[Any]]:
        """Inputs, targets ``Y`` and the weights of rows ``w``, if there are any, as the programs take them, by name."""
        arrays = self.prepare_inputs(X)
        rows = len(next(iter(arrays.values())))
        shape = self._assembled.prediction.shape
        weights = {} if sample_weight is None else {"w": as_weights(sample_weight, rows, self.dtype)}
        return {**arrays, "Y": as_targets(y, self.loss_function, rows, shape, self.dtype), **weights}

    def _run(self, program: Runnable, data: Mapping[str, Any], engine: Engine, calls: int = 1) -> dict[str, Any]:
        """Run a program on data, with the network's parameters and states."""
        values = {**data, **self.parameters, **self.states, "key": self.seed, "step": 0}
        given = {v.name: values[v.name] for v in program.inputs}
        return self.evaluator.run(program, given, len(next(iter(data.values()))), engine, calls)

    def predict(self, X: Any, *, engine: Engine = "auto") -> NDArray[Any]:
        """The output for each row, shape (rows, outputs): probabilities after a sigmoid or softmax.

        The engine is chosen as for :meth:`fit`: ``"auto"`` compiles where there is much to compute.
        """
        return self.predict_prepared(self.prepare_inputs(X), engine)

    def predict_prepared(
        self, data: Mapping[str, NDArray[Any]], engine: Engine = "auto", calls: int = 1
    ) -> NDArray[Any]:
        """:meth:`predict` for what :meth:`prepare` gave; ``calls`` says how often it is going to be asked."""
        rows, program = len(next(iter(data.values()))), self.program("predict")
        starts = range(0, rows, PREDICT_ROWS)
        pieces = [{k: a[i : i + PREDICT_ROWS] for k, a in data.items()} for i in starts]
        parts = [self._run(program, piece, engine, calls * len(pieces))["prediction"] for piece in pieces]
        return np.concatenate(parts) if len(parts) > 1 else np.asarray(parts[0])

    def loss(self, X: Any, y: Any, *, sample_weight: Any = None, engine: Engine = "auto") -> float:
        """The loss of these rows, penalties included, without dropout; the engine as for :meth:`predict`.

        With a weight w for each row, the mean over rows is sum_i w_i l_i / sum_i w_i.
        """
        return self.loss_prepared(self.prepare(X, y, sample_weight), engine)

    def loss_prepared(self, data: Mapping[str, NDArray[Any]], engine: Engine = "auto", calls: int = 1) -> float:
        """:meth:`loss` for what :meth:`prepare` gave; ``calls`` says how often it is going to be asked."""
        return float(self._run(self.program("loss", weighted="w" in data), data, engine, calls)["L"])

    def outcome_prepared(
        self, data: Mapping[str, NDArray[Any]], engine: Engine = "auto", calls: int = 1
    ) -> tuple[NDArray[Any], float]:
        """:meth:`predict_prepared` and :meth:`loss_prepared`: in one pass, where it takes little memory."""
        if len(data["Y"]) > PREDICT_ROWS:
            return self.predict_prepared(data, engine, calls), self.loss_prepared(data, engine, calls)
        weighted = "w" in data
        program = self._derived(("outcome", weighted), lambda: self.model.outcome_program(weighted=weighted))
        found = self._run(program, data, engine, calls)
        return np.asarray(found["prediction"]), float(found["L"])

    def gradients(
        self, X: Any, y: Any, *, sample_weight: Any = None, engine: Engine = "auto"
    ) -> dict[str, NDArray[Any]]:
        """The derivative of :meth:`loss` by each parameter, by its name; the engine as for :meth:`predict`."""
        data = self.prepare(X, y, sample_weight)
        results = self._run(self.program("gradients", weighted="w" in data), data, engine)
        return {name: np.asarray(results[f"d{name}"]) for name in self.parameters}

    def activations(self, X: Any) -> dict[str, NDArray[Any]]:
        """Every named value on the way to the prediction: ``z1``, ``h1``, ``z2``, ..."""
        program = self.program("activations")
        values = {**self.prepare_inputs(X), **self.parameters, **self.states}
        everything = run_all(program, {v.name: values[v.name] for v in program.inputs}, self.dtype)
        return {label: np.asarray(everything[label]) for label, _ in program.outputs}

    def evaluate(
        self, X: Any, y: Any, metrics: Sequence[MetricLike] = (), *, sample_weight: Any = None
    ) -> dict[str, float]:
        """The loss and metrics of these rows.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            metrics: as for :meth:`fit`.
            sample_weight: weights of the rows, for the loss and the metrics.

        >>> import chainrule as cr
        >>> cr.mlp([1, 1], weights=1.0).evaluate([[1.0], [2.0]], [1.0, 3.0], metrics=["rmse"], sample_weight=[1, 3])
        {'loss': 0.75, 'rmse': 0.8660254037844386}
        """
        data = self.prepare(X, y, sample_weight)
        wanted = [metric_of(m, self.loss_function) for m in metrics]
        prediction, loss = self.outcome_prepared(data) if wanted else (data["Y"], self.loss_prepared(data))
        return {"loss": loss} | {m.name: m(prediction, data["Y"], data.get("w")) for m in wanted}
