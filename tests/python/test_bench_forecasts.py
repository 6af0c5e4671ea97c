"""The comparison of forecasts: its table, its numbers, and what it says where a package is not there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_forecaster import wave
from stand_in_forecaster import Average


def made(bench: Any, **options: Any) -> Any:
    setting = bench("forecasts_load").Setting
    return setting(**{"horizon": 4, "season": 12, "contents": "made", **options})


@pytest.fixture
def settings(bench: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Short series in place of the real ones, and a forecaster that needs no training."""

    class GRUForecaster(Average):
        def __init__(self, horizon: int, season: Any, random_state: int, n_jobs: int) -> None:
            super().__init__(horizon, bias=random_state)
            self.season, self.random_state, self.n_jobs = season, random_state, n_jobs

    panel = pd.DataFrame({"a": wave(90, 1), "b": wave(90, 2)})

    def absent() -> Any:
        return bench("forecasts_load")._package("no_such_package.data")

    found = {
        "one": made(bench, load=lambda: (wave(90), None)),
        "two": made(bench, load=lambda: (panel, None), most_seeds=1),
        "none": made(bench, load=absent),
    }
    monkeypatch.setattr(bench("forecasts").fastgru, "GRUForecaster", GRUForecaster)
    for module in ("forecasts", "forecasts_load", "forecasts_table"):
        monkeypatch.setattr(bench(module), "SETTINGS", found)
    return found


def test_table_and_numbers(
    bench: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--seeds", "2", "--output", str(tmp_path)])
    bench("forecasts").main()
    numbers = json.loads((tmp_path / "forecasts.json").read_text(encoding="utf-8"))
    assert [len(numbers[name]) for name in ("one", "two")] == [2, 1]
    lines = (tmp_path / "forecasts.txt").read_text(encoding="utf-8").splitlines()
    assert "none: left out, no_such_package is not installed." in lines
    own = [each["scores"]["GRUForecaster"]["MASE"] for each in numbers["one"]]
    naive = numbers["one"][0]["scores"]["seasonal naive"]["MASE"]
    row = next(line for line in lines if line.startswith("one "))
    assert row.split()[1] == f"{np.mean(own):.3f}"
    assert f"{naive:.3f}" in row
    assert len({line.split()[0] for line in lines if line.startswith(("one ", "two "))}) == 2
    assert sum("8" in line and "of 8" in line for line in lines) == 2


def test_real_series_have_their_lengths(bench: Any) -> None:
    load = bench("forecasts_load").load
    for name, shape in (("airline", (144,)), ("sunspots", (3120,)), ("co2", (451,)), ("nino", (732, 4))):
        y, X = load(name)
        assert (y.shape, X) == (shape, None)


def test_unknown_sets_are_named(bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--sets", "moon"])
    with pytest.raises(SystemExit):
        bench("forecasts").main()
    assert "--sets: no 'moon'; there are airline, co2" in capsys.readouterr().err
