"""Online learning of a network: what is measured, what is learnt, and that neither depends on how rows come."""

import threading
import time

import numpy as np
import pytest

import chainrule as cr


def regression(count=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 3))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2]


def net_for(hidden=5, **settings):
    return cr.mlp([3, hidden, 1], loss="squared_error", seed=1, dtype="float64", **settings)


def numpy_loop(net, X, y, update):
    """Test, then train, written out for a network 3-h-1 with tanh and squared error."""
    W1, b1, W2, b2 = (net.parameters[name].copy() for name in ("W1", "b1", "W2", "b2"))
    losses, predictions = [], []
    for x, target in zip(X, y, strict=True):
        h = np.tanh(x @ W1 + b1)
        p = (h @ W2 + b2)[0]
        predictions.append(p)
        losses.append((p - target) ** 2)
        dp = 2 * (p - target)
        dz = dp * W2[:, 0] * (1 - h * h)
        g = [np.outer(x, dz), dz, dp * h[:, None], np.array([dp])]
        W1, b1, W2, b2 = (v - change for v, change in zip((W1, b1, W2, b2), update(g), strict=True))
    return np.array(losses), np.array(predictions), [W1, b1, W2, b2]


class Momentum:
    def __init__(self, lr, momentum):
        self.lr, self.momentum, self.v = lr, momentum, None

    def __call__(self, g):
        self.v = g if self.v is None else [self.momentum * v + d for v, d in zip(self.v, g, strict=True)]
        return [self.lr * v for v in self.v]


class Adam:
    def __init__(self, lr):
        self.lr, self.t, self.m, self.v = lr, 0, None, None

    def __call__(self, g):
        self.t += 1
        self.m = [0.1 * d + 0.9 * m for m, d in zip(self.m or [0.0] * 4, g, strict=True)]
        self.v = [0.001 * d * d + 0.999 * v for v, d in zip(self.v or [0.0] * 4, g, strict=True)]
        hats = ((m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)) for m, v in zip(self.m, self.v, strict=True))
        return [self.lr * m / (np.sqrt(v) + 1e-8) for m, v in hats]


