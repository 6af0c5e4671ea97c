"""The season that the demo finds: the right one under noise and trends, and none where there is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgru.cli import _train, main
from fastgru.cli._samples import make_samples
from fastgru.datasets import load_co2, load_elnino, load_sunspots
from fastgru.forecasting._season import find_season, usual_season

Floats = NDArray[np.float64]
SEASONS = (7, 12, 24, 52, 96, 168)


def profile(shape: str, season: int, steps: NDArray[np.int64]) -> Floats:
    phase = steps % season / season
    shapes = {
        "sine": np.sin(2 * np.pi * phase),
        "two harmonics": np.sin(2 * np.pi * phase) + 0.8 * np.sin(4 * np.pi * phase + 1),
        "sawtooth": 2 * phase - 1,
        "square": np.where(phase < 0.4, 1.0, -1.0),
        "any": np.random.default_rng(season).normal(size=season)[steps % season],
    }
    return shapes[shape]


TRENDS: dict[str, Callable[[int, np.random.Generator], Floats]] = {
    "none": lambda n, _: np.zeros(n),
    "line": lambda n, _: 0.01 * np.arange(n),
    "curve": lambda n, _: 5 * (np.arange(n) / n) ** 2,
    "random walk": lambda n, rng: 0.03 * rng.normal(size=n).cumsum(),
    "slow wave": lambda n, _: 3 * np.sin(2 * np.pi * np.arange(n) / (0.9 * n)),
}


@pytest.mark.parametrize("trend", TRENDS)
@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("season", SEASONS)
def test_seasons_times_noise_times_trend(season: int, noise: float, trend: str) -> None:
    for shape in ("sine", "two harmonics", "sawtooth", "square", "any"):
        steps = np.arange(4000)
        for seed in range(2):
            rng = np.random.default_rng(seed)
            series = profile(shape, season, steps) + noise * rng.normal(size=4000) + TRENDS[trend](4000, rng)
            assert find_season(series) == season, (shape, seed)


@pytest.mark.parametrize("cycles", [5, 8, 12])
@pytest.mark.parametrize("season", SEASONS)
def test_few_cycles(season: int, cycles: int) -> None:
    """So few are enough where the noise is small. A sine's length is then known to a few percent alone."""
    steps = np.arange(season * cycles)
    rng = np.random.default_rng(1)
    found = [
        find_season(profile(shape, season, steps) + 0.1 * rng.normal(size=len(steps)))
        for shape in ("sine", "two harmonics", "square", "any")
    ]
    assert [
        number for number in found if number is not None and abs(number - season) <= 0.03 * season
    ] == found


def smoothed(rng: np.random.Generator, n: int, width: int) -> Floats:
    return np.convolve(rng.normal(size=n + width - 1), np.ones(width) / width, "valid")


def autoregression(rng: np.random.Generator, n: int, factor: float) -> Floats:
    values = rng.normal(size=n)
    for i in range(1, n):
        values[i] += factor * values[i - 1]
    return values


def line(n: int) -> Floats:
    return np.linspace(-1, 1, n)


WITHOUT: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "white noise": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(2, size=n),
    "counts": lambda rng, n: rng.poisson(0.3, size=n).astype(float),
    "random walk": lambda rng, n: rng.normal(size=n).cumsum(),
    "random walk with drift": lambda rng, n: (rng.normal(size=n) + 0.2).cumsum(),
    "rounded random walk": lambda rng, n: np.round(rng.normal(size=n).cumsum()),
    "random walk of speeds": lambda rng, n: rng.normal(size=n).cumsum().cumsum(),
    "red noise": lambda rng, n: autoregression(rng, n, 0.9),
    "redder noise": lambda rng, n: autoregression(rng, n, 0.99),
    "blue noise": lambda rng, n: autoregression(rng, n, -0.5),
    "line": lambda rng, n: line(n),
    "noisy line": lambda rng, n: 10 * line(n) + rng.normal(size=n),
    "parabola": lambda rng, n: line(n) ** 2,
    "noisy parabola": lambda rng, n: 10 * line(n) ** 2 + rng.normal(size=n),
    "growth": lambda rng, n: np.exp(3 * line(n)),
    "noisy growth": lambda rng, n: np.exp(3 * line(n)) * (1 + 0.1 * rng.normal(size=n)),
    "saturation": lambda rng, n: 1 / (1 + np.exp(-10 * line(n))),
    "step": lambda rng, n: 10.0 * (line(n) > 0.2) + rng.normal(size=n),
    "noise whose size varies": lambda rng, n: rng.normal(size=n) * np.exp(autoregression(rng, n, 0.95) / 3),
}


@pytest.mark.parametrize("length", [48, 100, 300, 1000, 5000])
@pytest.mark.parametrize("kind", WITHOUT)
def test_no_season_where_there_is_none(kind: str, length: int) -> None:
    found = [find_season(WITHOUT[kind](np.random.default_rng(seed), length)) for seed in range(10)]
    assert found == [None] * 10


