"""The comparison of detectors: its rivals, its tables, and what it says where a data set is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgru.datasets import load_co2


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for aeon and river with short series in their files."""
    rng = np.random.default_rng(0)
    wave = 100 + 5 * np.sin(np.arange(900) / 6) + 0.2 * rng.normal(size=900)
    for start, stop in ((93, 111), (211, 225), (328, 331), (872, 888)):
        wave[start:stop] -= 40
    river, aeon = tmp_path / "river" / "datasets", tmp_path / "aeon" / "datasets" / "data" / "KDD-TSAD_135"
    for folder in (river, aeon):
        folder.mkdir(parents=True)
    (tmp_path / "river" / "__init__.py").touch()
    (tmp_path / "aeon" / "__init__.py").touch()
    (river / "water-flow.csv").write_text(
        "Time,Flow\n" + "".join(f"t{i},{v:.3f}\n" for i, v in enumerate(wave))
    )
    labels = np.arange(900) == 600
    for part, values in (("TRAIN", wave[340:800]), ("TEST", wave + 30 * labels)):
        rows = "".join(f"{i},{v:.3f},{int(i == 600)}\n" for i, v in enumerate(values))
        path = aeon / f"135_UCR_Anomaly_InternalBleeding16_{part}.csv"
        path.write_text("timestamp,value,is_anomaly\n" + rows)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_tables_of_every_set(
    bench: Any, packages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    anomalies = bench("anomalies")
    monkeypatch.setattr(anomalies, "WINDOWS", (1, 8))
    monkeypatch.setattr(anomalies, "MADE", {"co2": load_co2})
    monkeypatch.setattr(sys, "argv", ["anomalies", "--seeds", "1", "--output", str(tmp_path / "out")])
    anomalies.main()
    text = (tmp_path / "out" / "anomalies.txt").read_text(encoding="utf-8")
    assert "KDD-TSAD_135: 900 steps, 1 of them anomalies" in text
    assert "water-flow: 900 steps, 51 of them anomalies" in text
    for name in ("GRUAnomalyDetector", *anomalies.RIVALS):
        assert text.count(f"\n{name} ") == 3


def test_a_set_that_is_not_there_is_named(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packages: Path
) -> None:
    anomalies = bench("anomalies")
    (packages / "river" / "datasets" / "water-flow.csv").unlink()
    with pytest.raises(anomalies.LeftOutError, match=r"river does not bundle datasets/water-flow\.csv"):
        anomalies.load("water-flow")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(anomalies.LeftOutError, match="aeon is not installed: pip install --no-deps aeon"):
        anomalies.load("KDD-TSAD_135")
    monkeypatch.setattr(sys, "argv", ["anomalies", "--output", str(tmp_path / "out")])
    monkeypatch.setattr(anomalies, "MADE", {})
    anomalies.main()
    assert (tmp_path / "out" / "anomalies.txt").read_text(encoding="utf-8").count("left out") == 2


def test_anomalies_are_put_where_the_labels_say(bench: Any) -> None:
    values = np.sin(np.arange(400) / 5)
    test, anomalous = bench("anomalies").spoilt(values, 3)
    assert 6 <= anomalous.sum() <= 48
    np.testing.assert_array_equal(test[~anomalous], values[~anomalous])
    assert (test[anomalous] != values[anomalous]).mean() > 0.8  # a standstill begins with the value itself
    assert not np.array_equal(bench("anomalies").spoilt(values, 4)[1], anomalous)


def test_a_window_ends_with_its_step(bench: Any) -> None:
    anomalies = bench("anomalies")
    windows = anomalies._windows(np.arange(1.0, 6.0), 3)
    np.testing.assert_array_equal(windows, [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]])
    spike = np.array([0.0, 1, 0, 1, 0, 1, 9, 0])
    for rival, _ in anomalies.RIVALS.values():
        assert rival(np.linspace(-0.5, 1.5, 60), spike, 1, 0).argmax() == 6
