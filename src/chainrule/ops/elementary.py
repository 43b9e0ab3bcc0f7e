"""Exponentials, logarithms, powers, trigonometric and sigmoid functions."""

from __future__ import annotations

import operator
from functools import reduce
from math import pi
from math import sqrt as square_root

from chainrule.expression import Expression, Operation
from chainrule.ops.arithmetic import abs, equal, maximum, sign, where
from chainrule.ops.define import elementwise

exp = elementwise(
    "exp", "x",
    python="np.exp({x})", latex="e^{{{x}}}", words="e to the power {x}",
    analytic=True,
    vjp=lambda g, y, x: (g * y,),
    source="(e^x)' = e^x",
)  # fmt: skip
expm1 = elementwise(
    "expm1", "x",
    python="np.expm1({x})", latex=("e^{{{x}}} - 1", 10), words="e to the power {x}, minus 1",
    analytic=True,
    vjp=lambda g, y, x: (g * exp(x),),
    note="Accurate near 0, where exp(x) - 1 cancels.",
    source="(e^x - 1)' = e^x",
)  # fmt: skip
log = elementwise(
    "log", "x",
    python="np.log({x})", latex=r"\log {x:90}", words="the logarithm of {x}",
    analytic=True, domain=((0.2, 3.0),),
    vjp=lambda g, y, x: (g / x,),
    source="(log x)' = 1/x",
)  # fmt: skip
log1p = elementwise(
    "log1p", "x",
    python="np.log1p({x})", latex=r"\log(1 + {x})", words="the logarithm of 1 plus {x}",
    analytic=True, domain=((-0.8, 3.0),),
    vjp=lambda g, y, x: (g / (1 + x),),
    note="Accurate near 0, where log(1 + x) cancels.",
    source="log(1 + x)' = 1/(1 + x)",
)  # fmt: skip
sin = elementwise(
    "sin", "x",
    python="np.sin({x})", latex=r"\sin {x:90}", words="the sine of {x}",
    analytic=True,
    vjp=lambda g, y, x: (g * cos(x),),
    source="sin' = cos",
)  # fmt: skip
cos: Operation = elementwise(
    "cos", "x",
    python="np.cos({x})", latex=r"\cos {x:90}", words="the cosine of {x}",
    analytic=True,
    vjp=lambda g, y, x: (-(g * sin(x)),),
    source="cos' = -sin",
)  # fmt: skip
sqrt = elementwise(
    "sqrt", "x",
    python="np.sqrt({x})", latex=r"\sqrt{{{x}}}", words="the square root of {x}",
    analytic=True, accuracy=0.5, domain=((0.2, 3.0),),
    vjp=lambda g, y, x: (g / (2 * y),),
    note="The slope at 0 is infinite.",
    source="(sqrt x)' = 1 / (2 sqrt x)",
)  # fmt: skip


def _power_by_base(g: Expression, x: Expression, y: Expression) -> Expression:
    """The slope y x^(y-1), and 0 at 0^0, where that would be 0 times infinity."""
    if y.literal is not None:
        return g * y * x ** (y - 1) if y.literal else 0.0 * g
    return g * y * where(equal(x, 0), where(equal(y, 0), 1.0, x), x) ** (y - 1)


power = elementwise(
    "power", "x y",
    python=("{x:41} ** {y:31}", 40), latex=("{{{x:41}}}^{{{y}}}", 40), words=("{x:41} to the power {y:31}", 40),
    weak=operator.pow, analytic=True, accuracy=2.0, domain=((0.3, 2.0), (-2.0, 2.0)),
    vjp=lambda g, z, x, y: (_power_by_base(g, x, y), where(x > 0, g * z * log(where(x > 0, x, 1.0)), 0.0)),
    note="The derivative by the exponent is taken for a positive base, and is 0 elsewhere.",
    source="d x^y/dx = y x^(y-1), d x^y/dy = x^y log x",
)  # fmt: skip
tanh = elementwise(
    "tanh", "x",
    python="np.tanh({x})", latex=r"\tanh {x:90}", words="the hyperbolic tangent of {x}",
    analytic=True,
    vjp=lambda g, y, x: (g * (1 - y * y),),
    note="The derivative from the saved value loses digits where y is near 1: in float32 16 % near |x| = 8.",
    source="tanh' = 1 - tanh^2",
)  # fmt: skip
sigmoid = elementwise(
    "sigmoid", "x",
    latex=r"\sigma({x})", words="the sigmoid of {x}",
    expansion=lambda x: 1 / (1 + exp(-x)),
    analytic=True,
    vjp=lambda g, y, x: (g * y * (1 - y),),
    note="The derivative from the saved value loses digits where y is near 1; results below the smallest "
    "normal number flush to 0.",
    source="s' = s (1 - s)",
)  # fmt: skip
softplus = elementwise(
    "softplus", "x",
    words="the softplus of {x}",
    expansion=lambda x: maximum(x, 0) + log1p(exp(-abs(x))),
    vjp=lambda g, y, x: (g * sigmoid(x),),
    note="Written so that neither a large nor a very negative x overflows or cancels.",
    source="log(1 + e^x)' = sigmoid(x)",
)  # fmt: skip

# Fitted with 60 digits at Chebyshev nodes: erf(x)/x in x^2 on [0, 1], relative error 8e-18, and
# exp(x^2) erfc(x) in s = 4.8 t - 2.2 with t = 1/(1 + x/2) on [1, 6], error 2e-18.
_ERF_NEAR = (
    1.1283791670955126, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777,
    0.0052239776071164225, -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-05,
    1.6447424703317362e-06, -1.6208483801871705e-07, 1.3720064546777686e-08, -7.795898827002142e-10,
)  # fmt: skip
_ERF_FAR = (
    0.2214295402299318, 0.16189356804102495, 0.038560570425182426, 0.005588816281841403,
    0.00019713917772795885, -8.07922042879663e-05, -7.340517938287998e-06, 1.9795619759276e-06,
    1.6349937383405805e-07, -7.005371793736792e-08, -5.886053299221601e-10, 2.625007492297143e-09,
    -2.68698518348558e-10, -7.468711818050684e-11, 2.2135736614933752e-11, 4.775776110782188e-13,
    -9.369456032869593e-13,
)  # fmt: skip


def _polynomial(coefficients: tuple[float, ...], x: Expression) -> Expression:
    """Horner's rule, the constant term first in ``coefficients``."""
    highest = coefficients[-1] * x + coefficients[-2]
    return reduce(lambda result, c: result * x + c, reversed(coefficients[:-2]), highest)


def _erf(x: Expression) -> Expression:
    far = 1 - exp(-x * x) * _polynomial(_ERF_FAR, 4.8 / (1 + 0.5 * abs(x)) - 2.2)
    return where(abs(x) < 1, x * _polynomial(_ERF_NEAR, x * x), sign(x) * far)


erf = elementwise(
    "erf", "x",
    words="the error function of {x}",
    expansion=_erf,
    domain=((-3.0, 3.0),),
    vjp=lambda g, y, x: (g * (2 / square_root(pi) * exp(-x * x)),),
    source="erf' = 2/sqrt(pi) e^(-x^2)",
)  # fmt: skip