def test_moving_averages_of_noise_seldom_fool() -> None:
    """Their spectrum has humps, which short series cannot tell from lines."""
    found = [
        find_season(smoothed(np.random.default_rng(seed), n, width))
        for n in (100, 300, 1000, 3000)
        for width in (7, 25)
        for seed in range(20)
    ]
    assert sum(number is not None for number in found) <= 8  # of 160


def test_outliers_do_not_hide_a_season() -> None:
    rng = np.random.default_rng(0)
    series = profile("sine", 24, np.arange(2000)) + 0.3 * rng.normal(size=2000)
    for position, value in ((700, 1e5), (1200, -300.0), (1201, 40.0)):
        series[position] = value
    assert find_season(series) == 24


def test_awkward_seasons() -> None:
    steps = np.arange(30_000)
    noise = 0.5 * np.random.default_rng(0).normal(size=len(steps))
    year, day = np.sin(2 * np.pi * steps / 8766), profile("sine", 24, steps)
    assert find_season(10 * year + day + noise) == 24  # the short one on top of the long one
    weekend = steps // 24 % 7 > 4
    assert find_season(day * (1 + 0.4 * weekend) + noise) == 24
    assert find_season(day * (1 + 0.4 * weekend) + 3.0 * weekend + noise) in (24, 168)
    assert find_season(np.sin(2 * np.pi * steps / 365.25) + noise) in (365, 366)
    assert find_season(np.tile([0.0, 0, 0, 0, 0, 0, 1], 30)) == 7  # a spike a week
    assert find_season(np.tile([1.0, 2, 3, 4, 5], 40)) == 5
    assert find_season(np.tile([0.0, 1.0], 40)) == 2
    growth = np.exp(steps[:500] / 100)
    assert find_season(growth * (1 + 0.3 * np.sin(2 * np.pi * steps[:500] / 12))) == 12
    assert find_season(1e9 + day[:400]) == 24
    assert find_season(np.full(100, 3.0)) is None


def test_the_series_of_the_package() -> None:
    assert find_season(load_elnino().values) == 12
    assert find_season(load_co2().values) == 12
    cycle = find_season(load_sunspots().values)  # of varying length, eleven years on average
    assert cycle is not None
    assert 118 < cycle < 145


@pytest.mark.parametrize(
    ("found", "rows", "seconds", "usual"),
    [
        (344, 1461, 86400.0, 365),
        (25, 200, 3600.0, 24),
        (25, 10_000, 3600.0, 25),  # the tide, not the day
        (161, 1000, 3600.0, 168),
        (96, 3000, 900.0, 96),
        (98, 400, 900.0, 96),
        (144, 2000, 600.0, 144),
        (51, 300, 7 * 86400.0, 52),
        (12, 500, 2678400.0, 12),
        (37, 500, 86400.0, 37),
        (None, 500, 86400.0, None),
        (23, 200, None, 23),
    ],
)
def test_the_calendar_decides_within_what_the_rows_can_tell(
    found: int | None, rows: int, seconds: float | None, usual: int | None
) -> None:
    assert usual_season(found, rows, seconds) == usual


def test_windows_are_drawn_at_random() -> None:
    """A fixed stride of 24 hours would show the network the same hour of the day again and again."""
    values = np.arange(24 * 8000 + 60, dtype=float)
    samples = make_samples(values, 48, 6, changes=False)
    drawn = samples.drawn(8000, seed=0)
    assert len(drawn) == 8000
    hours = np.bincount(drawn.when % 24, minlength=24)
    assert hours.min() > 250
    assert (np.diff(drawn.when) > 0).all()
    np.testing.assert_array_equal(drawn.inputs[:, -1], drawn.when - 6)
    np.testing.assert_array_equal(drawn.targets, drawn.when)
    np.testing.assert_array_equal(drawn.when, samples.drawn(8000, seed=0).when)
    assert (drawn.when != samples.drawn(8000, seed=1).when).any()
    assert samples.drawn(len(samples), seed=0) is samples


def test_the_demo_says_how_many_windows_and_learns_every_hour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stride would be 24 here, and leave windows of one and the same hour."""
    monkeypatch.setattr(_train, "_MOST_WINDOWS", 162)
    steps = np.arange(4900)
    values = 10 * np.sin(2 * np.pi * steps / 24) + 0.5 * np.random.default_rng(0).normal(size=len(steps))
    path = tmp_path / "hours.csv"
    path.write_text("value\n" + "\n".join(f"{value:.4f}" for value in values))
    output = str(tmp_path / "o.png")
    assert main(["demo", "--data", str(path), "--hidden-size", "16", "--output", output]) == 0
    printed = capsys.readouterr().out
    assert "Seasonal naive, 24 steps" in printed
    assert re.search(r"epochs? of 162 windows, drawn at random from 3\d{3},", printed)
    error = re.search(r"^GRU, 16 units +([\d.]+)", printed, re.M)
    assert error is not None
    assert float(error[1]) < 0.8
