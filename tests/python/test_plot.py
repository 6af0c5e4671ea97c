"""The pictures show the numbers of the estimator; errors name what is wrong with the arguments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

import fastgru
from fastgru import GRUClassifier, GRURegressor, plot

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 2))
Y = X[:, -1] + X[:, 0]
RAGGED = [RNG.normal(size=(n, 2)) for n in RNG.integers(3, 9, size=30)]


@pytest.fixture(autouse=True)
def agg() -> Iterator[None]:
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


def fitted(kind: Any, inputs: Any, targets: Any, **options: Any) -> Any:
    settings = {"hidden_size": 5, "max_iter": 3, "random_state": 0, **options}
    return kind(**settings).fit(inputs, targets)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_loss_curve_shows_every_epoch() -> None:
    est = fitted(GRURegressor, X, Y)
    ax = plot.loss_curve(est)
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), est.loss_curve_)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Training loss")
    assert len(ax.figure.axes) == 1


@pytest.mark.parametrize(
    ("kind", "targets", "options", "name"),
    [
        (GRURegressor, Y, {}, "R²"),
        (GRURegressor, Y[:, 0], {"loss": "quantile", "quantile": [0.1, 0.9]}, "D²"),
        (GRUClassifier, Y[:, 0] > 0, {}, "accuracy"),
    ],
)
def test_loss_curve_shows_scores_and_the_best_epoch(kind: Any, targets: Any, options: Any, name: str) -> None:
    est = fitted(kind, X, targets, early_stopping=True, max_iter=8, **options)
    ax = plot.loss_curve(est)
    right = ax.figure.axes[-1]
    assert right.get_ylabel() == f"Validation {name}"
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), est.validation_scores_)
    best = 1 + int(np.argmax(est.validation_scores_))
    assert list(ax.get_lines()[1].get_xdata()) == [best, best]
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == f"Best epoch: {best}"


def test_scores_of_a_later_fit_stand_at_the_last_epochs() -> None:
    est = fitted(GRURegressor, X, Y, warm_start=True)
    est.set_params(early_stopping=True).fit(X, Y)
    ax = plot.loss_curve(est)
    assert len(ax.get_lines()[0].get_xdata()) == 6
    np.testing.assert_array_equal(ax.figure.axes[-1].get_lines()[0].get_xdata(), [4, 5, 6])


def test_an_axes_that_is_given_is_drawn_on() -> None:
    est = fitted(GRURegressor, X, Y)
    figure, axes = plt.subplots(1, 2)
    assert plot.loss_curve(est, axes[0]) is axes[0]
    assert plot.predicted_vs_true(est, X, Y, ax=axes[1]) is axes[1]
    assert plt.get_fignums() == [figure.number]


def test_predictions_stand_over_the_truth() -> None:
    est = fitted(GRURegressor, X, Y)
    ax = plot.predicted_vs_true(est, X, Y)
    predicted = est.predict(X)
    for k, points in enumerate(ax.collections):
        np.testing.assert_allclose(points.get_offsets(), np.column_stack([Y[:, k], predicted[:, k]]))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Output 0", "Output 1"]
    assert ax.get_title() == f"R² = {est.score(X, Y):.3f}"
    (diagonal,) = ax.get_lines()
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_one_output_needs_no_legend_and_may_be_a_column() -> None:
    est = fitted(GRURegressor, X, Y[:, 0])
    for targets in (Y[:, 0], Y[:, :1], list(Y[:, 0])):
        ax = plot.predicted_vs_true(est, X, targets)
        assert ax.get_legend() is None
        np.testing.assert_allclose(ax.collections[0].get_offsets()[:, 1], est.predict(X))


def test_many_outputs_are_told_by_a_colour_bar() -> None:
    series = np.sin(np.arange(80) / 3)
    inputs, targets = fastgru.make_windows(series, length=5, horizon=12)
    ax = plot.predicted_vs_true(fitted(GRURegressor, inputs, targets), inputs, targets)
    assert len({tuple(points.get_facecolor()[0]) for points in ax.collections}) == 12
    assert ax.get_legend() is None
    assert ax.figure.axes[-1].get_ylabel() == "Output"


def test_quantiles_are_bars_through_the_middle_one() -> None:
    est = fitted(GRURegressor, X, Y, loss="quantile", quantile=[0.9, 0.1, 0.4])
    ax = plot.predicted_vs_true(est, X, Y)
    predicted = est.predict(X)  # (40, 2, 3), rising
    bars, points = ax.collections[2:]  # of the second output
    np.testing.assert_allclose(points.get_offsets()[:, 1], predicted[:, 1, 1])
    ends = np.array([[low[1], high[1]] for low, high in bars.get_segments()])
    np.testing.assert_allclose(ends, predicted[:, 1, [0, 2]])
    assert ax.get_ylabel() == "Predicted: quantile 0.4, bars from 0.1 to 0.9"


@pytest.mark.parametrize("inputs", [X, RAGGED], ids=["array", "list"])
def test_answers_at_every_step_are_points_each(inputs: Any) -> None:
    targets = [sequence.cumsum(axis=0)[:, 0] for sequence in inputs]
    est = fitted(GRURegressor, inputs, targets, output="sequence")
    (points,) = plot.predicted_vs_true(est, inputs, targets).collections
    wanted = np.column_stack([np.concatenate(targets), np.concatenate(list(est.predict(inputs)))])
    np.testing.assert_allclose(points.get_offsets(), wanted)


@pytest.mark.parametrize("labels", [None, "sequence"])
def test_confusion_matrix_counts(labels: str | None) -> None:
    if labels is None:
        y: Any = np.where(Y[:, 0] > 0, "rise", "fall")
        est = fitted(GRUClassifier, X, y)
        total, inputs = 40, X
    else:
        y = [np.where(sequence[:, 0] > 0, "rise", "fall") for sequence in RAGGED]
        est = fitted(GRUClassifier, RAGGED, y, output="sequence")
        total, inputs = sum(map(len, RAGGED)), RAGGED
    display = plot.confusion_matrix(est, inputs, y)
    assert display.confusion_matrix.sum() == total
    assert np.trace(display.confusion_matrix) == pytest.approx(total * est.score(inputs, y))
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["fall", "rise"]
    shares = plot.confusion_matrix(est, inputs, y, normalize="true").confusion_matrix
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_a_class_that_fit_did_not_see_is_counted() -> None:
    est = fitted(GRUClassifier, X, np.arange(40) % 2)
    display = plot.confusion_matrix(est, X, np.arange(40) % 3)
    assert display.confusion_matrix.shape == (3, 3)
    assert display.confusion_matrix.sum() == 40


@pytest.mark.parametrize("inputs", [X, list(X), RAGGED], ids=["array", "list", "ragged"])
@pytest.mark.parametrize("layer", [0, -1])
def test_gates_are_the_images(inputs: Any, layer: int) -> None:
    est = fitted(GRURegressor, inputs, [s.sum() for s in inputs], num_layers=2, bidirectional=True)
    axes = plot.gates(est, inputs, sample=7, layer=layer)
    wanted = est.gates(inputs, layer=layer)
    for ax, values in zip(axes, (wanted.reset, wanted.update), strict=True):
        (image,) = ax.get_images()
        np.testing.assert_allclose(image.get_array(), np.asarray(values[7]).T, atol=1e-6)
        assert image.get_clim() == (0.0, 1.0)
        assert list(ax.get_lines()[0].get_ydata()) == [4.5, 4.5]  # between the directions of 5 units
    assert [ax.get_title(loc="left") for ax in axes] == ["Reset gate", "Update gate"]
    assert axes[1].get_xlabel() == "Time step"
    assert axes[0].figure.axes[-1].get_ylabel() == "Gate"  # the colour bar


def test_gates_take_frames_and_tokens_and_the_last_sample() -> None:
    frame = pd.DataFrame(X[:, :, 0], columns=list("abcdef"))
    est = fitted(GRURegressor, frame, Y[:, 0])
    image = plot.gates(est, frame, sample=-1)[0].get_images()[0]
    np.testing.assert_allclose(image.get_array(), est.gates(frame).reset[-1].T, atol=1e-6)
    tokens = [[2, 3, 4], [4, 3, 3], [2, 2, 4], [3, 3, 3]]
    est = fitted(GRUClassifier, tokens, [0, 1, 0, 1], embedding_dim=3)
    assert plot.gates(est, tokens, sample=1)[1].get_images()[0].get_array().shape == (5, 3)


def test_bad_arguments_are_named() -> None:
    est = fitted(GRURegressor, X, Y)
    labels = fitted(GRUClassifier, X, Y > 0)  # two labels per sample
    with pytest.raises(NotFittedError):
        plot.loss_curve(GRURegressor())
    with pytest.raises(TypeError, match="est must be a GRURegressor or GRUClassifier, got int"):
        plot.loss_curve(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="est must be a GRURegressor, got GRUClassifier"):
        plot.predicted_vs_true(labels, X, Y)
    with pytest.raises(TypeError, match="est must be a GRUClassifier, got GRURegressor"):
        plot.confusion_matrix(est, X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="est predicts several labels"):
        plot.confusion_matrix(labels, X, Y > 0)
    with pytest.raises(TypeError, match="ax must be matplotlib Axes"):
        plot.loss_curve(est, ax="here")
    with pytest.raises(ValueError, match=r"y should be of shape \(40, 2\), got \(40,\)"):
        plot.predicted_vs_true(est, X, Y[:, 0])
    with pytest.raises(ValueError, match="y has fewer than two targets in every output"):
        plot.predicted_vs_true(est, X, np.full((40, 2), np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        plot.confusion_matrix(fitted(GRUClassifier, X, Y[:, 0] > 0), X, Y[:5, 0] > 0)
    with pytest.raises(ValueError, match="X"):
        plot.predicted_vs_true(est, X[:, :, :1], Y)
    with pytest.raises(ValueError, match="sample must be one of 40 samples of X, got 40"):
        plot.gates(est, X, sample=40)
    with pytest.raises(TypeError, match=r"sample must be an integer, got 1\.5"):
        plot.gates(est, X, sample=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layer must be one of 1 layers"):
        plot.gates(est, X, layer=1)
    with pytest.raises(ValueError, match="ax must be two Axes"):
        plot.gates(est, X, ax=plt.subplots()[1])
    assert len(plt.get_fignums()) == 1  # only that of the line above: a failed call opens no figure


def test_a_loaded_model_has_its_curve_and_one_without_epochs_has_none(tmp_path: Path) -> None:
    est = fitted(GRURegressor, X, Y)
    est.save(tmp_path / "m.safetensors")
    line = plot.loss_curve(fastgru.load(tmp_path / "m.safetensors")).get_lines()[0]
    np.testing.assert_array_equal(line.get_ydata(), est.loss_curve_)
    est.loss_curve_ = []
    with pytest.raises(ValueError, match="est has no loss curve"):
        plot.loss_curve(est)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    est = fitted(GRURegressor, X, Y)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'matplotlib.*pip install "fastgru\[demo\]"'):
        plot.loss_curve(est)


def test_the_module_is_imported_on_first_use_and_without_matplotlib() -> None:
    code = (
        "import sys, fastgru; before = 'fastgru.plot' in sys.modules; fastgru.plot.gates;"
        "print(before, 'matplotlib' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False False False"
