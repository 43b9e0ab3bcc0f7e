"""Networks with a hidden layer that books and papers made known: exclusive or, symmetry."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.gallery.entry import Entry, Work, on_rows


def pdp_xor() -> Work:
    """The net of the figure, at its printed weights."""
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    loss = cr.losses.half_squared_error(reduction="sum")
    net = cr.Network(
        cr.Join(cr.Columns(0, 1), cr.Dense(1, "sigmoid")),
        cr.Dense(1, "sigmoid"),
        loss=loss,
        inputs=2,
        dtype="float64",
    )
    net.parameters["W1"], net.parameters["b1"] = [[-6.4], [-6.4]], [2.2]
    net.parameters["W2"], net.parameters["b2"] = [[-4.2], [-4.2], [-9.4]], [6.3]
    hidden, outputs = net.activations(X)["h1"].ravel(), net.predict(X).ravel()
    rows = ["0, 0", "0, 1", "1, 0", "1, 1"]
    values = {f"hidden unit at {row}": h for row, h in zip(rows, hidden, strict=True)}
    values |= {f"output at {row}": o for row, o in zip(rows, outputs, strict=True)}
    return on_rows(net, X, y, **values, E=net.loss(X, y))


PDP_XOR = Entry(
    key="pdp-xor",
    title="Exclusive or with one hidden unit",
    year=1986,
    source="D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning internal representations by error propagation, in "
    "Parallel Distributed Processing, volume 1, MIT Press, chapter 8, section The XOR problem",
    about="The inputs reach the output directly (weights -4.2) and through one hidden unit (weights -6.4, bias 2.2), "
    "which reaches the output by -9.4; the output's bias is 6.3. Backpropagation found this net in 558 sweeps with the "
    "rate 0.5. Its hidden unit is on where no input is on, and its outputs are those of exclusive or.",
    compute=pdp_xor,
    published={
        "hidden unit at 0, 0": "1",
        "hidden unit at 0, 1": "0",
        "hidden unit at 1, 0": "0",
        "hidden unit at 1, 1": "0",
        "output at 0, 0": "0",
        "output at 0, 1": "1",
        "output at 1, 0": "1",
        "output at 1, 1": "0",
    },
    also=("E",),
    remarks=(
        "The number of sweeps depends on starting weights that were not printed.",
        "The chapter also reports runs of a net with two hidden units that ended in a local minimum. There is none: L. "
        "G. C. Hamey, XOR has no local minima, Neural Networks 11(4), 1998, proves that descent can leave each such "
        "place.",
    ),
)


def symmetry() -> Work:
    """The paper's descent from 16 starts; the weights of the best."""
    bits = (np.arange(64)[:, None] >> np.arange(6)) & 1
    symmetric = (bits == bits[:, ::-1]).all(axis=1)
    start = cr.init.Uniform(-0.3, 0.3)
    net = cr.mlp(
        [6, 2, 1],
        hidden="sigmoid",
        output="sigmoid",
        loss=cr.losses.half_squared_error(reduction="sum"),
        weights=start,
        biases=start,
        dtype="float64",
    )
    work = on_rows(net, bits, symmetric)
    found = net.explore(
        bits,
        symmetric,
        starts=16,
        epochs=5000,
        batch_size="all",
        optimizer=cr.SGD(0.1, momentum=0.9),
    )
    right = (net.predict(bits).ravel() > 0.5) == symmetric
    done = found.losses < 1 / 8  # then each output is on the right side of 1/2
    sweeps = np.argmax(done, axis=0)[done[-1]] + 1
    values = {
        "patterns told apart": float(right.sum()),
        "starts of 16 done within 5,000 sweeps": float(len(sweeps)),
        "fewest sweeps": float(sweeps.min()),
        "median sweeps": float(np.median(sweeps)),
    }
    for unit, w in enumerate(net.parameters["W1"].T, 1):
        small, middle, large = np.sort(np.abs(w[:3] - w[:2:-1]) / 2)
        mirror = np.abs(w + w[::-1]).max() / large
        values |= {f"unit {unit}, middle weight to smallest": middle / small}
        values |= {f"unit {unit}, largest weight to smallest": large / small}
        values |= {f"unit {unit}, sum of mirrored weights to largest": mirror}
    return Work(values, work.program, work.at)


SYMMETRY = Entry(
    key="symmetry",
    title="The network that detects symmetry",
    year=1986,
    source="D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning representations by back-propagating errors, Nature "
    "323, 533-536, figure 1",
    about="Six inputs, two hidden units, and an output that is on where the inputs read the same from both ends. All "
    "64 patterns in each sweep, epsilon 0.1, alpha 0.9, weights and biases from -0.3 to 0.3. The figure's point: "
    "weights on both sides of the middle are equal with opposite sign, and those of one side stand as 1 : 2 : 4.",
    compute=symmetry,
    published={
        "patterns told apart": "64",
        "unit 1, middle weight to smallest": "2",
        "unit 1, largest weight to smallest": "4",
        "unit 1, sum of mirrored weights to largest": "0",
        "unit 2, middle weight to smallest": "2",
        "unit 2, largest weight to smallest": "4",
        "unit 2, sum of mirrored weights to largest": "0",
    },
    also=("starts of 16 done within 5,000 sweeps", "fewest sweeps", "median sweeps"),
    remarks=(
        "The paper's run took 1,425 sweeps. Its starting weights were not printed, nor when a run counts as done; here "
        "it is the first sweep whose error is below 1/8, so that every output is on the right side of 1/2.",
    ),
)


def goodfellow_xor() -> Work:
    """The best linear model, and the network at its printed weights."""
    X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    linear = cr.mlp([2, 1], seed=1, dtype="float64")
    linear.fit(X, y, epochs=50, batch_size="all", optimizer=cr.LBFGS())
    (w1, w2), b = linear.parameters["W1"].ravel(), linear.parameters["b1"].item()
    values = {"linear: w1": w1, "linear: w2": w2, "linear: b": b}
    values["linear: loss"] = linear.loss(X, y)
    net = cr.mlp([2, 2, 1], hidden="relu", weights=1.0, dtype="float64")
    net.parameters["b1"], net.parameters["W2"] = [0, -1], [[1], [-2]]
    hidden, outputs = net.activations(X)["h1"], net.predict(X).ravel()
    for row, (h1, h2), o in zip(("00", "01", "10", "11"), hidden, outputs, strict=True):
        values |= {f"h1 at {row}": h1, f"h2 at {row}": h2, f"output at {row}": o}
    return on_rows(net, X, y, **values)


GOODFELLOW_XOR = Entry(
    key="goodfellow-xor",
    title="Exclusive or with rectified linear units",
    year=2016,
    source="I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, MIT Press, section 6.1, deeplearningbook.org",
    about="The best linear model answers 1/2 to everything. Two ReLU units with all weights 1 and biases 0 and -1 map "
    "the four points so that 1 and -2 as last weights give exclusive or.",
    compute=goodfellow_xor,
    published={
        "linear: w1": "0",
        "linear: w2": "0",
        "linear: b": "0.5",
        **{f"h{unit} at {row}": h for row, both in (("00", "00"), ("01", "10"), ("10", "10"), ("11", "21"))
           for unit, h in zip((1, 2), both, strict=True)},
        **{f"output at {row}": o for row, o in (("00", "0"), ("01", "1"), ("10", "1"), ("11", "0"))},
    },
    also=("linear: loss",),
)  # fmt: skip
