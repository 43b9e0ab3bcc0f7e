"""Networks: the face that users hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from chainrule._version import __version__
from chainrule.engines.numpy import FLOAT_TYPES, run_all
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    ModelFileError,
    ShapeError,
    require,
    unknown_name,
    whole_number,
)
from chainrule.evaluating import Evaluator
from chainrule.expression import Operation
from chainrule.fitting import fit, profile
from chainrule.losses import loss_of
from chainrule.nn.layers import Dense, Dropout, Layer, activation_of, as_layers, layer_from_json
from chainrule.nn.model import Assembled, Model
from chainrule.nn.targets import as_rows, as_targets
from chainrule.optim import Optimizer, optimizer_of
from chainrule.parameters import Parameters
from chainrule.program import Program
from chainrule.runnable import Runnable
from chainrule.shapes import Shape, as_shape
from chainrule.show.numbers import counted
from chainrule.storage import read_model, write_model
from chainrule.summary import Summary, summarise
from chainrule.training import History
from chainrule.training.metrics import metric_of

if TYPE_CHECKING:
    from chainrule.certificates.certificate import Certificate
    from chainrule.engines.native.phases import Schedule
    from chainrule.engines.native.profile import Profile
    from chainrule.explain import BackwardPass, Circuit, Derivation, Notation, Objective, Simplification, Stepper
    from chainrule.exploring import Exploration

PREDICT_ROWS = 4096
"""Rows that are predicted at once, so that memory stays small."""


class Network:
    """A neural network: layers and a loss, their parameters, and all that can be done with them.

    Args:
        layers: such as ``cr.Dense(64, "relu")``.
        loss: a name, a loss of :mod:`chainrule.losses`, or a formula over prediction and target.
        inputs: the number of features, or the shape of a row; for several inputs a dictionary of them. Without it,
            the first data seen decides.
        seed: of the starting values, and of shuffling and dropout unless ``fit`` gets one of its own.
        dtype: ``"float32"`` or ``"float64"``.
        l1, l2: penalties, l1 times the sum of |w| and l2 times the sum of w^2 over all weights (not biases), that are
            part of the loss.

    >>> import chainrule as cr
    >>> net = cr.Network(cr.Dense(8, "relu"), cr.Dense(1), loss="binary_cross_entropy", inputs=3)
    >>> net.parameters["W1"].shape
    (3, 8)
    """

    def __init__(
        self,
        *layers: Layer,
        loss: Any = "squared_error",
        inputs: int | Sequence[int] | Mapping[str, Any] | None = None,
        seed: int = 0,
        dtype: str = "float32",
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        require(len(layers) > 0, "a network needs at least one layer, as in cr.Network(cr.Dense(1))")
        if dtype not in FLOAT_TYPES:
            raise unknown_name("dtype", dtype, FLOAT_TYPES)
        for name, value in (("l1", l1), ("l2", l2)):
            require(value >= 0, f"{name} must not be negative, not {value!r}")
        random_streams(seed)  # an error here if it is no seed
        self.layers, self.loss_function = as_layers(layers), loss_of(loss)
        self.seed, self.dtype, self.l1, self.l2 = whole_number("the seed", seed, 0), dtype, l1, l2
        self._inputs: tuple[tuple[str, Shape], ...] | None = None
        self._arrays: tuple[Parameters, Parameters] | None = None
        self._programs: dict[object, Runnable] = {}
        self.evaluator = Evaluator(dtype)
        if inputs is not None:
            self._set_inputs(_input_shapes(inputs))

    # What the network is

    def _set_inputs(self, shapes: tuple[tuple[str, Shape], ...]) -> None:
        model = Model(self.layers, self.loss_function, shapes, self.l1, self.l2)
        self._assembled: Assembled = model.assemble(training=True)
        for p in self._assembled.parameters:
            try:
                p.start.check(p.shape)
            except ShapeError as error:
                raise ShapeError(f"{p.name}: {error}") from None
        self._inputs, self._model = shapes, model

    def reset(self, seed: int | None = None) -> None:
        """Draw new starting values; running states start again too."""
        self.model  # noqa: B018 - an error here if the inputs are not known
        parameters = self._drawn(self.seed if seed is None else seed)
        self.seed = self.seed if seed is None else seed
        states = Parameters({s.name: s.shape for s in self._assembled.states}, self.dtype)
        for s in self._assembled.states:
            states[s.name] = np.full(s.shape, s.start)
        self._arrays = (parameters, states)

    def _drawn(self, seed: int) -> Parameters:
        """Starting values."""
        rng = random_streams(seed)["parameters"]
        parameters = Parameters({p.name: p.shape for p in self._assembled.parameters}, self.dtype)
        for p in self._assembled.parameters:
            parameters[p.name] = p.start.draw(p.shape, rng)
        return parameters

    def _allocated(self) -> tuple[Parameters, Parameters]:
        """Parameters and states; they are made when first needed, so that a summary costs no memory."""
        if self._arrays is None:
            self.reset()
        assert self._arrays is not None
        return self._arrays

    @property
    def model(self) -> Model:
        """Layers and loss over inputs of known shapes."""
        if self._inputs is None:
            raise ArgumentError("the number of features is not known yet: give inputs=, or call fit first")
        return self._model

    @property
    def parameters(self) -> Parameters:
        """The parameters by name, ``W1`` of shape (inputs, units), ``b1``, ...; assignable."""
        return self._allocated()[0]

    @property
    def states(self) -> Parameters:
        """Running states by name (``mean1``, ``variance1`` of BatchNorm)."""
        return self._allocated()[1]

    @cached_property
    def outputs(self) -> int:
        """The number of outputs of a row."""
        self.model  # noqa: B018 - an error here if the inputs are not known
        return int(self._assembled.prediction.shape[-1])

    @overload
    def program(  # type: ignore[overload-overlap]
        self, kind: Literal["phases"], *, optimizer: Optimizer | str = ..., batch_size: int = ...
    ) -> Schedule: ...

    @overload
    def program(  # type: ignore[overload-overlap]
        self, kind: Literal["llvm"], *, optimizer: Optimizer | str = ..., batch_size: int = ...
    ) -> str: ...

    @overload
    def program(
        self, kind: str = ..., *, training: bool = ..., simplified: bool = ..., optimizer: Optimizer | str = ...
    ) -> Runnable: ...

    def program(
        self,
        kind: str = "gradients",
        *,
        training: bool = False,
        simplified: bool = True,
        optimizer: Optimizer | str = "adam",
        batch_size: int = 32,
    ) -> Runnable | Schedule | str:
        """A program of the network, to print, to run or to derive again.

        Args:
            kind: ``"gradients"`` (the loss and its derivatives), ``"loss"``, ``"predict"``, ``"activations"``,
                ``"step"`` (a whole training step) or ``"update"`` (the optimiser's part). Of the step as the native
                engine runs it, ``"phases"`` gives the passes over memory and ``"llvm"`` the text that becomes machine
                code: both to print.
            training: whether dropout and batch statistics are in it; a step always has them.
            simplified: whether the rewrites were applied.
            optimizer: of a step or an update.
            batch_size: rows of a step, for ``"phases"`` and ``"llvm"``.
        """
        if kind in ("phases", "llvm"):
            from chainrule.engines.native import step_code, step_text

            rows = whole_number("batch_size", batch_size, 1)
            step = (self.model.step_program(optimizer_of(optimizer)), self.dtype, rows)
            return step_code(*step).schedule if kind == "phases" else step_text(*step)
        chosen = optimizer_of(optimizer)
        model = self.model
        makers: dict[str, Callable[[], Program]] = {
            "gradients": lambda: model.gradients_program(training=training, simplified=simplified),
            "loss": lambda: model.loss_program(training=training, simplified=simplified),
            "predict": model.prediction_program,
            "activations": model.activations_program,
            "step": lambda: model.step_program(chosen),
            "update": lambda: chosen.program(self.parameters.theta.size),
        }
        if kind not in makers:
            raise unknown_name("kind of program", kind, [*makers, "phases", "llvm"])
        key = (kind, training, simplified, chosen if kind in ("step", "update") else None)
        if key not in self._programs:
            self._programs[key] = Runnable.of(makers[kind]())
        return self._programs[key]

    def summary(self, batch_size: int = 32) -> Summary:
        """Layers with shapes and parameter counts; FLOPs and memory of a step of ``batch_size`` rows."""
        return summarise(self.model, batch_size, self.dtype)

    def __repr__(self) -> str:
        known = f", inputs={dict(self._inputs)}" if self._inputs else ""
        return f"Network({', '.join(map(repr, self.layers))}, loss={self.loss_function.name!r}{known})"

    # What it computes

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
        if "codes" not in self._programs:
            self._programs["codes"] = Runnable.of(self.model.codes_program())
        program = self._programs["codes"]
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

    def prepare(self, X: Any, y: Any) -> dict[str, NDArray[Any]]:
        """Inputs and targets as the programs take them, by name."""
        arrays = self.prepare_inputs(X)
        rows = len(next(iter(arrays.values())))
        shape = self._assembled.prediction.shape
        return {**arrays, "Y": as_targets(y, self.loss_function, rows, shape, self.dtype)}

    def _run(self, program: Runnable, data: Mapping[str, Any], engine: str, calls: int = 1) -> dict[str, Any]:
        """Run a program on data, with the network's parameters and states."""
        values = {**data, **self.parameters, **self.states, "key": self.seed, "step": 0}
        given = {v.name: values[v.name] for v in program.inputs}
        return self.evaluator.run(program, given, len(next(iter(data.values()))), engine, calls)

    def predict(self, X: Any, *, engine: str = "auto") -> NDArray[Any]:
        """The output for each row, shape (rows, outputs): probabilities after a sigmoid or softmax.

        The engine is chosen as for :meth:`fit`: ``"auto"`` compiles where there is much to compute.
        """
        data = self.prepare_inputs(X)
        rows, program = len(next(iter(data.values()))), self.program("predict")
        starts = range(0, rows, PREDICT_ROWS)
        pieces = [{k: a[i : i + PREDICT_ROWS] for k, a in data.items()} for i in starts]
        parts = [self._run(program, piece, engine, len(pieces))["prediction"] for piece in pieces]
        return np.concatenate(parts) if len(parts) > 1 else np.asarray(parts[0])

    def loss(self, X: Any, y: Any, *, engine: str = "auto") -> float:
        """The loss of these rows, penalties included, without dropout; the engine as for :meth:`predict`."""
        return float(self._run(self.program("loss"), self.prepare(X, y), engine)["L"])

    def gradients(self, X: Any, y: Any, *, engine: str = "auto") -> dict[str, NDArray[Any]]:
        """The derivative of :meth:`loss` by each parameter, by its name; the engine as for :meth:`predict`."""
        results = self._run(self.program("gradients"), self.prepare(X, y), engine)
        return {name: np.asarray(results[f"d{name}"]) for name in self.parameters}

    def activations(self, X: Any) -> dict[str, NDArray[Any]]:
        """Every named value on the way to the prediction: ``z1``, ``h1``, ``z2``, ..."""
        program = self.program("activations")
        values = {**self.prepare_inputs(X), **self.parameters, **self.states}
        everything = run_all(program, {v.name: values[v.name] for v in program.inputs}, self.dtype)
        return {label: np.asarray(everything[label]) for label, _ in program.outputs}

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
        return Objective(*programs, arrays, self.loss_function, self.l1 > 0 or self.l2 > 0)

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

    def check(self, X: Any, y: Any, *, elements: int | Literal["all"] = 1000, training: bool = False) -> Certificate:
        """Check the derivative of the loss by every parameter, without the chain rule; see :func:`chainrule.check`.

        A float32 network is checked in a float64 copy. All rows are used: a few are enough, and quicker.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            elements: how many derivatives to check at most, taken evenly from all parameters; ``"all"`` for every one.
            training: whether to check the loss of a training step, with dropout (its masks held fixed) and the
                statistics of the batch.

        Returns:
            The certificate: true if all hold; ``print`` it to read it.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 3, 1], loss="binary_cross_entropy")
        >>> bool(net.check([[0, 1], [1, 1]], [1, 0]))
        True
        """
        from chainrule.checking.gradients import check_program

        program = self.program("gradients", training=training)
        values = {**self.prepare(X, y), **self.parameters, **self.states, "key": self.seed, "step": 0}
        subject = f"a network with {counted(self.parameters.theta.size, 'parameter')}"
        return check_program(program, {v.name: values[v.name] for v in program.inputs}, subject, elements)

    def evaluate(self, X: Any, y: Any, metrics: Sequence[str] = ()) -> dict[str, float]:
        """The loss and metrics (``"accuracy"``, ``"rmse"``, ``"mae"``, ``"r2"``) of these rows."""
        data = self.prepare(X, y)
        target = data.pop("Y")
        prediction = self.predict(data) if metrics else target
        return {"loss": self.loss(data, target)} | {
            name: metric_of(name, self.loss_function)(prediction, target) for name in metrics
        }

    # How it learns

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        shuffle: bool | Literal["once"] = True,
        seed: int | None = None,
        engine: str = "auto",
        validation: tuple[Any, Any] | float | None = None,
        metrics: Sequence[str] = (),
        monitor: str | None = None,
        patience: int | None = None,
        callbacks: Sequence[Any] = (),
        progress: Any = None,
    ) -> History:
        """Train on rows ``X`` with targets ``y``, from the parameters as they are.

        Args:
            X: features, shape (rows, features); a dictionary of arrays for several inputs.
            y: targets: numbers, shape (rows,) or (rows, outputs); class codes 0, 1, ... or rows of probabilities.
            epochs: how many times to go through the rows.
            batch_size: rows in a step; ``"all"`` is full-batch descent, 1 is online. The last batch may be short.
            optimizer: such as ``cr.Adam(1e-3)``, or a name. Its slots start at 0.
            shuffle: ``True`` draws new batches every epoch, ``"once"`` draws them once and keeps them, ``False`` takes
                the rows in order.
            seed: of shuffling and dropout; the network's by default. Same seed, same bits.
            engine: ``"native"`` (machine code for this processor), ``"numpy"`` (the printed text, executed), or
                ``"auto"``: native where training is long enough to be worth compiling.
            validation: rows and targets to watch, or the share of the rows to hold back for it.
            metrics: further quantities of the history, of the validation rows where there are any.
            monitor: what decides which epoch was best: ``"validation_loss"`` (the default where there are
                validation rows), ``"loss"`` or a metric.
            patience: stop after so many epochs without a better one, and restore the best weights.
            callbacks: functions of a :class:`chainrule.training.Moment` called after each epoch (True ends training),
                or :class:`chainrule.Callback` objects.
            progress: ``True`` shows a bar on a terminal and lines elsewhere; nothing by default.

        Returns:
            The history. Ctrl-C ends training after the current step, with the best weights so far.

        Raises:
            NonFiniteError: when the loss becomes infinite or undefined; says in which step and equation, and leaves
                the parameters from before it.
        """
        return fit(
            self,
            X,
            y,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer_of(optimizer),
            shuffle=shuffle,
            streams=random_streams(self.seed if seed is None else seed),
            engine=engine,
            validation=validation,
            metrics=metrics,
            monitor=monitor,
            patience=patience,
            callbacks=callbacks,
            progress=progress,
        )

    def explore(
        self,
        X: Any,
        y: Any,
        *,
        starts: int = 32,
        epochs: int = 10,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        shuffle: bool = True,
        seed: int | None = None,
        validation: tuple[Any, Any] | None = None,
    ) -> Exploration:
        """Train from many starting points at once and keep the best.

        The first start has the network's own seed, the others the seeds after it, as :meth:`reset` would use them. All
        see the same rows in the same order. Tiny networks lie side by side in the lanes of a register, so that many
        take hardly longer than one; others are trained one on each core. It needs the native engine.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            starts: how many.
            epochs: how many times to go through the rows.
            batch_size: rows in a step.
            optimizer: such as ``cr.Adam(1e-3)``, or a name.
            shuffle: whether to draw new batches every epoch.
            seed: of the first start, and of shuffling and dropout; the network's by default.
            validation: rows and targets by whose loss the starts are compared, instead of the training loss.

        Returns:
            The losses of all starts; the network has the parameters of the best.

        >>> import chainrule as cr
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> net = cr.mlp([2, 2, 1], loss="binary_cross_entropy")
        >>> found = net.explore(X, y, starts=16, epochs=500, batch_size=1, optimizer=cr.SGD(0.5))
        >>> found.losses.shape, bool(found.scores[found.best] < 0.1)
        ((500, 16), True)
        """
        from chainrule.exploring import explore

        pair = validation is None or (isinstance(validation, tuple | list) and len(validation) == 2)
        require(pair, f"validation is a pair (X, y), not {validation!r}")
        first = self.seed if seed is None else seed
        self.prepare_inputs(X)
        numbers = range(first, first + whole_number("starts", starts, 1))
        return explore(
            self,
            X,
            y,
            thetas=np.stack([self._drawn(number).theta for number in numbers]),
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer_of(optimizer),
            shuffle=shuffle,
            streams=random_streams(first),
            validation=validation,
        )

    def profile(
        self,
        X: Any,
        y: Any,
        *,
        batch_size: int | Literal["all"] = 32,
        optimizer: Optimizer | str = "adam",
        seconds: float = 0.3,
    ) -> Profile:
        """Where the time of a training step goes on the native engine, phase by phase; print it to read it.

        Steps run on copies for about as many seconds: the network stays as it is.

        Args:
            X: features, as for :meth:`fit`.
            y: targets, as for :meth:`fit`.
            batch_size: rows in a step.
            optimizer: such as ``cr.Adam(1e-3)``, or a name.
            seconds: how long to measure.
        """
        require(0 < seconds < float("inf"), f"seconds must be above 0, not {seconds!r}")
        return profile(self, X, y, batch_size=batch_size, optimizer=optimizer_of(optimizer), seconds=seconds)

    # How it is kept

    def to_json(self) -> dict[str, Any]:
        """A description without the parameters' values."""
        return {
            "chainrule": __version__,
            "layers": [layer.to_json() for layer in self.layers],
            "loss": self.loss_function.to_json(self._assembled.prediction.shape),
            "inputs": [[name, list(shape)] for name, shape in self.model.inputs],
            "dtype": self.dtype,
            "seed": self.seed,
            "l1": self.l1,
            "l2": self.l2,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and running states by name."""
        return {**self.parameters, **self.states}

    def save(self, path: str | Path) -> None:
        """Write the network to a file, or to a folder if the path is one; :func:`chainrule.load` reads it."""
        try:
            write_model(path, self.to_json(), self.arrays())
        except OSError as error:
            raise ModelFileError(f"cannot write {path}: {error.strerror}") from None

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: descriptions and arrays, not programs."""
        settings = {name: getattr(self, name) for name in ("layers", "seed", "dtype", "l1", "l2", "_inputs")}
        arrays = {name: a.copy() for name, a in self.arrays().items()} if self._inputs else {}
        shape = self._assembled.prediction.shape if self._inputs else ("B", "k")
        return {**settings, "loss": self.loss_function.to_json(shape), "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = {name: state[name] for name in ("loss", "seed", "dtype", "l1", "l2")}
        self.__init__(*state["layers"], **settings)  # type: ignore[misc]
        if state["_inputs"] is not None:
            self._set_inputs(state["_inputs"])
            self._take(state["arrays"])

    def _take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copy values into parameters and running states."""
        for place in (self.parameters, self.states):
            for name in place:
                if name not in arrays:
                    raise ModelFileError(f"the model file has no values for {name}")
                place[name] = arrays[name]

    @classmethod
    def from_json(
        cls,
        description: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        layers: Sequence[type[Layer]] = (),
    ) -> Network:
        """The network that :meth:`to_json` and :meth:`arrays` described; ``layers`` are classes of your own in it."""
        network = cls(
            *(layer_from_json(d, layers) for d in description["layers"]),
            loss=description["loss"],
            inputs={name: tuple(shape)[1:] for name, shape in description["inputs"]},
            seed=description["seed"],
            dtype=description["dtype"],
            l1=description["l1"],
            l2=description["l2"],
        )
        network._take(arrays)
        return network


def load(path: str | Path, layers: Sequence[type[Layer]] = ()) -> Network:
    """The network that :meth:`Network.save` wrote.

    Args:
        path: the file or folder.
        layers: the classes of layers of your own that the network has.

    Raises:
        ModelFileError: if the file is missing, damaged, truncated or not one of ours.
    """
    description, arrays = read_model(path)
    return network_from(description, arrays, path, layers)


def network_from(
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    path: str | Path,
    layers: Sequence[type[Layer]] = (),
) -> Network:
    """The network of a model that was read from ``path``."""
    try:
        return Network.from_json(description, arrays, layers)
    except ChainruleError as error:
        raise ModelFileError(f"{path} cannot be read back: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelFileError(f"{path}: the model's description is damaged ({error!r})") from None


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """Independent streams for starting values, shuffling and dropout: using one never shifts another."""
    seed = whole_number("the seed", seed, 0)
    names = ("parameters", "shuffling", "dropout", "validation")
    spawned = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(s) for name, s in zip(names, spawned, strict=True)}


def _input_shapes(inputs: int | Sequence[int] | Mapping[str, Any]) -> tuple[tuple[str, Shape], ...]:
    if isinstance(inputs, Mapping):
        require(len(inputs) > 0, "a network needs at least one input")
        return tuple((name, ("B", *as_shape(shape))) for name, shape in inputs.items())
    return (("X", ("B", *as_shape(inputs))),)


def mlp(
    sizes: Sequence[int],
    *,
    hidden: str | Operation | Sequence[str | Operation] = "tanh",
    output: str | Operation | None = None,
    loss: Any = "squared_error",
    bias: bool = True,
    dropout: float = 0.0,
    weights: Any = None,
    biases: Any = 0.0,
    seed: int = 0,
    dtype: str = "float32",
    l1: float = 0.0,
    l2: float = 0.0,
) -> Network:
    """A multilayer perceptron.

    Args:
        sizes: features, units of each hidden layer, outputs: ``[2, 2, 1]``.
        hidden: the activation of the hidden layers, or one for each.
        output: the activation of the last layer; what the loss wants by default.
        loss: as in :class:`Network`.
        bias: whether layers have biases.
        dropout: the rate of dropout after each hidden layer.
        weights: starting values of the weights, as in :class:`Dense`.
        biases: starting values of the biases.
        seed: as in :class:`Network`.
        dtype: as in :class:`Network`.
        l1: as in :class:`Network`.
        l2: as in :class:`Network`.

    >>> import chainrule as cr
    >>> net = cr.mlp([2, 2, 1], hidden="tanh", output="sigmoid", loss="squared_error", bias=True, seed=0)
    >>> list(net.parameters)
    ['W1', 'b1', 'W2', 'b2']
    """
    require(
        len(sizes) >= 2,
        f"sizes must give at least features and outputs, as in [2, 8, 1], not {list(sizes)!r}",
    )
    sizes = [whole_number("each of the sizes", s, 1) for s in sizes]
    inner = len(sizes) - 2
    for name in [hidden] if isinstance(hidden, str | Operation) else hidden:
        activation_of(name)
    names = [hidden] * inner if isinstance(hidden, str | Operation) else list(hidden)
    require(len(names) == inner, f"{inner} hidden layers need {inner} activations, not {len(names)}")
    layers: list[Layer] = []
    for units, name in zip(sizes[1:-1], names, strict=True):
        layers.append(Dense(units, name, bias, weights, biases))
        if dropout:
            layers.append(Dropout(dropout))
    layers.append(Dense(sizes[-1], output, bias, weights, biases))
    return Network(*layers, loss=loss, inputs=sizes[0], seed=seed, dtype=dtype, l1=l1, l2=l2)
