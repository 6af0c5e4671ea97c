"""The arithmetic of the demo; its test part is not used in training."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fastgru.cli._reading import Reading
from fastgru.cli._samples import drifts, make_samples
from fastgru.cli._source import Source, load_source
from fastgru.cli._task import make_task
from fastgru.cli._text import number
from fastgru.cli._train import Options, choose, fit
from fastgru.forecasting._baselines import persistence, seasonal_naive
from fastgru.forecasting._metrics import mae, rmse
from fastgru.forecasting._season import find_season


class NoBar:
    """A fake progress bar."""

    total = 0

    def __init__(self, total: int, title: str) -> None: ...
    def __enter__(self) -> NoBar:
        return self

    def __exit__(self, *_: object) -> None: ...
    def set_postfix_str(self, *_: object, **__: object) -> None: ...
    def update(self, _: int) -> None: ...
    def refresh(self) -> None: ...


def test_samples_by_hand() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    plain = make_samples(values, 2, 2, changes=False)
    np.testing.assert_array_equal(plain.inputs, [[2, 4], [4, 8]])
    np.testing.assert_array_equal(plain.targets, [16, 32])
    np.testing.assert_array_equal(plain.offset, [0, 0])
    changes = make_samples(values, 2, 2, changes=True)
    np.testing.assert_array_equal(changes.inputs, [[1, 2], [2, 4]])
    np.testing.assert_array_equal(changes.targets, [12, 24])
    np.testing.assert_array_equal(changes.offset, [4, 8])
    for samples in (plain, changes):
        np.testing.assert_array_equal(samples.when, [4, 5])
        np.testing.assert_array_equal(samples.part(5, 6).when, [5])
        assert len(samples.part(0, 4)) == 0
    np.testing.assert_array_equal(persistence(values, plain.when, 2), [4, 8])
    np.testing.assert_array_equal(seasonal_naive(values, plain.when, 2, 1), [4, 8])
    np.testing.assert_array_equal(seasonal_naive(values, plain.when, 2, 3), [2, 4])
    assert rmse(np.array([1.0, 5.0]), np.array([1.0, 2.0])) == pytest.approx(math.sqrt(4.5))
    assert mae(np.array([1.0, 5.0]), np.array([1.0, 2.0])) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.49731, "0.4973"),
        (3.0, "3.000"),
        (41.0149, "41.01"),
        (1006.4, "1006"),
        (123456.7, "123457"),
        (2.5e-7, "2.500e-07"),
        (1.25e12, "1.250e+12"),
    ],
)
def test_numbers_in_the_table(value: float, text: str) -> None:
    assert number(value, 4) == text


def test_season_and_drift() -> None:
    time_steps = np.arange(600.0)
    noise = np.random.default_rng(0).normal(size=600)
    wave = np.sin(2 * np.pi * time_steps / 24)
    slow = 10 * np.sin(2 * np.pi * time_steps / 550)
    assert find_season(wave + 0.3 * noise) == 24
    assert find_season(wave + slow) == 24
    assert find_season(wave + 0.1 * time_steps) == 24
    assert find_season(noise) is None
    assert find_season(noise.cumsum()) is None
    assert find_season(np.arange(5.0)) is None
    assert drifts(0.1 * time_steps + wave)
    assert not drifts(wave + noise)


def test_defaults_of_a_task() -> None:
    def settle(source: Source) -> tuple[int, int | None, int, int]:
        task = make_task(source, length=None, horizon=None, season=None, hidden_size=4, epochs=None, seed=0)
        return task.split, task.season, task.options.horizon, task.options.length

    assert settle(load_source(None, "elnino", Reading())) == (585, 12, 3, 24)
    assert settle(load_source(None, "co2", Reading())) == (360, 12, 3, 24)
    split, season, horizon, length = settle(load_source(None, "sunspots", Reading()))
    assert (split, horizon, length) == (2496, 12, 96)
    assert season is not None
    assert 110 < season < 145


def test_nothing_is_learned_from_the_test_part() -> None:
    source = load_source(None, "elnino", Reading())
    split = 240
    spoilt = source.values.copy()
    spoilt[split:] = 1e6
    options = Options(length=12, horizon=3, hidden_size=4, epochs=None, seed=0)
    outcomes = []
    for values in (source.values[:300], spoilt[:300]):
        choice = choose(values, split, options, NoBar)
        samples = make_samples(values, options.length, options.horizon, choice.changes).part(0, split)
        assert samples.when.max() == split - 1
        final = fit(samples, options, 2, NoBar)
        outcomes.append((choice.changes, choice.epochs, choice.run.validation, final.losses))
    assert outcomes[0] == outcomes[1]


def two_harmonics(season: int, rows: int) -> np.ndarray:
    phase = 2 * np.pi * np.arange(rows) / season
    noise = 0.1 * np.random.default_rng(season).normal(size=rows)
    return np.sin(phase) + 0.4 * np.sin(2 * phase + 1) + noise


def test_few_rows_get_more_epochs() -> None:
    """An epoch of 53 windows has two mini-batches: forty such epochs end in mid-descent, at 0.11 and more."""
    values = two_harmonics(12, 120)
    for seed in range(2):
        options = Options(length=24, horizon=3, hidden_size=16, epochs=None, seed=seed)
        choice = choose(values, 96, options, NoBar)
        samples = make_samples(values, 24, 3, choice.changes)
        test = samples.part(96, 120)
        model = fit(samples.part(0, 96), options, choice.epochs, NoBar).model
        assert choice.epochs > 40
        assert rmse(model.predict(test.inputs) + test.offset, values[test.when]) < 0.105


def test_the_final_training_ends_with_small_steps() -> None:
    values = two_harmonics(12, 240)
    options = Options(length=24, horizon=3, hidden_size=4, epochs=None, seed=0)
    choice = choose(values, 192, options, NoBar)
    rate = choice.run.model.learning_rate_init  # validation keeps it, because its end is not known
    final = fit(make_samples(values, 24, 3, False).part(0, 192), options, 10, NoBar)
    assert final.model.learning_rate_init == pytest.approx(rate * 0.5 * (1 + math.cos(0.9 * math.pi)))
    steps = np.abs(np.diff(final.losses))
    assert steps[-1] < 0.2 * steps[0]
