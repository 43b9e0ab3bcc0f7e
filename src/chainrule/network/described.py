"""What a network is: layers, loss, parameters, and its programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from chainrule._version import __version__
from chainrule.engines.numpy import FLOAT_TYPES
from chainrule.errors import ArgumentError, ShapeError, require, unknown_name, whole_number
from chainrule.losses import loss_of
from chainrule.nn.layer import Layer, as_layers
from chainrule.nn.model import Assembled, Model
from chainrule.optim import Optimizer, optimizer_of
from chainrule.parameters import Parameters
from chainrule.program import Program
from chainrule.runnable import Runnable
from chainrule.shapes import Shape, as_shape
from chainrule.streams import random_streams
from chainrule.summary import Summary, summarise

if TYPE_CHECKING:
    from chainrule.engines.native.phases import Schedule


class Described:
    """Layers and a loss, with their parameters and programs; see :class:`chainrule.Network`."""

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
        self._deriving = RLock()  # siblings share programs, and may be trained in several threads
        if inputs is not None:
            self._set_inputs(_input_shapes(inputs))

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

    def sibling(self, seed: int) -> Self:
        """A network of the same layers and loss, with starting values of its own; what was derived is shared.

        >>> import chainrule as cr
        >>> net = cr.mlp([2, 3, 1])
        >>> other = net.sibling(seed=1)
        >>> other.program() is net.program(), bool((other.parameters["W1"] == net.parameters["W1"]).any())
        (True, False)
        """
        other = object.__new__(type(self))
        own = ("seed", "_arrays", "evaluator")
        vars(other).update({name: value for name, value in vars(self).items() if name not in own})
        other._arrays = None
        other.reset(whole_number("the seed", seed, 0))
        return other

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
    def inputs(self) -> dict[str, Shape]:
        """The shape of a row of each input, by its name; as the argument of that name takes them."""
        return {name: shape[1:] for name, shape in self.model.inputs}

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
        self, kind: Literal["phases"], *, weighted: bool = ..., optimizer: Optimizer | str = ..., batch_size: int = ...
    ) -> Schedule: ...

    @overload
    def program(  # type: ignore[overload-overlap]
        self, kind: Literal["llvm"], *, weighted: bool = ..., optimizer: Optimizer | str = ..., batch_size: int = ...
    ) -> str: ...

    @overload
    def program(
        self,
        kind: str = ...,
        *,
        training: bool = ...,
        simplified: bool = ...,
        weighted: bool = ...,
        optimizer: Optimizer | str = ...,
    ) -> Runnable: ...

    def program(
        self,
        kind: str = "gradients",
        *,
        training: bool = False,
        simplified: bool = True,
        weighted: bool = False,
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
            weighted: whether rows have weights ``w``, shape (B,), in the loss.
            optimizer: of a step or an update.
            batch_size: rows of a step, for ``"phases"`` and ``"llvm"``.
        """
        if kind in ("phases", "llvm"):
            from chainrule.engines.native import step_code, step_text

            rows = whole_number("batch_size", batch_size, 1)
            program = self.model.step_program(optimizer_of(optimizer), weighted=weighted)
            step = (program, self.dtype, rows)
            return step_code(*step).schedule if kind == "phases" else step_text(*step)
        chosen = optimizer_of(optimizer)
        model = self.model
        makers: dict[str, Callable[[], Program]] = {
            "gradients": lambda: model.gradients_program(training=training, simplified=simplified, weighted=weighted),
            "loss": lambda: model.loss_program(training=training, simplified=simplified, weighted=weighted),
            "predict": model.prediction_program,
            "activations": model.activations_program,
            "step": lambda: model.step_program(chosen, weighted=weighted),
            "update": lambda: chosen.program(self.parameters.theta.size),
        }
        if kind not in makers:
            raise unknown_name("kind of program", kind, [*makers, "phases", "llvm"])
        key = (kind, training, simplified, weighted, chosen if kind in ("step", "update") else None)
        return self._derived(key, makers[kind])

    def training_program(self, optimizer: Optimizer, *, gather: bool, weighted: bool) -> Program:
        """One training step; see :func:`chainrule.nn.step.step_program`."""
        make = partial(self.model.step_program, optimizer, gather=gather, weighted=weighted)
        return self._derived(("training", optimizer, gather, weighted), make)

    def _derived(self, key: object, make: Callable[[], Program]) -> Runnable:
        """A program that is derived once."""
        with self._deriving:
            if key not in self._programs:
                self._programs[key] = Runnable.of(make())
            return self._programs[key]

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

    def summary(self, batch_size: int = 32) -> Summary:
        """Layers with shapes and parameter counts; FLOPs and memory of a step of ``batch_size`` rows."""
        return summarise(self.model, batch_size, self.dtype)

    def __repr__(self) -> str:
        known = f", inputs={dict(self._inputs)}" if self._inputs else ""
        return f"Network({', '.join(map(repr, self.layers))}, loss={self.loss_function.name!r}{known})"


def _input_shapes(inputs: int | Sequence[int] | Mapping[str, Any]) -> tuple[tuple[str, Shape], ...]:
    if isinstance(inputs, Mapping):
        require(len(inputs) > 0, "a network needs at least one input")
        return tuple((name, ("B", *as_shape(shape))) for name, shape in inputs.items())
    return (("X", ("B", *as_shape(inputs))),)
