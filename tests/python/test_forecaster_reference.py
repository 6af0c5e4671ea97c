"""GRUForecaster against a slow rewriting of its rules, and updates against the longer series, at random."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_forecaster import wave

from fastgru import GRUForecaster
from fastgru.forecasting._data import read_data
from fastgru.forecasting._known import Known, Unit, steps_of
from fastgru.forecasting._steps import Form
from fastgru.forecasting._train import held_out, try_form


def last_known(y: np.ndarray, t: int, phase: int | None) -> float:
    """The last value up to t that is known; with `phase`, of the steps a whole number of phases before."""
    places = range(t, -1, -1 if phase is None else -phase)
    return next((float(y[k]) for k in places if np.isfinite(y[k])), np.nan)


def slowly(y: np.ndarray, future: np.ndarray, form: Form, unit: Unit) -> tuple[Any, Any, Any, Any]:
    """Inputs, targets, offsets and units of every step, each by its definition."""
    n, lag = len(y), form.lag
    inputs, wanted = np.full((n, 1), np.nan), np.full((n, form.horizon), np.nan)
    counted, each = np.full((n, form.horizon), np.nan), np.full(n, np.nan)
    for t in range(n):
        each[t] = unit.scale
        if form.scaling == "window":
            window = [abs(v) for v in y[max(0, t - form.window + 1) : t + 1] if np.isfinite(v)]
            each[t] = max(sum(window) / max(1, len(window)), 1e-3 * unit.scale)
        if t >= lag:
            change = y[t] - (y[t - lag] if lag else 0.0)
            inputs[t] = (change - unit.centre) / each[t]
        for h in range(1, form.horizon + 1):
            base = 0.0
            if form.differencing == "first":
                base = last_known(y, t, None)
            if form.differencing == "seasonal":
                source = t + h
                while source > t:
                    source -= form.season
                base = np.nan
                if source >= 0:
                    base = last_known(y, source, form.season)
                    base = last_known(y, source, None) if np.isnan(base) else base
            counted[t, h - 1] = base + unit.centre
            if t + h < n and t + form.horizon < len(future) + (n if not future.shape[1] else 0):
                wanted[t, h - 1] = (y[t + h] - counted[t, h - 1]) / each[t]
    return inputs[lag:], wanted[lag:], counted[lag:], each[lag:]


@pytest.mark.parametrize("seed", range(60))
def test_inputs_and_targets_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, columns = int(rng.integers(20, 60)), int(rng.integers(0, 3))
    form = Form(
        horizon=int(rng.integers(1, 12)),
        differencing=str(rng.choice(["none", "first", "seasonal"])),
        season=int(rng.integers(1, 8)),
        scaling=str(rng.choice(["series", "window", "none"])),
        window=int(rng.integers(1, 15)),
    )
    y = rng.normal(size=n) + 3.0
    y[rng.random(n) < rng.choice([0.0, 0.2])] = np.nan
    future = rng.normal(size=(n + int(rng.integers(0, 15)), columns))
    known = Known(y, np.empty((n, 0)), future, np.array([7.0]), None, None)
    unit = Unit(float(rng.normal()), float(rng.uniform(0.5, 2.0)))
    found = steps_of(known, form, unit, np.empty((n + 1, 0)))
    inputs, wanted, counted, each = slowly(y, future, form, unit)
    np.testing.assert_allclose(found.inputs[:, :1], inputs, rtol=1e-12)
    np.testing.assert_allclose(found.targets, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.offset, counted, rtol=1e-12)
    np.testing.assert_allclose(found.unit, each, rtol=1e-12)
    ahead = found.inputs[:, 1:-1].reshape(len(inputs), columns, form.horizon)
    for row, t in enumerate(range(form.lag, n)):
        rows = np.minimum(np.arange(t + 1, t + 1 + form.horizon), len(future) - 1)
        np.testing.assert_array_equal(ahead[row], future[rows].T)


# --- nothing of the future ---------------------------------------------------------------------------------


class Untrained:
    """Records what a network would be trained on."""

    def __init__(self) -> None:
        self.taught: Any = None

    def set_params(self, **_: object) -> None:
        """Take the options of a network."""

    def fit(self, X: Any, Y: Any, **_: object) -> None:
        self.taught = (X, Y)
        raise KeyboardInterrupt


@pytest.mark.parametrize("differencing", ["none", "first", "seasonal"])
@pytest.mark.parametrize("scaling", ["series", "window"])
def test_the_held_out_end_decides_no_weight(differencing: str, scaling: str) -> None:
    """What a trial trains on is the same bits, whatever the values and past covariates of the end are."""
    form, taught = Form(4, differencing, 6, scaling, 12), []
    cut = 120 - held_out(120, form, 0.2)
    for end in (wave()[cut:], np.full(120 - cut, 1e6)):
        y, cause = (np.concatenate((part[:cut], end)) for part in (wave(), np.arange(120.0)))
        _, data = read_data(y, cause[:, None], None, past=[0], missing="error", cycles=lambda _: ())
        network = Untrained()
        with pytest.raises(KeyboardInterrupt):
            try_form(data, form, 24, 0.2, lambda network=network: network, [1.0])
        taught.append(network.taught)
    for one, other in zip(*taught, strict=True):
        assert len(one) == len(other) > 2
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)


# --- updates -----------------------------------------------------------------------------------------------


def panel_at_random(rng: np.random.Generator, missing: bool) -> tuple[list[pd.Series], list[pd.DataFrame]]:
    """Two or three series of hours through daylight saving, with unlike ends, and their covariates."""
    series, covariates = [], []
    for k in range(int(rng.integers(2, 4))):
        n = int(rng.integers(90, 110))
        begin = pd.Timestamp(
            "2021-03-25 07:00" if rng.random() < 0.5 else "2021-10-28 07:00", tz="Europe/Rome"
        )
        index = pd.date_range(begin, periods=n + 8, freq="h", name="when")
        y = wave(n, k) * 10.0 ** int(rng.integers(0, 3))
        if missing:
            y[rng.random(n) < 0.1] = np.nan
            y[[0, -1]] = np.nan
        series.append(pd.Series(y, index=index[:n], name=f"s{k}"))
        covariates.append(pd.DataFrame(rng.normal(size=(n + 8, 2)), index=index, columns=["a", "b"]))
    return series, covariates


@pytest.mark.parametrize("seed", range(24))
def test_updates_of_a_panel_equal_the_longer_series(seed: int) -> None:
    rng = np.random.default_rng(seed)
    missing, covered, still = (bool(rng.random() < 0.5) for _ in range(3))
    series, covariates = panel_at_random(rng, missing)
    model = GRUForecaster(
        horizon=int(rng.integers(1, 7)),
        season=int(rng.integers(2, 8)),
        differencing=str(rng.choice(["none", "first", "seasonal"])),
        scaling=str(rng.choice(["series", "window"])),
        window=int(rng.integers(4, 30)),
        calendar=["hour", "weekday"],
        strategy=str(rng.choice(["direct", "recursive"])),
        past_columns=None,
        missing="mask" if missing else "error",
        n_paths=20,
        hidden_size=4,
        max_iter=1,
        random_state=0,
    )
    if covered and model.strategy == "direct":
        model.set_params(past_columns=["b"])
    cuts = [len(each) - 20 for each in series]
    X = [table[:cut] for table, cut in zip(covariates, cuts, strict=True)] if covered else None
    static = rng.normal(size=(len(series), 1)) if still else None
    model.fit([each[:cut] for each, cut in zip(series, cuts, strict=True)], X, static=static)
    places = list(cuts)
    for _ in range(3):
        stops = [place + int(rng.integers(0, 6)) for place in places]
        spans = [slice(place, stop) for place, stop in zip(places, stops, strict=True)]
        new = [each[span] for each, span in zip(series, spans, strict=True)]
        model.update(
            new, [table[span] for table, span in zip(covariates, spans, strict=True)] if covered else None
        )
        places = stops
    fresh = copy.deepcopy(model)
    fresh._begin(model._data)  # reads everything again from the first step
    ahead = (
        [table[place : place + 8] for table, place in zip(covariates, places, strict=True)]
        if covered
        else None
    )
    for one, other, table, place in zip(
        model.predict(X=ahead), fresh.predict(X=ahead), covariates, places, strict=True
    ):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).all()
        assert list(one.index) == list(table.index[place : place + len(one)])
    for one, other in zip(model.predict_quantiles(X=ahead), fresh.predict_quantiles(X=ahead), strict=True):
        np.testing.assert_array_equal(one, other)
        assert (np.diff(one, axis=1) >= 0).all()
