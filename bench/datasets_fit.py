"""fastgru's estimators on the data sets; imports no other library."""

from __future__ import annotations

import time
from typing import Any

from bench.datasets_load import Split
from fastgru import GRUClassifier, GRURegressor


def fitted(data: Split, regression: bool, seed: int, **options: Any) -> tuple[Any, float]:
    """Return an estimator of defaults but for `options`, fitted, and the seconds of its fit.

    The seconds are the process' own, on one thread: time that other processes took is not in them.
    """
    model = (GRURegressor if regression else GRUClassifier)(random_state=seed, n_jobs=1, **options)
    start = time.process_time()
    model.fit(data.X, data.y)
    return model, time.process_time() - start
