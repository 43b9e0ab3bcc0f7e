"""Tutorials that write backpropagation out, number by number."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.gallery.entry import Deviation, Entry, Work, on_rows


def step_by_step() -> tuple[cr.Network, list[list[float]], list[list[float]]]:
    """The network of the post, its row and its target."""
    net = cr.mlp(
        [2, 2, 2],
        hidden="sigmoid",
        output="sigmoid",
        loss="half_squared_error",
        dtype="float64",
    )
    net.parameters["W1"], net.parameters["b1"] = [[0.15, 0.25], [0.20, 0.30]], [0.35, 0.35]
    net.parameters["W2"], net.parameters["b2"] = [[0.40, 0.50], [0.45, 0.55]], [0.60, 0.60]
    return net, [[0.05, 0.10]], [[0.01, 0.99]]


def mazur() -> Work:
    """One pass forward, one backward, one update."""
    net, X, y = step_by_step()
    wires, slopes = net.activations(X), net.gradients(X, y)
    work = on_rows(net, X, y)
    values = {"net h1": wires["z1"][0, 0], "net o1": wires["z2"][0, 0], "E": net.loss(X, y)}
    for i in (0, 1):
        values |= {f"out h{i + 1}": wires["h1"][0, i], f"out o{i + 1}": wires["h2"][0, i]}
    # by its bias, which enters as it is: the derivative by the net input
    values |= {"∂E/∂net o1": slopes["b2"][0], "∂E/∂w5": slopes["W2"][0, 0]}
    values |= {"∂E/∂w1": slopes["W1"][0, 0]}
    net.fit(X, y, epochs=1, optimizer=cr.SGD(0.5))
    weights = [*net.parameters["W1"].T.ravel(), *net.parameters["W2"].T.ravel()]
    values |= {f"new w{i}": w for i, w in enumerate(weights, 1)}
    values["E with new weights and new biases"] = net.loss(X, y)
    net.parameters["b1"], net.parameters["b2"] = [0.35, 0.35], [0.60, 0.60]
    values["E with new weights"] = net.loss(X, y)
    return Work(values, work.program, work.at)


_MAZUR = "M. Mazur, A Step by Step Backpropagation Example, mattmazur.com"
_ORDER = (
    "The post says, rightly, that the hidden layer's gradient needs the old weights of the output layer. What it "
    "prints comes out when the new ones are used."
)

MAZUR = Entry(
    key="mazur",
    title="Backpropagation step by step",
    year=2015,
    source=_MAZUR,
    about="The most copied worked example of all: a 2-2-2 network of sigmoids, one row, the rate 0.5. The post updates "
    "the eight weights and leaves the biases as they are.",
    compute=mazur,
    helpers=(step_by_step,),
    published={
        "net h1": "0.3775",
        "out h1": "0.593269992",
        "out h2": "0.596884378",
        "net o1": "1.105905967",
        "out o1": "0.75136507",
        "out o2": "0.772928465",
        "E": "0.298371109",
        "∂E/∂net o1": "0.138498562",
        "∂E/∂w5": "0.082167041",
        "∂E/∂w1": "0.000438568",
        "new w1": "0.149780716",
        "new w2": "0.19956143",
        "new w3": "0.24975114",
        "new w4": "0.29950229",
        "new w5": "0.35891648",
        "new w6": "0.408666186",
        "new w7": "0.511301270",
        "new w8": "0.561370121",
    },
    also=("E with new weights", "E with new weights and new biases"),
    remarks=(
        "Whoever checks the error after the update finds another one than the post gives; the example mazur-later "
        "shows why. And many readers update the biases too, as gradient descent does: that is the last number of the "
        "table.",
    ),
)


def mazur_later() -> Work:
    """10,000 updates, in two orders."""
    X, (W1, V) = cr.symbols("X", shape=(1, 2)), cr.symbols("W1 V", shape=(2, 2))
    b1, delta = cr.symbols("b1 delta", shape=(2,))
    hidden = cr.derive(cr.sum(delta * (cr.sigmoid(X @ W1 + b1) @ V)), wrt="W1")
    values = {}
    for output_first in (False, True):
        net, x, y = step_by_step()
        order = ", output layer first" if output_first else ""
        for updates in range(1, 10_001):
            p, slopes = net.parameters, net.gradients(x, y, engine="numpy")
            p["W2"] -= 0.5 * slopes["W2"]
            if output_first:  # the error goes back through weights that are new already
                back = hidden(X=x, W1=p["W1"], b1=p["b1"], V=p["W2"], delta=slopes["b2"])
                slopes["W1"] = back["dW1"]
            p["W1"] -= 0.5 * slopes["W1"]
            if updates in (1, 10_000):
                values[f"E after {updates:,}{order}"] = net.loss(x, y)
        for i, output in enumerate(net.predict(x)[0], 1):
            values[f"out o{i} after 10,000{order}"] = output
    printed = np.array([0.015912196, 0.984065734])
    values["E of the two printed outputs"] = ((printed - y) ** 2).sum() / 2
    work = on_rows(step_by_step()[0], x, y)
    return Work(values, work.program, work.at)


MAZUR_LATER = Entry(
    key="mazur-later",
    title="Backpropagation step by step: after one update, and after 10,000",
    year=2015,
    source=f"{_MAZUR}, last paragraph",
    about="What the post says of the network after one update of its weights and after 10,000. All is computed twice: "
    "in the order that the post describes, and with the output layer updated before the hidden layer's gradient is "
    "taken.",
    compute=mazur_later,
    helpers=(step_by_step,),
    published={
        "E after 1": "0.291027924",
        "E after 10,000": "0.0000351085",
        "out o1 after 10,000": "0.015912196",
        "out o2 after 10,000": "0.984065734",
    },
    also=("E after 10,000, output layer first", "E of the two printed outputs"),
    deviations={
        **{
            name: Deviation(_ORDER, f"{name}, output layer first")
            for name in ("E after 1", "out o1 after 10,000", "out o2 after 10,000")
        },
        "E after 10,000": Deviation(
            "The last two numbers of the table are the error of the outputs that the post prints. Rounded to nine "
            "places, their digits are those of the printed error but for a 1 too many."
        ),
    },
)


def eleven_lines() -> Work:
    """9,999 updates, and one more."""
    X = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
    loss = cr.losses.half_squared_error(reduction="sum")
    descent = cr.SGD(1.0)
    start = 2 * np.random.RandomState(1).random_sample((3, 1)) - 1
    net = cr.mlp([3, 1], output="sigmoid", loss=loss, bias=False, weights=start, dtype="float64")
    work = on_rows(net, X, [0, 0, 1, 1])
    values: dict[str, float] = {}
    for updates in (9_999, 1):
        net.fit(X, [0, 0, 1, 1], epochs=updates, batch_size="all", optimizer=descent)
        after = "9,999" if updates > 1 else "10,000"
        outputs = net.predict(X).ravel()
        values |= {f"output {i} after {after} updates": o for i, o in enumerate(outputs, 1)}
    return Work(values, work.program, work.at)


_LATE = "The outputs are printed as they were computed for the last update, before it was made."

ELEVEN_LINES = Entry(
    key="eleven-lines",
    title="A neural network in 11 lines, without a hidden layer",
    year=2015,
    source="A. Trask, A Neural Network in 11 lines of Python (Part 1), iamtrask.github.io, section 2 Layer Neural "
    "Network",
    about="A neuron without a bias (a third input is always 1), starting weights from NumPy's generator with seed 1, "
    "the rate 1, all four rows in each of 10,000 updates. The post multiplies the error by the sigmoid's slope: that "
    "is descent on half the squared error.",
    compute=eleven_lines,
    published={
        "output 1 after 10,000 updates": "0.00966449",
        "output 2 after 10,000 updates": "0.00786506",
        "output 3 after 10,000 updates": "0.99358898",
        "output 4 after 10,000 updates": "0.99211957",
    },
    deviations={
        f"output {i} after 10,000 updates": Deviation(_LATE, f"output {i} after 9,999 updates") for i in range(1, 5)
    },
)


def three_layers() -> Work:
    """50,000 updates."""
    X, y = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], [0, 1, 1, 0]
    generator = np.random.RandomState(1)
    net = cr.mlp(
        [3, 4, 1],
        hidden="sigmoid",
        output="sigmoid",
        loss=cr.losses.half_squared_error(reduction="sum"),
        bias=False,
        dtype="float64",
    )
    net.parameters["W1"] = 2 * generator.random_sample((3, 4)) - 1
    net.parameters["W2"] = 2 * generator.random_sample((4, 1)) - 1
    work = on_rows(net, X, y)
    often, targets = np.tile(X, (100, 1)), np.tile(y, 100)  # an epoch is 100 updates with all rows
    values = {}
    for updates in range(0, 60_000, 10_000):
        values[f"error after {updates:,} updates"] = np.abs(net.predict(X).ravel() - y).mean()
        net.fit(
            often,
            targets,
            epochs=100,
            batch_size=4,
            shuffle=False,
            optimizer=cr.SGD(1.0),
        )
    return Work(values, work.program, work.at)


THREE_LAYERS = Entry(
    key="three-layers",
    title="A neural network in 11 lines: exclusive or",
    year=2015,
    source="A. Trask, A Neural Network in 11 lines of Python (Part 1), iamtrask.github.io, section 3 Layer Neural "
    "Network",
    about="Exclusive or with four hidden units and no biases, starting weights from NumPy's generator with seed 1. The "
    "error is the mean distance of the four outputs from their targets; after 50,000 updates twelve digits still "
    "agree.",
    compute=three_layers,
    published={
        "error after 0 updates": "0.496410031903",
        "error after 10,000 updates": "0.00858452565325",
        "error after 20,000 updates": "0.00578945986251",
        "error after 30,000 updates": "0.00462917677677",
        "error after 40,000 updates": "0.00395876528027",
        "error after 50,000 updates": "0.00351012256786",
    },
)
