"""chainrule: backpropagation that you can read, check and run.

Describe a network, or any formula, once. chainrule derives its backward pass by the chain rule as a readable program,
and trains with it.
"""

from chainrule import init, losses, schedules
from chainrule._version import __version__
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    ModelFileError,
    NonFiniteError,
    NotDifferentiableError,
    ProgramError,
    ShapeError,
    UnknownNameError,
)
from chainrule.expression import REGISTRY as operations
from chainrule.expression import Example, Expression, Kink, Operation, Spelling, symbols
from chainrule.network import Network, load, mlp
from chainrule.nn import (
    Activation,
    BatchNorm,
    Columns,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Join,
    Layer,
    LayerNorm,
    Residual,
)
from chainrule.ops.activations import elu, gelu, gelu_tanh, hard_tanh, leaky_relu, mish, relu, selu, silu, softsign
from chainrule.ops.arithmetic import (
    abs,  # noqa: A004
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
from chainrule.ops.define import elementwise, operation
from chainrule.ops.elementary import (
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    power,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)
from chainrule.ops.reductions import (
    log_softmax,
    logsumexp,
    max,  # noqa: A004
    mean,
    softmax,
    sum,  # noqa: A004
)
from chainrule.optim import LBFGS, SGD, Adagrad, Adam, AdamW, RMSProp
from chainrule.program import Equation, Program, Var
from chainrule.runnable import derive, evaluate, gradient
from chainrule.training import Callback, History
