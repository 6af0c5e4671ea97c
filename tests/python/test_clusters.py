"""Local clusters of Dask and Ray: searches, many fits and predictions have the bits of one process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from fastgru import GRURegressor, fit_many

RNG = np.random.default_rng(6)
X = RNG.standard_normal((90, 6, 2)).astype(np.float32)
Y = X[:, -1, 0] + 0.1 * RNG.standard_normal(90)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
]


def small(**params: Any) -> GRURegressor:
    return GRURegressor(**{"hidden_size": 4, "max_iter": 3, "random_state": 0, "n_jobs": 1, **params})


@pytest.fixture(scope="module")
def dask_client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def ray_backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray writes to it
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        from ray.util.joblib import register_ray

        register_ray()
        yield "ray"
        ray.shutdown()


def check_joblib(backend: str) -> None:
    """Compare a search and many fits with those of this process."""
    grid = {"hidden_size": [3, 5], "alpha": [0.0, 0.1]}
    local = GridSearchCV(small(), grid, cv=3).fit(X, Y)
    data = [X[:30], X[30:60], X[60:]]
    targets = [Y[:30], Y[30:60], Y[60:]]
    with joblib.parallel_config(backend, n_jobs=2):
        search = GridSearchCV(small(), grid, cv=3).fit(X, Y)
        models = fit_many(small(), data, targets, n_jobs=None)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], local.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(search.predict(X), local.predict(X))
    for model, x, y in zip(models, data, targets, strict=True):
        np.testing.assert_array_equal(model.predict(X), clone(small()).fit(x, y).predict(X))


def test_a_search_and_many_fits_on_dask(dask_client: Any) -> None:
    check_joblib("dask")


def test_a_search_and_many_fits_on_ray(ray_backend: str) -> None:
    check_joblib(ray_backend)


@pytest.mark.parametrize("rows", [1, 7, 90])
def test_predictions_of_a_dask_array(dask_client: Any, rows: int) -> None:
    array = pytest.importorskip("dask.array", reason="dask is not installed")
    model = small().fit(X, Y)
    wanted = model.predict(X)
    blocks = array.from_array(X, chunks=(rows, -1, -1))
    found = blocks.map_blocks(model.predict, drop_axis=[1, 2], dtype=wanted.dtype, meta=wanted[:0])
    assert found.chunks == (blocks.chunks[0],)
    np.testing.assert_array_equal(found.compute(), wanted)
