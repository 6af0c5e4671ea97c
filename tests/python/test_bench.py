"""The benchmark's code: cases, bounds, comparisons, failing processes, report. Asserts no speed."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle

from fastgru.cli import _bench
from fastgru.cli._errors import InputError

FAKE_PEER = """
import os, signal, time
from bench.peers.base import Prepared
from bench.peers.fastgru_layer import Library as Ours

class Library(Ours):
    def versions(self):
        return {{"fake": "1"}}
    def prepare(self, case, data, start):
        prepared = super().prepare(case, data, start)
        def outputs():
            {body}
        return Prepared(prepared.call, outputs, prepared.inputs)
"""
FAKES = {
    "fake_that_agrees": "return prepared.outputs()",
    "fake_that_differs": "return {'y': prepared.outputs()['y'] + 0.01}",
    "fake_that_raises": "raise RuntimeError('no such thing')",
    "fake_that_crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "fake_that_hangs": "time.sleep(600)",
}


def test_cases_have_names_of_their_own_and_survive_json(bench: Any) -> None:
    cases = bench("cases")
    every = [case for suite in cases.SUITES for case in cases.make_cases(suite)]
    assert len({case.name for case in every}) == len(every)
    assert {case.suite for case in every} == set(cases.SUITES) - {"cpp"}
    for case in every:
        assert cases.Case.from_json(json.loads(json.dumps(case.to_json()))) == case
    assert all(case.threads == 2 for case in cases.make_cases("threads", 1))
    assert [case.threads for case in cases.make_cases("heads", 3)] == [1] * 6 + [2] * 6
    assert all(case.threads == 3 for case in cases.make_cases("core", 3))


def test_the_help_names_every_suite_and_peer(
    bench: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastgru.cli import main

    monkeypatch.setenv("COLUMNS", "1000")  # no name is broken at its hyphen
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    text = capsys.readouterr().out
    for name in (*bench("cases").SUITES, *bench("peers").PEERS):
        assert name in text


def test_operations_and_bounds(bench: Any) -> None:
    bounds, case = bench("bounds"), bench("cases").Case
    T, B, I, H = 7, 32, 5, 16  # noqa: E741
    forward = 6 * H * (I + H) * B * T
    assert bounds.flops(case("core", "infer", T, B, I, H)) == forward
    assert bounds.flops(case("core", "train", T, B, I, H)) == 3 * forward
    both = bounds.flops(case("core", "infer", T, B, I, H, L=2, D=2))
    assert both == 2 * forward + 2 * 6 * H * (2 * H + H) * B * T
    ragged = case("core", "infer", 20, B, I, H, ragged=True)
    assert bounds.flops(ragged) == 6 * H * (I + H) * bounds.lengths_of(ragged).sum()

    large = bounds.bound(case("core", "infer", T, B, I, H))
    assert (large.flops, large.reads) == (forward, ())
    assert large.seconds(100.0, {}) == pytest.approx(forward / 100e9)
    one = bounds.bound(case("core", "infer", T, 1, I, H))
    assert one.reads == ((12 * H * H, T),)
    assert one.flops == 6 * H * I * T
    assert one.seconds(100.0, {12 * H * H: 50.0}) == pytest.approx(
        6 * H * I * T / 100e9 + 12 * H * H * T / 50e9
    )
    step = bounds.bound(case("streaming", "stream", 1, 1, I, H))
    assert (step.flops, step.reads) == (0.0, ((12 * H * (I + H), 1),))
    assert bounds.bound(case("fit", "fit", T, B, I, H)) is None
    assert bounds.bound(case("heads", "epoch", T, B, I, H, batches=2)) is None


def test_a_difference_is_seen(bench: Any) -> None:
    data = bench("data")
    y = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    difference = partial(data.difference, limit_of_outputs=2e-5)
    assert difference({"y": y, "x": y}, {"y": y.copy()}) == (0.0, None)
    for wrong in (y + 1e-3, np.where(y > 0.9, np.nan, y)):
        error, complaint = difference({"y": y}, {"y": wrong})
        assert complaint is not None and "y differs" in complaint
        assert not error <= 1e-4
    small = 1e-6 * y
    assert difference({"weight_hh_l0": small}, {"weight_hh_l0": 1.01 * small})[1] is not None
    assert "shape (4, 3)" in difference({"y": y}, {"y": y.T})[1]
    assert difference({"y": y}, {})[1] == "no result to compare"
    rounded = {"y": y + 1e-3, "weight_hh_l0": small}
    assert data.difference({"y": y, "weight_hh_l0": small}, rounded, 0.05)[1] is None
    assert data.difference({"weight_hh_l0": small}, {"weight_hh_l0": 1.01 * small}, 0.05)[1] is not None


def test_gate_orders(bench: Any) -> None:
    onednn, data = bench("peers.onednn"), bench("data")
    random = np.random.default_rng(0)
    r, z, n = random.standard_normal((3, 4, 5)).astype(np.float32)
    torch_order = np.concatenate([r, z, n])
    assert (data.gates_zrh(torch_order) == np.concatenate([z, r, n])).all()
    converted = onednn._to_onednn(torch_order)
    assert converted.shape == (5, 3, 4)
    assert (converted[:, 0] == z.T).all() and (converted[:, 1] == r.T).all()
    assert (onednn._from_onednn(converted) == torch_order).all()


def test_every_kind_of_case(bench: Any, run: Any, tmp_path: Path) -> None:
    """fastgru alone, and ONNX Runtime, which is compared or reported as missing."""
    case = bench("cases").Case
    cases = [
        case("core", "infer", 4, 1, 3, 8),
        case("core", "infer", 4, 9, 3, 8, L=2, D=2),
        case("core", "infer", 12, 9, 3, 8, ragged=True),
        case("training", "train", 4, 9, 3, 8),
        case("training", "train", 12, 9, 3, 8, ragged=True),
        case("streaming", "stream", 1, 1, 3, 8),
        case("fit", "fit", 5, 32, 1, 4),
        case("heads", "epoch", 5, 4, 3, 8, batches=2, classes=7),
        case("memory", "memory", 20, 9, 3, 8),
    ]
    results = run(cases, "onnxruntime")
    assert results["schema"] == 1
    assert {"date", "seconds", "machine", "settings", "versions", "absent", "cases", "cpp"} <= set(results)
    assert results["versions"]["fastgru"]
    assert [entry["label"] for entry in results["cases"]] == [case.label for case in cases]
    absent = results["absent"]
    assert ("onnxruntime" in absent) == (find_spec("onnxruntime") is None or find_spec("onnx") is None)
    for entry in results["cases"]:
        ours = entry["figures"]["fastgru"]
        if entry["case"]["kind"] == "memory":
            assert ours["bytes"] >= 0 and entry["predicted_bytes"] > 0
            continue
        assert ours["seconds"] > 0 and len(ours["rounds"]) == 2 and ours["error"] == 0.0
        if entry["case"]["kind"] == "stream":
            assert 0 < ours["p50"] <= ours["p99"] <= ours["p99.9"]
        if entry["case"]["kind"] in {"infer", "stream"} and "onnxruntime" not in absent:
            assert entry["figures"]["onnxruntime"]["error"] < 2e-5
        has_bound = entry["case"]["kind"] not in {"fit", "epoch"} and "machine limits" not in absent
        assert (entry["bound"] is not None) == has_bound
        if has_bound:
            assert entry["bound"]["seconds"] > 0 and entry["bound"]["name"]

    text = bench("report").write(results)
    for entry in results["cases"]:
        assert entry["label"] in text
    for name, reason in absent.items():
        assert f"Absent: {name}: {reason}" in text
    if find_spec("matplotlib") is not None:
        written = bench("plots").draw(results, tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == set(written)
        assert ("ratios.png" in written) == ("onnxruntime" not in absent)


def test_epochs_have_the_losses_of_torch(bench: Any, run: Any) -> None:
    """Tokens and numbers, an answer at every step and at the end, classes and one number."""
    oracle("torch")
    case = partial(bench("cases").Case, "heads", "epoch", 5, 4, 3, 8, batches=6)
    cases = [
        case(classes=9, vocabulary=9, every_step=True),
        case(classes=9, vocabulary=9),
        case(classes=7, every_step=True),
        case(classes=7),
        case(),
    ]
    results = run(cases, "torch")
    labels = ["9 classes at every step", "9 classes", "7 classes at every step", "7 classes", "1 output"]
    assert [entry["label"] for entry in results["cases"]] == [f"(5,4,3,8) {label}" for label in labels]
    for entry in results["cases"]:
        assert entry["left_out"] == {}
        ours, theirs = (entry["figures"][name] for name in ("fastgru", "torch"))
        assert 0.0 <= theirs["error"] <= 1e-4 and ours["calls"] == theirs["calls"] == 1
        assert min(*ours["rounds"], *theirs["rounds"]) > 0
    text = bench("report").write(results)
    assert all(label in text for label in labels)


def test_an_epoch_is_timed_without_the_one_before_it(bench: Any) -> None:
    timing, prepared = bench("timing"), bench("peers.base").Prepared
    asked: list[int] = []

    def epoch_seconds(epochs: int) -> float:
        asked.append(epochs)
        return 12.0 * epochs

    made = prepared(lambda: None, dict, parts=4, epoch_seconds=epoch_seconds)
    assert timing.calibrate(made, 0.06) == 1 and asked == []
    assert timing.time_batch(made, 2) == {"seconds": 3.0} and asked == [2]


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, body in FAKES.items():
        (tmp_path / f"{name}.py").write_text(FAKE_PEER.format(body=body), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")


@pytest.mark.usefixtures("fakes")
def test_a_peer_that_fails_is_named_and_the_run_goes_on(
    bench: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, case = bench("runner"), bench("cases").Case
    monkeypatch.setattr(runner, "ANSWER_SECONDS", 8.0)
    results = run([case("core", "infer", 2, 1, 3, 8)], *FAKES, "fake_that_is_not_there")
    assert set(results["absent"]) - {"machine limits"} == {"fake_that_is_not_there"}
    assert "ModuleNotFoundError" in results["absent"]["fake_that_is_not_there"]
    (entry,) = results["cases"]
    assert set(entry["figures"]) == {"fastgru", "fake_that_agrees"}
    left_out = entry["left_out"]
    assert "results differ: y differs by 1.0e-02" in left_out["fake_that_differs"]
    assert left_out["fake_that_raises"] == "RuntimeError: no such thing"
    assert "SIGSEGV" in left_out["fake_that_crashes"]
    assert left_out["fake_that_hangs"] == "no answer within 8 s"


@pytest.mark.usefixtures("fakes")
def test_a_peer_that_keeps_dying_is_given_up(bench: Any, run: Any) -> None:
    case = bench("cases").Case
    cases = [case("core", "infer", steps, 1, 1, 2) for steps in range(1, 5)]
    cases.append(case("training", "infer", 5, 1, 1, 2))
    entries = run(cases, "fake_that_crashes")["cases"]
    reasons = [entry["left_out"]["fake_that_crashes"] for entry in entries]
    assert ["SIGSEGV" in reason for reason in reasons] == [True, True, True, False, True]
    assert reasons[3] == "died or hung 3 times in this suite"


def test_cases_for_more_cores_than_there_are(bench: Any, run: Any) -> None:
    case = bench("cases").Case
    results = run([case("core", "infer", 2, 1, 3, 8), case("core", "infer", 2, 1, 3, 8, threads=4096)])
    assert len(results["cases"]) == 1
    assert results["absent"]["threads"].startswith("4096 cores wanted")


def run_module(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def bench_command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_module("fastgru", "bench", *words, cwd=cwd)


def test_the_command(repo: Path, tmp_path: Path) -> None:
    words = ("--quick", "--rounds", "1", "--cases", "core", "--match", "(1,1,1,8)", "--peers", "none")
    done = bench_command(*words, "--output", str(tmp_path / "new"), cwd=repo)
    assert done.returncode == 0, done.stderr
    assert "(1,1,1,8)" in done.stdout
    results = json.loads((tmp_path / "new" / "bench.json").read_text(encoding="utf-8"))
    assert [entry["label"] for entry in results["cases"]] == ["(1,1,1,8)"]
    assert (tmp_path / "new" / "bench.txt").read_text(encoding="utf-8") in done.stdout

    earlier = str(tmp_path / "new" / "bench.json")
    again = bench_command("--redraw", earlier, "--output", str(tmp_path / "new"), cwd=repo)
    assert (again.returncode, again.stdout) == (0, done.stdout)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--cases", "cores"), "--cases: no 'cores'; there are core, training"),
        (("--peers", "torch,theano"), "--peers: no 'theano'; there are torch,"),
        (("--match", "no such case"), "--match 'no such case': no case has that in its name"),
        (("--redraw", "nothing.json"), "--redraw nothing.json: "),
        (("--rounds", "0"), "a whole number from 1 to 1000 is wanted"),
    ],
)
def test_options_that_cannot_be_used(
    repo: Path, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = bench_command(*words, "--output", str(tmp_path / "new"), cwd=repo)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_without_a_checkout_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_bench, "__file__", str(tmp_path / "site" / "fastgru" / "cli" / "_bench.py"))
    with pytest.raises(InputError, match="run this command in a checkout"):
        _bench.find_checkout()


def test_the_checkout_is_found_from_below(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo / "tests")
    assert _bench.find_checkout() == repo


def test_scores_of_data_sets(repo: Path, tmp_path: Path) -> None:
    """Only the digits, which come with scikit-learn; the other data sets need sktime."""
    words = ("--sets", "digits", "--seeds", "1", "--torch-seeds", "0", "--output", str(tmp_path))
    done = run_module("bench.datasets", *words, cwd=repo)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "datasets.json").read_text(encoding="utf-8"))["digits"]
    assert found["scores"]["fastgru"][0] >= 0.97
    assert found["train"] + found["test"] == 1797
    assert (tmp_path / "datasets.txt").read_text(encoding="utf-8") in done.stdout


def test_modules_of_torch(bench: Any, repo: Path) -> None:
    """Both modules train and step to the same numbers; the command prints a ratio for each case."""
    oracle("torch")
    modules = bench("torch_module")
    for training in (True, False):
        case = modules.Case(training, 6 if training else 1, 3, 4, 5)
        calls = modules.prepared(case)
        assert list(calls) == ["fastgru.torch.GRU", "torch.nn.GRU"]
        assert 0 <= modules.apart(calls) < 1e-5
        next(iter(calls.values()))()  # one call ahead: seen
        assert modules.apart(calls) > 1e-4
    done = run_module("bench.torch_module", "--rounds", "1", "--seconds", "0", cwd=repo)
    assert done.returncode == 0, done.stderr
    for case in modules.CASES:
        assert f"{case}: fastgru.torch.GRU" in done.stdout
    assert done.stdout.count("; ratio ") == len(modules.CASES)


def test_unknown_data_sets_are_refused(repo: Path, tmp_path: Path) -> None:
    done = run_module("bench.datasets", "--sets", "nonsense", "--output", str(tmp_path / "new"), cwd=repo)
    assert done.returncode == 2
    assert "no 'nonsense'; there are JapaneseVowels" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("module", "options", "wanted"),
    [
        ("bench.pools", ["--rows", "5", "--rounds", "1"], "512 ->  512: a stream each"),
        (
            "bench.fit_many",
            ["--models", "2", "--windows", "32", "--jobs", "1"],
            "a mini-batch; the same bits",
        ),
        ("bench.busy", ["--rounds", "1", "--seconds", "0", "--cases", "1"], "twin, threads 2: median"),
    ],
)
def test_many_sequences_models_and_processes(
    repo: Path, module: str, options: list[str], wanted: str
) -> None:
    done = run_module(module, *options, cwd=repo)
    assert done.returncode == 0, done.stderr
    assert wanted in done.stdout
