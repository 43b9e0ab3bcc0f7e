"""What libraries define in different ways, and their optimisers where no setting of theirs gives ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.expression import Expression
from chainrule.ops.elementary import sqrt
from chainrule.optim import Adagrad, Adam, AdamW, RMSProp, Slots


@dataclass(frozen=True)
class Definition:
    """Something that is defined in another way elsewhere.

    Attributes:
        what: what it is.
        here: how chainrule defines it.
        there: how the library does.
        done: how the comparison deals with it.
        source: where it is written.
    """

    what: str
    here: str
    there: str
    done: str
    source: str


COMPUTED_HERE = "no setting gives ours: the same steps are made here with its definition, and compared with that"


@dataclass(frozen=True)
class AdamElsewhere(Adam):
    """Adam as other libraries write it: lr c / (1 - beta1^t) m / (sqrt(v) + e), c = sqrt(1 - beta2^t).

    Attributes:
        outside: whether e is epsilon as it stands, which Kingma and Ba (2015) give before their section 2.1, and not
            epsilon c, which their Algorithm 1 comes to.
        decoupled: whether weight decay is that of AdamW.
        corrected_by: beta1 and beta2 as 1 - beta^t reads them, rounded to float32 where that is computed so.
    """

    outside: bool = False
    decoupled: bool = False
    corrected_by: tuple[float, float] = (0.9, 0.999)

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """The update."""
        if self.decoupled:
            theta = theta * (1 - lr * self.weight_decay)
        elif self.weight_decay:
            g = g + self.weight_decay * theta
        m = self.beta1 * slots["m"] + (1 - self.beta1) * g
        v = self.beta2 * slots["v"] + (1 - self.beta2) * g**2
        beta1, beta2 = self.corrected_by
        c = (1 - beta2**t) ** 0.5
        epsilon = self.epsilon if self.outside else self.epsilon * c
        return theta - lr * c / (1 - beta1**t) * m / (sqrt(v) + epsilon), {"m": m, "v": v}


@dataclass(frozen=True)
class RMSPropInside(RMSProp):
    """RMSProp with its epsilon inside of the root: lr g / sqrt(v + epsilon)."""

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """The update."""
        v = self.rho * slots["v"] + (1 - self.rho) * g**2
        return theta - lr * g / sqrt(v + self.epsilon), {"v": v}


@dataclass(frozen=True)
class AdagradInside(Adagrad):
    """Adagrad with its epsilon inside of the root: lr g / sqrt(s + epsilon)."""

    def update(
        self, theta: Expression, g: Expression, slots: Slots, lr: Expression, t: Expression
    ) -> tuple[Expression, Slots]:
        """The update."""
        s = slots["s"] + g**2
        return theta - lr * g / sqrt(s + self.epsilon), {"s": s}


def adam_elsewhere(adam: Adam, *, outside: bool, coarse: bool = False) -> AdamElsewhere:
    """The same settings in another form; ``coarse`` computes 1 - beta^t in float32."""
    betas = adam.beta1, adam.beta2
    rounded = [float(np.float32(beta)) if coarse else beta for beta in betas]
    return AdamElsewhere(
        lr=adam.lr,
        weight_decay=adam.weight_decay,
        beta1=adam.beta1,
        beta2=adam.beta2,
        epsilon=adam.epsilon,
        outside=outside,
        decoupled=isinstance(adam, AdamW),
        corrected_by=(rounded[0], rounded[1]),
    )


def coarse_definition(source: str) -> Definition:
    """In which precision Adam corrects for its start at 0."""
    return Definition(
        "Adam's correction for its start at 0, in float32",
        "1 - beta2^t in double precision",
        "1 - beta2^t in float32, where 1 - 0.999 keeps four digits",
        COMPUTED_HERE,
        source,
    )


def adam_definition(source: str) -> Definition:
    """Where the epsilon of Adam stands."""
    return Definition(
        "the epsilon of Adam",
        "m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)",
        "sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon): a larger epsilon in the first steps",
        COMPUTED_HERE,
        source,
    )


def root_definition(optimizer: str, sum_of_squares: str, source: str) -> Definition:
    """Where the epsilon of RMSProp and Adagrad stands."""
    return Definition(
        f"the epsilon of {optimizer}",
        f"g / (sqrt({sum_of_squares}) + epsilon)",
        f"g / sqrt({sum_of_squares} + epsilon)",
        COMPUTED_HERE,
        source,
    )


def mean_definition(source: str) -> Definition:
    """Over what a loss is averaged."""
    return Definition(
        "the loss of several outputs",
        "added up over the outputs, then the mean over the rows",
        "by default the mean over outputs and rows",
        "the loss is computed of each output there, and added up as here",
        source,
    )
