"""chainrule: backpropagation that you can read, check and run."""

from chainrule._version import __version__
from chainrule.expression import REGISTRY as operations
from chainrule.expression import Example, Expression, Kink, Operation, Spelling, symbols
from chainrule.ops.activations import elu, gelu, gelu_tanh, hard_tanh, leaky_relu, mish, relu, selu, silu, softsign
from chainrule.ops.arithmetic import (
    abs,
    clip,
    equal,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    maximum,
    minimum,
    not_equal,
    sign,
    stop_gradient,
    where,
)
from chainrule.ops.arrays import concatenate, reshape, take, transpose
from chainrule.ops.define import operation
from chainrule.ops.elementary import (
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)
from chainrule.ops.reductions import log_softmax, logsumexp, max, mean, softmax, sum
from chainrule.program import Equation, Program, Var
from chainrule.runnable import derive, evaluate, gradient
