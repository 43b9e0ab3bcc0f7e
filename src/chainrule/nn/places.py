"""Where in a network each named value is made."""

from __future__ import annotations

from chainrule.nn.model import Model
from chainrule.trace import postorder


def places(model: Model) -> dict[str, str]:
    """The layer that makes each named value, or owns each parameter, by its name.

    >>> import chainrule as cr
    >>> where = places(cr.mlp([2, 3, 1]).model)
    >>> where["h1"], where["W2"]
    ('layer 1 (Dense)', 'layer 2 (Dense)')
    """
    assembled = model.assemble(training=True)
    results = assembled.build.results
    ending = (results[-1][0], assembled.prediction)  # the activation that the loss asks for belongs to the last layer
    place_of: dict[int, str] = {}
    for place, result in (*results, ending):
        place_of.setdefault(id(result), place)
    found = {}
    for node, root in postorder([result for _, result in (*results, ending)]):
        if node.name is not None and node.name not in assembled.build.inputs:
            found[node.name] = place_of[id(root)]
    return found
