"""plot.anomalies shows the detector's numbers; errors name what is wrong with the arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

import fastgru
from fastgru import GRUAnomalyDetector, plot
from fastgru.anomalies._stretches import stretches

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = np.column_stack([np.sin(np.arange(400) / 5), np.cos(np.arange(400) / 7)]) + 0.05 * RNG.normal(
    size=(400, 2)
)
BAD = X[300:].copy()
BAD[50:53, 1] += 2
BAD[80, 0] -= 2


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


def small(**params: Any) -> GRUAnomalyDetector:
    return GRUAnomalyDetector(**{"hidden_size": 8, "max_iter": 20, "random_state": 0, **params})


@pytest.fixture(scope="module")
def detector() -> GRUAnomalyDetector:
    return small().fit(X[:300])


def test_it_shows_values_expectations_errors_and_the_threshold(detector: GRUAnomalyDetector) -> None:
    axes = plot.anomalies(detector, BAD, names=["flow", "level"], units=["l/s", "m"])
    assert [one.get_ylabel() for one in axes] == ["flow (l/s)", "level (m)", "Error (usual: 1)"]
    for column in (0, 1):
        expected, values = axes[column].get_lines()
        np.testing.assert_array_equal(values.get_ydata(), BAD[:, column])
        np.testing.assert_array_equal(expected.get_ydata(), detector.expected(BAD)[:, column])
    error, threshold = axes[-1].get_lines()
    np.testing.assert_array_equal(error.get_ydata(), np.maximum(-detector.score_samples(BAD), 1e-3))
    assert threshold.get_ydata()[0] == -detector.offset_
    assert axes[-1].get_xlabel() == "Time step"


def test_stretches_are_dark_where_the_variable_is_to_blame(detector: GRUAnomalyDetector) -> None:
    found = stretches(detector.predict(BAD), detector.score_samples(BAD))
    places = [stretch.start for stretch in found]
    level, flow = places.index(50), next(i for i, s in enumerate(found) if s.start in (79, 80))
    axes = plot.anomalies(detector, BAD)
    dark = [[patch.get_alpha() > 0.2 for patch in ax.patches] for ax in axes]
    assert len(dark[0]) == len(found)
    assert (dark[0][level], dark[1][level], dark[2][level]) == (False, True, False)
    assert (dark[0][flow], dark[1][flow]) == (True, False)


def test_the_time_axis(detector: GRUAnomalyDetector) -> None:
    dates = pd.date_range("2024-03-01", periods=100, freq="h", name="when")
    frame = pd.DataFrame(BAD, index=dates)
    for axes in (plot.anomalies(detector, frame), plot.anomalies(detector, BAD, index=dates)):
        np.testing.assert_array_equal(axes[0].get_lines()[0].get_xdata(orig=True), dates.to_numpy())
        assert axes[-1].get_xlabel() == "when"
    axes = plot.anomalies(detector, BAD, index=np.arange(100) / 50.0)
    assert axes[0].get_lines()[0].get_xdata()[-1] == 1.98
    named = pd.DataFrame(BAD, index=[f"r{i}" for i in range(100)])
    assert plot.anomalies(detector, named)[0].get_lines()[0].get_xdata()[-1] == 99


def test_many_variables_and_own_axes() -> None:
    many = np.sin(np.arange(200)[:, None] / np.arange(3, 11)) + 0.05 * RNG.normal(size=(200, 8))
    detector = small(max_iter=5).fit(many)
    many[150, 6] += 9
    axes = plot.anomalies(detector, many)
    assert len(axes) == 6 and "Variable 6" in [one.get_ylabel() for one in axes]
    own = plt.subplots(6, 1)[1]
    assert list(plot.anomalies(detector, many, own)) == list(own)
    with pytest.raises(ValueError, match="ax must be 6 Axes, 5 of variables and one of the error"):
        plot.anomalies(detector, many, own[:3])


def test_one_variable_missing_values_and_a_constant() -> None:
    one = X[:, 0].copy()
    detector = small(missing="mask").fit(one)
    one[20:30] = np.nan
    axes = plot.anomalies(detector, pd.Series(one, name="flow"))
    assert [ax.get_ylabel() for ax in axes] == ["Value", "Error (usual: 1)"]
    axes[0].figure.canvas.draw()
    plot.anomalies(small(max_iter=2).fit(np.ones(50)), np.ones(9))[0].figure.canvas.draw()


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_values_are_drawn_in_the_ink_of_the_style(style: str, detector: GRUAnomalyDetector) -> None:
    with plt.style.context(style):
        ax = plot.anomalies(detector, BAD)[0]
        ink = mpl.colors.to_rgb(ax.get_lines()[1].get_color())
        assert ink == mpl.colors.to_rgb(mpl.rcParams["axes.labelcolor"])
        assert ink != mpl.colors.to_rgb(mpl.rcParams["axes.facecolor"])


def test_bad_arguments(detector: GRUAnomalyDetector) -> None:
    with pytest.raises(TypeError, match="detector must be a GRUAnomalyDetector, got GRURegressor"):
        plot.anomalies(fastgru.GRURegressor(), BAD)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        plot.anomalies(small(), BAD)
    sequences = small(samples="sequences", max_iter=2).fit(X.reshape(20, 20, 2))
    with pytest.raises(ValueError, match="samples='sequences'"):
        plot.anomalies(sequences, BAD)
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        ([BAD, BAD], {}, "X must be one series, got 2"),
        (BAD, {"names": ["a"]}, "names must be 2, one for each variable"),
        (BAD, {"names": "ab"}, "names must be 2"),
        (BAD, {"units": ["m"]}, "units must be 2"),
        (BAD, {"index": [1, 2]}, r"index must hold 100 .*, got shape \(2,\)"),
        (BAD[:, :1], {}, "1 features"),
    ]
    for given, options, message in wrong:
        with pytest.raises(ValueError, match=message):
            plot.anomalies(detector, given, **options)


def test_stretches_join_over_short_gaps() -> None:
    flags = np.array([1, -1, 1, 1, 1, -1, 1, 1, 1, 1, -1, -1])
    scores = -np.array([0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 9, 8.0])
    assert stretches(flags, scores) == [(1, 6, 5), (10, 12, 10)]
    assert stretches(flags, scores, gap=0) == [(1, 2, 1), (5, 6, 5), (10, 12, 10)]
    assert stretches(np.ones(3, np.int64), np.zeros(3)) == []


def test_importing_the_plots_does_not_import_scikit_learn() -> None:
    code = "import sys, fastgru.plot; sys.exit('sklearn' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
