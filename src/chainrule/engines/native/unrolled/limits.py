"""Whether a program is small enough to be unrolled."""

from __future__ import annotations

from functools import lru_cache

from chainrule.engines.native.code import KEPT
from chainrule.engines.native.unrolled.graph import Node
from chainrule.engines.native.unrolled.loop import live_nodes
from chainrule.engines.native.unrolled.lower import NotForThisForm, unroll
from chainrule.program import Program
from chainrule.shapes import concrete

MOST_PARAMETERS = 130
"""Above this, parameters leave the registers too often."""

MOST_INSTRUCTIONS = 2200
"""Above this, compiling takes longer than 0.1 s."""

INSTRUCTIONS = {
    "exp": 20, "tanh": 22, "log": 25, "log1p": 30, "expm1": 30, "sin": 40, "cos": 40, "power": 60, "uniform": 20,
}  # fmt: skip
"""About how many instructions a function is; other operations are one for each argument."""


@lru_cache(KEPT)
def fits(program: Program, batch_size: int) -> bool:
    """Whether a step program is one for this form, with batches of that many rows.

    It has at most :data:`MOST_PARAMETERS` parameters and about :data:`MOST_INSTRUCTIONS` instructions, and reads
    tables by the numbers of the batch's rows only.
    """
    if sum(int(concrete(v.shape, {})[0]) for v in program.inputs if v.role == "parameter") > MOST_PARAMETERS:
        return False
    try:
        return sum(map(_instructions, live_nodes(unroll(program, batch_size)))) <= MOST_INSTRUCTIONS
    except NotForThisForm:
        return False


def _instructions(node: Node) -> int:
    own = INSTRUCTIONS.get(node.operation, max(1, len(node.arguments) - 1))
    return own if node.operation == "gather" else own * max(1, node.width // 4)
