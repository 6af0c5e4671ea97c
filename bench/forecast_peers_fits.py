"""One fit and one forecast of each library, for `bench.forecast_peers`.

A job has `series` (n_series, n_timesteps), `season`, `window`, `horizon`, `seed`, and for peers `steps` and
`rate`. The answer has `forecast` (n_series, horizon), `seconds` of the processor in fit, and `steps`.
"""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

import numpy as np

HIDDEN = 32
BATCH = 32


def fastgru(job: dict[str, Any]) -> dict[str, Any]:
    from fastgru import GRUForecaster
    from fastgru.forecasting import _train

    steps, fit = 0, _train.fit_quietly

    def counted(est: Any, X: list[Any], *rest: Any) -> None:
        nonlocal steps
        fit(est, X, *rest)
        steps += -(-len(X) // est.batch_size) * est.n_iter_

    model = GRUForecaster(
        horizon=job["horizon"],
        season=job["season"],
        window=job["window"],
        hidden_size=HIDDEN,
        batch_size=BATCH,
        max_iter=job.get("max_iter", 100),
        random_state=job["seed"],
        n_jobs=1,
    )
    y = np.array(job["series"]).T
    _train.fit_quietly = counted
    try:
        begun = time.process_time()
        model.fit(y)
        seconds = time.process_time() - begun
    finally:
        _train.fit_quietly = fit
    return {"forecast": model.predict().T.tolist(), "seconds": seconds, "steps": steps}


def neuralforecast(job: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU

    series = _quiet_torch(job)
    count, n = series.shape
    frame = pd.DataFrame(
        {"unique_id": np.repeat(np.arange(count), n), "ds": np.tile(np.arange(n), count), "y": series.ravel()}
    )
    model = GRU(
        h=job["horizon"],
        input_size=job["window"],
        encoder_n_layers=1,
        encoder_hidden_size=HIDDEN,
        decoder_hidden_size=HIDDEN,
        decoder_layers=1,
        max_steps=job["steps"],
        learning_rate=job["rate"],
        batch_size=BATCH,
        windows_batch_size=BATCH,
        random_seed=job["seed"],
        **_trainer(),
    )
    both = NeuralForecast([model], freq=1)
    begun = time.process_time()
    both.fit(frame)
    seconds = time.process_time() - begun
    found = both.predict().sort_values(["unique_id", "ds"])["GRU"].to_numpy()
    return {"forecast": found.reshape(count, -1).tolist(), "seconds": seconds, "steps": job["steps"]}


def darts(job: dict[str, Any]) -> dict[str, Any]:
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler
    from darts.models import RNNModel

    series = _quiet_torch(job).astype(np.float32)
    model = RNNModel(
        input_chunk_length=job["window"],
        training_length=job["window"] + job["horizon"],
        model="GRU",
        hidden_dim=HIDDEN,
        n_rnn_layers=1,
        batch_size=BATCH,
        n_epochs=1_000_000,  # max_steps ends it
        optimizer_kwargs={"lr": job["rate"]},
        random_state=job["seed"],
        pl_trainer_kwargs={**_trainer(), "max_steps": job["steps"]},
    )
    begun = time.process_time()
    scaler = Scaler()
    scaled = scaler.fit_transform([TimeSeries.from_values(each) for each in series])
    model.fit(scaled)
    seconds = time.process_time() - begun
    found = scaler.inverse_transform(model.predict(job["horizon"], series=scaled, verbose=False))
    forecast = [each.values().ravel().tolist() for each in found]
    return {"forecast": forecast, "seconds": seconds, "steps": job["steps"]}


METHODS = {"fastgru": fastgru, "neuralforecast": neuralforecast, "darts": darts}


def _quiet_torch(job: dict[str, Any]) -> np.ndarray:
    """Set one thread, silence the trainers, and return the series."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in (
        "pytorch_lightning",
        "lightning",
        "lightning.pytorch",
        "pytorch_lightning.utilities.rank_zero",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)
    return np.array(job["series"])


def _trainer() -> dict[str, Any]:
    return {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
