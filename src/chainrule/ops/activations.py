"""Activation functions."""

from __future__ import annotations

from math import pi, sqrt

from chainrule.expression import Expression, Kink
from chainrule.ops.arithmetic import abs, clip, maximum, where
from chainrule.ops.define import elementwise
from chainrule.ops.elementary import erf, exp, expm1, sigmoid, softplus, tanh
from chainrule.ops.elementary import sqrt as sqrt_of

relu = elementwise(
    "relu", "x",
    python="np.maximum({x}, 0)", latex=r"\max({x}, 0)", words="{x}, or 0 where it is negative",
    expansion=lambda x: maximum(x, 0.0),
    accuracy=0.0, kinks=(Kink((0.0,), (0.0,), "the subgradient that keeps a dead unit dead, as in PyTorch and JAX"),),
    vjp=lambda g, y, x: (g * (x > 0),),
    source="relu'(x) = 1 for x > 0, else 0",
)  # fmt: skip
leaky_relu = elementwise(
    "leaky_relu", "x slope",
    words="{x}, times {slope} where it is negative",
    expansion=lambda x, slope: where(x > 0, x, slope * x),
    defaults={"slope": 0.01}, domain=((-2.0, 2.0), (0.05, 0.4)), accuracy=0.5,
    kinks=(Kink((0.0, 0.25), (0.25, 0.0), "the slope on the left, as in PyTorch"),),
    vjp=lambda g, y, x, slope: (where(x > 0, g, slope * g), where(x > 0, 0.0, g * x)),
    source="Maas, Hannun, Ng (2013): 1 for x > 0, else the slope",
)  # fmt: skip
elu = elementwise(
    "elu", "x alpha",
    expansion=lambda x, alpha: where(x > 0, x, alpha * expm1(x)),
    defaults={"alpha": 1.0}, domain=((-2.0, 2.0), (0.5, 1.5)),
    kinks=(Kink((0.0, 0.5), (0.5, 0.0), "the slope on the left; with alpha = 1 there is no kink"),),
    vjp=lambda g, y, x, alpha: (where(x > 0, g, g * (alpha * exp(x))), where(x > 0, 0.0, g * expm1(x))),
    source="Clevert, Unterthiner, Hochreiter (2016): 1 for x > 0, else alpha e^x",
)  # fmt: skip

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772

selu = elementwise(
    "selu", "x",
    expansion=lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
    kinks=(Kink((0.0,), (SELU_SCALE * SELU_ALPHA,), "the slope on the left"),),
    source="Klambauer, Unterthiner, Mayr, Hochreiter (2017)",
)  # fmt: skip
gelu = elementwise(
    "gelu", "x",
    expansion=lambda x: 0.5 * x * (1 + erf(x / sqrt(2))),
    accuracy=40.0,
    note="For x far below 0 the value loses relative accuracy (1 + erf cancels); its absolute error stays tiny.",
    source="Hendrycks, Gimpel (2016): x Phi(x)",
)  # fmt: skip


def _gelu_tanh(x: Expression) -> Expression:
    return 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))


gelu_tanh = elementwise(
    "gelu_tanh", "x",
    expansion=_gelu_tanh,
    analytic=True, accuracy=40.0,
    note="For x far below 0 the value loses relative accuracy (1 + tanh cancels); its absolute error stays tiny.",
    source="Hendrycks, Gimpel (2016), the form with tanh",
)  # fmt: skip
silu = elementwise(
    "silu", "x",
    expansion=lambda x: x * sigmoid(x),
    analytic=True,
    source="Elfwing, Uchibe, Doya (2018): x sigmoid(x), also called swish",
)  # fmt: skip
mish = elementwise(
    "mish", "x",
    expansion=lambda x: x * tanh(softplus(x)),
    source="Misra (2019): x tanh(softplus(x))",
)  # fmt: skip
softsign = elementwise(
    "softsign", "x",
    expansion=lambda x: x / (1 + abs(x)),
    vjp=lambda g, y, x: (g / (1 + abs(x)) ** 2,),
    source="(x / (1 + |x|))' = 1 / (1 + |x|)^2",
)  # fmt: skip
hard_tanh = elementwise(
    "hard_tanh", "x",
    expansion=lambda x: clip(x, -1.0, 1.0),
    accuracy=0.0,
    kinks=(
        Kink((-1.0,), (0.0,), "the outer slope, as in PyTorch"),
        Kink((1.0,), (0.0,), "the outer slope, as in PyTorch"),
    ),
    vjp=lambda g, y, x: (g * (abs(x) < 1),),
    source="Collobert (2004): x kept between -1 and 1",
)  # fmt: skip
smooth_clip = elementwise(
    "smooth_clip", "x limit",
    words="{x}, bent so that it stays within -{limit} and {limit}",
    expansion=lambda x, limit: x / sqrt_of(1 + (x / limit) ** 2),
    defaults={"limit": 3.0}, domain=((-2.0, 2.0), (1.0, 4.0)), analytic=True,
    source="Holzmüller, Grinsztajn, Steinwart (2024), section 3: x / sqrt(1 + (x / limit)^2), close to x near 0",
)  # fmt: skip