OPTIMIZERS = [
    (cr.SGD(0.02), Momentum(0.02, 0.0)),
    (cr.SGD(0.02, momentum=0.9), Momentum(0.02, 0.9)),
    (cr.Adam(0.01), Adam(0.01)),
]


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("optimizer", "update"), OPTIMIZERS, ids=["sgd", "momentum", "adam"])
def test_losses_and_weights_are_those_of_a_loop_in_numpy(optimizer, update, engine):
    X, y = regression()
    update.__init__(*(getattr(update, name) for name in ("lr", "momentum") if hasattr(update, name)))
    losses, predictions, weights = numpy_loop(net_for(), X, y, update)
    net = net_for()
    learner = cr.Online(net, optimizer, engine=engine, metrics=["mae", "rmse", "r2"], window=50)
    np.testing.assert_allclose(learner.learn_many(X, y), losses, rtol=1e-9)
    for name, expected in zip(("W1", "b1", "W2", "b2"), weights, strict=True):
        np.testing.assert_allclose(net.parameters[name], expected, rtol=1e-9, atol=1e-12)
    errors = predictions - y
    found = learner.record.running()
    assert found["loss"] == pytest.approx(losses.mean(), rel=1e-9)
    assert found["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-9)
    assert found["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-9)
    assert found["r2"] == pytest.approx(1 - (errors**2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-9)
    assert learner.record.windowed()["loss"] == pytest.approx(losses[-50:].mean(), rel=1e-9)
    weights = 0.98 ** np.arange(119, -1, -1)
    assert learner.record.fading()["loss"] == pytest.approx((weights @ losses) / weights.sum(), rel=1e-9)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_row_is_predicted_before_it_is_learnt(engine, rows):
    X, y = rows
    net = cr.mlp([4, 6, 3], loss="cross_entropy", seed=2)
    learner, seen = cr.Online(net, cr.SGD(0.5), engine=engine), []
    for x, label in zip(X[:40], y[:40], strict=True):
        before, loss_before = net.predict(x[None])[0], net.loss(x[None], [label])
        assert np.array_equal(learner.predict_one(x), before)
        loss = learner.learn_one(x, label)
        assert loss == pytest.approx(loss_before, rel=1e-5)
        assert net.loss(x[None], [label]) < 0.9 * loss + 1e-3, "after learning, the row's loss is a smaller one"
        seen.append(before.argmax() == label)
    assert learner.record.running()["accuracy"] == pytest.approx(np.mean(seen))


@pytest.mark.parametrize("sizes", [[4, 3, 3], [4, 40, 3]], ids=["unrolled", "phases"])
def test_native_and_numpy_engines_agree(sizes, rows):
    X, y = rows
    runs = []
    for engine in ("native", "numpy"):
        net = cr.mlp(sizes, loss="cross_entropy", dropout=0.3, seed=4, dtype="float64")
        learner = cr.Online(net, cr.RMSProp(0.01), engine=engine)
        runs.append((learner.learn_many(X, y), net.parameters.theta.copy(), learner.record.running()))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=1e-9)
    np.testing.assert_allclose(runs[0][1], runs[1][1], rtol=1e-9)
    assert runs[0][2] == pytest.approx(runs[1][2], rel=1e-9)


def test_dropout_acts_on_learning_and_not_on_predictions(rows):
    X, y = rows
    net = cr.mlp([4, 30, 3], loss="cross_entropy", dropout=0.5, seed=4)
    learner = cr.Online(net, cr.SGD(0.1), engine="native")
    for x, label in zip(X[:10], y[:10], strict=True):
        without_dropout = net.loss(x[None], [label])
        assert learner.learn_one(x, label) == pytest.approx(without_dropout, rel=1e-5)
    plain = cr.mlp([4, 30, 3], loss="cross_entropy", seed=4)
    cr.Online(plain, cr.SGD(0.1), engine="native").learn_many(X[:10], y[:10])
    assert not np.allclose(plain.parameters.theta, net.parameters.theta)


def slowly(X, y):
    for place, row in enumerate(zip(X, y, strict=True)):
        if place % 50 == 0:
            time.sleep(0.01)
        yield row


WAYS = {
    "one by one": lambda learner, X, y: [learner.learn_one(x, t) for x, t in zip(X, y, strict=True)],
    "two blocks": lambda learner, X, y: [learner.learn_many(X[:77], y[:77]), learner.learn_many(X[77:], y[77:])],
    "an iterator": lambda learner, X, y: learner.consume(zip(X, y, strict=True)),
    "a slow iterator": lambda learner, X, y: learner.consume(slowly(X, y)),
    "rows and blocks": lambda learner, X, y: learner.consume([*zip(X[:9], y[:9], strict=True), (X[9:], y[9:])]),
}


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_how_rows_come_changes_no_bit(engine, rows):
    X, y = rows
    found = {}
    for way, learn in WAYS.items():
        net = cr.mlp([4, 20, 3], loss="cross_entropy", dropout=0.2, seed=4)
        learner = cr.Online(net, cr.Adam(0.01), engine=engine, window=40)
        learn(learner, X, y)
        record = learner.record
        points = np.array(list(record.curve.values())).tobytes()
        found[way] = (net.parameters.theta.tobytes(), points, tuple(record.fading().items()))
    assert set(found.values()) == {found["one by one"]}


def test_a_row_that_arrives_alone_is_learnt_at_once(rows):
    X, y = rows
    learner = cr.Online(cr.mlp([4, 3], loss="cross_entropy"), cr.SGD(0.1))
    learnt_when_asked_for_the_next = []

    def source():
        for row in zip(X[:3], y[:3], strict=True):
            yield row
            deadline = time.monotonic() + 10
            while learner.rows < len(learnt_when_asked_for_the_next) + 1 and time.monotonic() < deadline:
                time.sleep(0.001)
            learnt_when_asked_for_the_next.append(learner.rows)

    learner.consume(source())
    assert learnt_when_asked_for_the_next == [1, 2, 3]


def test_reading_ahead_is_bounded(rows):
    from chainrule.online.learner import AHEAD_ROWS

    X, y = rows
    given = 0

    def endless():
        nonlocal given
        while True:
            given += 100
            yield X[:100], y[:100]

    learner = cr.Online(cr.mlp([4, 3], loss="cross_entropy"), cr.SGD(0.1))
    learn, ahead = learner.learn_many, []

    def watched(X, y):
        time.sleep(0.001)
        ahead.append(given - learner.rows)
        if learner.rows > 3 * AHEAD_ROWS:
            raise EOFError
        return learn(X, y)

    learner.learn_many = watched
    with pytest.raises(EOFError):
        learner.consume(endless())
    assert max(ahead) < 3 * AHEAD_ROWS


def test_what_a_source_raises_comes_after_the_rows_before_it(rows):
    X, y = rows

    def broken():
        yield from zip(X[:25], y[:25], strict=True)
        raise OSError("the wire was cut")

    learner = cr.Online(cr.mlp([4, 3], loss="cross_entropy"), cr.SGD(0.1))
    with pytest.raises(OSError, match="wire was cut"):
        learner.consume(broken())
    assert learner.rows == 25
    assert threading.active_count() < 20


def test_an_abrupt_change_is_seen_and_recovered_from():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(8000, 2))
    y = (X[:, 0] > X[:, 1]).astype(int)
    y[4000:] = 1 - y[4000:]  # from one row to the next, everything means the opposite
    learner = cr.Online(cr.mlp([2, 8, 1], loss="binary_cross_entropy"), cr.SGD(0.01), window=200)
    curve = learner.consume([(X, y)]).curve
    accuracy = dict(zip(curve["rows"], curve["accuracy_window"], strict=True))
    fading = dict(zip(curve["rows"], curve["accuracy_fading"], strict=True))
    assert accuracy[4000] > 0.9
    assert min(accuracy[r] for r in accuracy if 4000 < r <= 4400) < 0.6
    assert min(fading[r] for r in fading if 4000 < r <= 4400) < 0.7
    assert accuracy[8000] > 0.9
    running = dict(zip(curve["rows"], curve["accuracy"], strict=True))
    assert running[4200] > 0.8, "the average of all rows hardly notices"


def test_a_learner_goes_on_from_slots_and_rows(rows):
    X, y = rows
    whole, parts = (cr.mlp([4, 5, 3], loss="cross_entropy", dropout=0.2, seed=9) for _ in range(2))
    cr.Online(whole, cr.Adam(0.01)).learn_many(X, y)
    first = cr.Online(parts, cr.Adam(0.01))
    first.learn_many(X[:123], y[:123])
    cr.Online(parts, cr.Adam(0.01), slots=first.slots, rows=first.rows).learn_many(X[123:], y[123:])
    assert np.array_equal(whole.parameters.theta, parts.parameters.theta)


def test_rates_may_fall_with_the_rows(rows):
    X, y = regression(50)
    schedule = cr.schedules.InverseTime(0.1, decay=0.5)
    net = net_for()
    cr.Online(net, cr.SGD(schedule)).learn_many(X, y)

    class Falling:
        t = 0

        def __call__(self, g):
            self.t += 1
            return [0.1 / (1 + 0.5 * (self.t - 1)) * d for d in g]

    _, _, weights = numpy_loop(net_for(), X, y, Falling())
    np.testing.assert_allclose(net.parameters["W1"], weights[0], rtol=1e-9)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_update_that_is_not_finite_names_the_row_and_keeps_those_before(engine):
    X, y = regression(30)
    y[20] = 1e30
    net, reference = (cr.mlp([3, 5, 1], loss="squared_error", seed=1) for _ in range(2))
    with pytest.raises(cr.NonFiniteError, match=r"row 21 of the stream") as error:
        cr.Online(net, cr.SGD(0.01), engine=engine).learn_many(X, y)
    assert "learning rate" in str(error.value)
    assert np.isfinite(net.parameters.theta).all()
    cr.Online(reference, cr.SGD(0.01), engine=engine).learn_many(X[:20], y[:20])
    assert np.array_equal(net.parameters.theta, reference.parameters.theta)
    assert error.value.row == 20


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_update_that_overflows_in_the_last_row_is_found(engine):
    X, y = np.zeros((5, 3)), np.zeros(5)  # no error, no update
    X[4], y[4] = 1.0, 1e18  # the loss is finite in float32, 1e30 times the gradient is not
    learner = cr.Online(cr.mlp([3, 5, 1], loss="squared_error", seed=1), cr.SGD(1e30), engine=engine)
    with pytest.raises(cr.NonFiniteError, match="the update is not finite at row 5 of the stream"):
        learner.learn_many(X, y)
    assert learner.rows == learner.record.rows == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.Online(net_for(), cr.LBFGS()), "LBFGS takes all rows at once"),
        (lambda: cr.Online(net_for(), cr.SGD(cr.schedules.Cosine(0.1))), "Cosine leads to an end"),
        (lambda: cr.Online(net_for(), cr.SGD(cr.schedules.ReduceOnPlateau(0.1))), "a stream has none"),
        (lambda: cr.Online(cr.Network(cr.Dense(2), cr.BatchNorm(), cr.Dense(1), inputs=2)), "BatchNorm needs batches"),
        (lambda: cr.Online(cr.Network(cr.Dense(1))), "give inputs="),
        (lambda: cr.Online(net_for(), engine="jax"), "engine for online learning 'jax'"),
        (lambda: cr.Online(net_for(), metrics=["acuracy"]), "did you mean 'accuracy'"),
        (lambda: cr.Online(net_for(), window=0), "window must be a whole number from 1"),
        (lambda: cr.Online(net_for(), "adam", slots={}), "these slots are none, but Adam has m, v"),
    ],
)
def test_what_cannot_be_learnt_online_is_refused(make, message):
    with pytest.raises(cr.ChainruleError, match=message):
        make()


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (([np.nan, 1, 2], 3), "X holds nan"),
        (([1, 2], 3), "X has 2 features a row"),
        (([1, 2, 3], np.nan), "y holds nan"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_rows_before_one_that_cannot_be_learnt_are_learnt_however_they_came(bad, problem, alone):
    X, y = regression(9)

    def rows():
        for item in zip(X[:7], y[:7], strict=True):
            yield item
            if alone:
                time.sleep(0.01)
        yield bad
        yield X[8], y[8]

    learner, expected = (cr.Online(net_for(), cr.SGD(0.01)) for _ in range(2))
    with pytest.raises(cr.errors.DataError, match=f"row 8 of the stream: {problem}"):
        learner.consume(rows())
    expected.learn_many(X[:7], y[:7])
    assert learner.record.rows == 7
    assert learner.network.parameters.theta.tobytes() == expected.network.parameters.theta.tobytes()
