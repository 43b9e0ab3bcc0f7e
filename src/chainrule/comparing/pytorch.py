"""PyTorch: a Sequential of its own modules, autograd, and its optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from chainrule.comparing.definitions import Definition, mean_definition
from chainrule.comparing.task import Array, LeftOut, Part, Task, has_codes, known_loss, parts_of
from chainrule.network import Network
from chainrule.nn import Activation, BatchNorm, Dense, Embedding, LayerNorm
from chainrule.nn.activations import activation_name
from chainrule.optim import SGD, Adagrad, Adam, AdamW, RMSProp


class PyTorch:
    """A Sequential and one of PyTorch's optimisers."""

    def __init__(self, task: Task) -> None:
        import torch

        self.name = f"PyTorch {torch.__version__}"
        self.task = self.theirs = task
        parts = parts_of(task.network)
        losses = _losses()
        self.loss = known_loss(task, list(losses))
        self.each = losses[self.loss.name]
        modules = [_module(part, task.network) for part in parts]
        self.model = torch.nn.Sequential(*modules).to(getattr(torch, task.network.dtype))
        pairs = zip(parts, modules, strict=True)
        self.parameters = {n: p for part, m in pairs for n, p in zip(part.names, m.parameters(), strict=True)}
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.from_numpy(_turned(name, task.network.parameters[name]).copy()))
        X = torch.from_numpy(task.X)
        self.X, self.Y = X.long() if has_codes(parts) else X, torch.from_numpy(task.Y)
        self.optimizer = _optimizer(task, list(self.parameters.values()))
        self.definitions = _definitions(task, parts)

    def step(self, rows: NDArray[Any]) -> float:
        """Forward, backward, update."""
        with one_thread():
            return self._step(rows)

    def _step(self, rows: NDArray[Any]) -> float:
        import torch

        chosen, network = torch.from_numpy(rows), self.task.network
        self.optimizer.zero_grad()
        each = self.each(self.model(self.X[chosen]), self.Y[chosen], **self.loss.settings)
        value = each.mean() if self.loss.mean_outputs else each.sum() / len(rows)
        for w in (self.parameters[name] for name in self.task.penalised):
            value = value + network.l2 * (w * w).sum() + network.l1 * w.abs().sum()
        value.backward()
        self.optimizer.step()
        return float(value.item())

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters."""
        return {name: _turned(name, p.detach().numpy()).copy() for name, p in self.parameters.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch in a single thread: in steps as small as these, several only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _turned(name: str, array: Array) -> Array:
    """Weights of a Linear have its units in rows, those of a Dense in columns."""
    return array.T if name.startswith("W") else array


def _losses() -> dict[str, Callable[..., Any]]:
    """Losses of each output of each row; the cross-entropy of each row."""
    from torch.nn import functional

    def squares(p: Any, y: Any) -> Any:
        return functional.mse_loss(p, y, reduction="none")

    return {
        "squared_error": squares,
        "half_squared_error": lambda p, y: squares(p, y) / 2,
        "mean_squared_error": squares,
        "absolute_error": lambda p, y: functional.l1_loss(p, y, reduction="none"),
        "huber": lambda p, y, delta: functional.huber_loss(p, y, reduction="none", delta=delta),
        "binary_cross_entropy": lambda z, y: functional.binary_cross_entropy_with_logits(z, y, reduction="none"),
        "cross_entropy": lambda z, y: functional.cross_entropy(z, y, reduction="none"),
    }


def _module(part: Part, network: Network) -> Any:
    """A part of the forward pass as a module."""
    from torch import nn

    shape = network.parameters[part.names[0]].shape if part.names else ()
    match part.layer:
        case Dense(bias=bias):
            return nn.Linear(*shape, bias=bias)
        case Activation():
            return _activation(part.layer)
        case BatchNorm(momentum=momentum, epsilon=epsilon):
            return nn.BatchNorm1d(shape[0], eps=epsilon, momentum=1 - momentum)
        case LayerNorm(epsilon=epsilon):
            return nn.LayerNorm(shape[0], eps=epsilon)
        case Embedding():
            return nn.Embedding(*shape)
        case _:
            return nn.Flatten()


def _activation(layer: Activation) -> Any:
    from torch import nn

    name, settings = activation_name(layer.activation) or "linear", layer.settings
    modules: dict[str, Callable[[], Any]] = {
        "linear": nn.Identity,
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(settings.get("slope", 0.01)),
        "elu": lambda: nn.ELU(settings.get("alpha", 1.0)),
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softsign": nn.Softsign,
        "hard_tanh": nn.Hardtanh,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "softplus": lambda: nn.Softplus(threshold=1000),
        "softmax": lambda: nn.Softmax(dim=-1),
        "log_softmax": lambda: nn.LogSoftmax(dim=-1),
    }
    if name not in modules:
        raise LeftOut(f"torch.nn has no module for the activation {name}")
    return modules[name]()


def _optimizer(task: Task, parameters: list[Any]) -> Any:
    from torch import optim

    settings: dict[str, Any] = {"lr": task.lr, "weight_decay": task.optimizer.weight_decay}
    match task.optimizer:
        case AdamW(beta1=b1, beta2=b2, epsilon=epsilon):
            return optim.AdamW(parameters, betas=(b1, b2), eps=epsilon, **settings)
        case Adam(beta1=b1, beta2=b2, epsilon=epsilon):
            return optim.Adam(parameters, betas=(b1, b2), eps=epsilon, **settings)
        case SGD(momentum=momentum, nesterov=nesterov):
            return optim.SGD(parameters, momentum=momentum, nesterov=nesterov, **settings)
        case RMSProp(rho=rho, epsilon=epsilon):
            return optim.RMSprop(parameters, alpha=rho, eps=epsilon, **settings)
        case Adagrad(epsilon=epsilon):
            return optim.Adagrad(parameters, eps=epsilon, **settings)
        case other:
            raise LeftOut(f"no counterpart there for the optimizer {type(other).__name__}")


def _definitions(task: Task, parts: list[Part]) -> list[Definition]:
    found = []
    loss = task.network.loss_function
    if task.outputs > 1 and not loss.mean_outputs and loss.name != "cross_entropy":
        found.append(mean_definition("torch.nn.MSELoss and its relatives, reduction='mean'"))
    if any(isinstance(part.layer, BatchNorm) for part in parts):
        found.append(
            Definition(
                "the running variance of BatchNorm",
                "of the batch's variance, divided by n; momentum is the share of the old",
                "of the batch's variance, divided by n - 1; momentum is the share of the new",
                "its momentum is set to 1 - ours; the running statistics, which no step reads, are not compared",
                "torch.nn.BatchNorm1d",
            )
        )
    if any(isinstance(p.layer, Activation) and activation_name(p.layer.activation) == "softplus" for p in parts):
        found.append(
            Definition(
                "softplus",
                "log(1 + e^x) everywhere",
                "x above a threshold, by default 20",
                "the threshold is set to 1000",
                "torch.nn.Softplus",
            )
        )
    return found
