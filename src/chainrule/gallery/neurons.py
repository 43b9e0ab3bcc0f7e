"""Single neurons: linear and logistic ones, and how they learn."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.gallery.entry import Entry, Work, on_rows


def cafeteria() -> Work:
    """One step of the delta rule."""
    portions, price = [[2, 5, 3]], [850]  # fish, chips, ketchup
    neuron = cr.mlp([3, 1], loss="half_squared_error", bias=False, weights=50.0, dtype="float64")
    work = on_rows(neuron, portions, price)
    guess, before = neuron.predict(portions).item(), neuron.parameters["W1"].ravel().copy()
    neuron.fit(portions, price, epochs=1, optimizer=cr.SGD(1 / 35))
    after = neuron.parameters["W1"].ravel()
    values = {"price, guessed": guess, "residual error": price[0] - guess}
    for name, old, new in zip(("fish", "chips", "ketchup"), before, after, strict=True):
        values |= {f"change of {name}": new - old, f"new price of {name}": new}
    values["price, guessed anew"] = neuron.predict(portions).item()
    return Work(values, work.program, work.at)


CAFETERIA = Entry(
    key="cafeteria",
    title="The cashier tells only the sum: a linear neuron and the delta rule",
    year=2012,
    source="G. Hinton, Neural Networks for Machine Learning, Coursera, lecture 3a, Learning the weights of a linear "
    "neuron",
    about="Two portions of fish, five of chips and three of ketchup cost 850. All prices are guessed as 50; one step "
    "of the delta rule with the rate 1/35 corrects them. True prices are 150, 50 and 100: as the lecture points out, "
    "that of chips gets worse.",
    compute=cafeteria,
    published={
        "price, guessed": "500",
        "residual error": "350",
        "change of fish": "20",
        "change of chips": "50",
        "change of ketchup": "30",
        "new price of fish": "70",
        "new price of chips": "100",
        "new price of ketchup": "80",
    },
    also=("price, guessed anew",),
)


def sentiment() -> Work:
    """A prediction at printed weights; a step of descent from weights of 0."""
    features = [[3, 2, 1, 3, 0, 4.19]]
    weights = [[2.5], [-5.0], [-1.2], [0.5], [2.0], [0.7]]
    loss = "binary_cross_entropy"
    neuron = cr.mlp([6, 1], loss=loss, weights=weights, biases=0.1, dtype="float64")
    positive = neuron.predict(features).item()
    values = {
        "P(positive)": positive,
        "P(negative)": 1 - positive,
        "loss if it is positive": neuron.loss(features, [1]),
        "loss if it is negative": neuron.loss(features, [0]),
    }
    small = cr.mlp([2, 1], loss=loss, weights=0.0, dtype="float64")
    work = on_rows(small, [[3, 2]], [1])
    slopes = small.gradients([[3, 2]], [1])
    values |= {"∂L/∂w1": slopes["W1"][0, 0], "∂L/∂w2": slopes["W1"][1, 0], "∂L/∂b": slopes["b1"][0]}
    small.fit([[3, 2]], [1], epochs=1, optimizer=cr.SGD(0.1))
    w1, w2 = small.parameters["W1"].ravel()
    values |= {"new w1": w1, "new w2": w2, "new b": small.parameters["b1"].item()}
    return Work(values, work.program, work.at)


SENTIMENT = Entry(
    key="sentiment",
    title="Is the review positive? A logistic neuron and one step of descent",
    year=2025,
    source="D. Jurafsky, J. H. Martin, Speech and Language Processing, draft of the 3rd edition, chapter on logistic "
    "regression: the sentiment example, its cross-entropy, and the worked step of stochastic gradient descent",
    about="Six features of a film review, from counts of words to the logarithm of its length, give the probability "
    "that it is positive. The step starts from weights of 0, with two features (3 and 2) and the rate 0.1.",
    compute=sentiment,
    published={
        "P(positive)": "0.70",
        "P(negative)": "0.30",
        "loss if it is positive": "0.36",
        "loss if it is negative": "1.2",
        "∂L/∂w1": "-1.5",
        "∂L/∂w2": "-1.0",
        "∂L/∂b": "-0.5",
        "new w1": "0.15",
        "new w2": "0.1",
        "new b": "0.05",
    },
)


def learning_slowly() -> Work:
    """The same descent from two starts."""
    values: dict[str, float] = {}
    for name, start in (("w = 0.6, b = 0.9", (0.6, 0.9)), ("w = b = 2", (2.0, 2.0))):
        w, b = start
        neuron = cr.mlp(
            [1, 1],
            output="sigmoid",
            loss="half_squared_error",
            weights=w,
            biases=b,
            dtype="float64",
        )
        work = on_rows(neuron, [[1]], [0])
        slope = neuron.gradients([[1]], [0])["W1"].item()
        first = neuron.predict([[1]]).item()
        neuron.fit([[1]], [0], epochs=300, optimizer=cr.SGD(0.15))
        last = neuron.predict([[1]]).item()
        values |= {f"{name}: first output": first, f"{name}: ∂C/∂w": slope}
        values[f"{name}: output after 300 epochs"] = last
    return Work(values, work.program, work.at)


NIELSEN = Entry(
    key="nielsen",
    title="A neuron that is badly wrong learns slowly",
    year=2015,
    source="M. Nielsen, Neural Networks and Deep Learning, Determination Press, chapter 3, section The cross-entropy "
    "cost function, neuralnetworksanddeeplearning.com",
    about="A sigmoid neuron learns to turn 1 into 0, with the quadratic cost and the rate 0.15. From w = b = 2 its "
    "output is nearly 1, where the sigmoid is flat: the gradient is smaller although the error is larger.",
    compute=learning_slowly,
    published={
        "w = 0.6, b = 0.9: first output": "0.82",
        "w = 0.6, b = 0.9: output after 300 epochs": "0.09",
        "w = b = 2: first output": "0.98",
    },
    also=("w = b = 2: output after 300 epochs", "w = 0.6, b = 0.9: ∂C/∂w", "w = b = 2: ∂C/∂w"),
)


def hours_of_study() -> Work:
    """The most likely curve, and how well it is determined."""
    hours = np.array([0.5, 0.75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5])
    hours = np.append(hours, [2.75, 3, 3.25, 3.5, 4, 4.25, 4.5, 4.75, 5, 5.5])
    passed = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1])
    loss = cr.losses.binary_cross_entropy(reduction="sum")
    neuron = cr.mlp([1, 1], loss=loss, weights=0.0, dtype="float64")
    work = on_rows(neuron, hours[:, None], passed)
    neuron.fit(hours[:, None], passed, epochs=50, batch_size="all", optimizer=cr.LBFGS())
    best = {"w": neuron.parameters["W1"].item(), "b": neuron.parameters["b1"].item()}
    # standard errors: from the second derivatives of the loss at its minimum
    w, b = cr.symbols("w b")
    x, y = cr.symbols("x y", shape=(20,))
    z = w * x + b
    slopes = cr.gradient(cr.sum(cr.softplus(z) - y * z), (w, b))
    rows = [cr.derive(slope, "w b")(**best, x=hours, y=passed) for slope in slopes]
    hessian = np.array([[row["dvalue_dw"], row["dvalue_db"]] for row in rows])
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    values = {
        "intercept": best["b"],
        "its standard error": errors[1],
        "coefficient of the hours": best["w"],
        "its standard error ": errors[0],
        "log-likelihood": -neuron.loss(hours[:, None], passed),
    }
    chances = neuron.predict([[1], [2], [3], [4], [5]]).ravel()
    values |= {f"P(pass) after {n} h": chances[n - 1] for n in range(1, 6)}
    return Work(values, work.program, work.at)


HOURS = Entry(
    key="hours-of-study",
    title="Hours of study and the chance to pass: maximum likelihood",
    year=2024,
    source="Wikipedia, Logistic regression, section Example",
    about="Twenty students, their hours of study and whether they passed. The best logistic curve is found from the "
    "derived gradient with L-BFGS; standard errors come from deriving the loss twice.",
    compute=hours_of_study,
    published={
        "intercept": "-4.0777",
        "its standard error": "1.7610",
        "coefficient of the hours": "1.5046",
        "its standard error ": "0.6287",
        "log-likelihood": "-8.02988",
        "P(pass) after 1 h": "0.07",
        "P(pass) after 2 h": "0.26",
        "P(pass) after 3 h": "0.61",
        "P(pass) after 4 h": "0.87",
        "P(pass) after 5 h": "0.97",
    },
)
