"""Searches in other processes: joblib's own workers, and those of a Dask cluster on this machine."""

import os
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="searches are scikit-learn's")
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

import chainrule as cr
from chainrule.engines.native.target import cores

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


@contextmanager
def joblib_workers():
    with parallel_config(backend="loky", n_jobs=2):
        yield


@contextmanager
def dask_workers():
    distributed = pytest.importorskip("distributed", reason="pip install distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        yield


# joblib lets a worker start anew when its memory has grown by 300 MB, which the first imports may do, and warns of it.
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given to the executor")
@pytest.mark.parametrize("workers", [joblib_workers, dask_workers])
def test_two_workers_find_what_one_process_finds(workers, monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CHAINRULE_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    model = cr.MLPClassifier(hidden_layer_sizes=(9,), n_members=1, max_iter=5, random_state=0, engine="native")
    search = GridSearchCV(model, {"learning_rate_init": [1e-3, 1e-2], "alpha": [0.0, 0.1]}, cv=2)
    nets = [cr.mlp([6, width, 1], loss="binary_cross_entropy", seed=3) for width in (2, 40)]
    settings = {"starts": 3, "lr": [1e-3, 1e-2], "epochs": 2, "engine": "native"}
    with workers():
        processes = set(Parallel()(delayed(os.getpid)() for _ in range(20)))
        threads = Parallel()(delayed(cores)() for _ in range(4))
        found = search.fit(X, y).cv_results_["mean_test_score"]
        explored = Parallel()(delayed(net.explore)(X, y, **settings) for net in nets)
    assert os.getpid() not in processes
    assert set(threads) <= {1, max(1, (os.cpu_count() or 1) // 2)}
    np.testing.assert_array_equal(found, search.fit(X, y).cv_results_["mean_test_score"])
    for net, there in zip(nets, explored, strict=True):
        np.testing.assert_array_equal(there.losses, net.explore(X, y, **settings).losses)
