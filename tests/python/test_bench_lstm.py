"""GRU or LSTM (bench.lstm): data, sizes, the table, a run. Asserts no speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle

from fastgru import GRUClassifier


def test_the_parameters_are_counted(bench: Any) -> None:
    networks = bench("lstm_networks")
    X, y = np.zeros((6, 5, 3), np.float32), [0, 1, 2, 0, 1, 2]
    for hidden in (1, 8):
        own = GRUClassifier(hidden_size=hidden, max_iter=1, pooling="last").fit(X, y)._network
        assert networks.parameter_count("GRU", 3, hidden, 3) == own.parameters.size
    assert networks.parameter_count("LSTM", 3, 8, 1) == 4 * 8 * (3 + 8 + 2) + 9


def test_an_lstm_of_the_same_size_is_the_closest(bench: Any) -> None:
    networks = bench("lstm_networks")
    for inputs, hidden, outputs in ((1, 64, 1), (48, 64, 4), (12, 32, 9), (1, 1, 1)):
        wanted = networks.parameter_count("GRU", inputs, hidden, outputs)
        size = networks.same_size(inputs, hidden, outputs)
        gap = abs(networks.parameter_count("LSTM", inputs, size, outputs) - wanted)
        for other in range(1, 2 * hidden):
            assert gap <= abs(networks.parameter_count("LSTM", inputs, other, outputs) - wanted)
    assert networks.same_size(1, 64, 1) == 55


def test_torch_has_these_sizes_and_first_weights(bench: Any) -> None:
    """PyTorch's LSTM has the parameters counted; its weights are orthogonal, Glorot and zero by gate."""
    torch = oracle("torch")
    networks, sides = bench("lstm_networks"), bench("lstm_torch")
    split, variant = bench("datasets_load").Split, networks.Variant("torch", "LSTM", forget_bias=1.0)
    X, y = list(np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)), np.array([0, 1, 2] * 2)
    model = GRUClassifier(hidden_size=8, max_iter=1, random_state=0).fit(X, y)
    made = sides.make_network(variant, model, split(X, y, X, y), 7)
    assert sum(p.numel() for p in made.parameters()) == networks.parameter_count("LSTM", 3, 7, 3)
    for gate in made.layer.weight_hh_l0.chunk(4):
        assert torch.allclose(gate @ gate.T, torch.eye(7), atol=1e-5)
    assert 0 < made.layer.weight_ih_l0.abs().max() <= np.sqrt(6.0 / (3 + 7))
    biases = made.layer.bias_ih_l0.reshape(4, 7)
    assert (biases[1] == 1).all() and not biases[[0, 2, 3]].any() and not made.layer.bias_hh_l0.any()
    control = sides.make_network(networks.NETWORKS["torch GRU"], model, split(X, y, X, y), 8)
    assert sum(p.numel() for p in control.parameters()) == model._network.parameters.size


def test_series_are_split_in_time(bench: Any) -> None:
    from fastgru.datasets import load_co2, load_elnino

    data = bench("lstm_data")
    windows = data.load_set("elnino")
    values = load_elnino().values
    assert len(windows.X) + len(windows.X_test) == len(values) - 24 - 3 + 1
    assert (windows.X[0][:, 0] == values[:24].astype(np.float32)).all() and windows.y[0] == values[26]
    assert windows.y_test[-1] == values[-1]
    last = np.array([x[-1, 0] for x in windows.X_test])
    spread = np.sum((windows.y_test - windows.y_test.mean()) ** 2)
    r2 = 1.0 - np.sum((windows.y_test - last) ** 2) / spread
    assert data.trivial_score("elnino", windows) == pytest.approx(r2)
    changes = data.load_set("co2 changes")
    assert changes.y[0] == np.diff(load_co2().values)[24]
    assert data.trivial_score("co2 changes", changes) > 0.8  # the same month of the year before


def test_the_trivial_answer_is_the_most_frequent_class(bench: Any) -> None:
    x = [np.zeros((2, 1), np.float32)] * 4
    split = bench("datasets_load").Split(x, np.array(["b", "a", "b", "c"]), x, np.array(["b", "b", "b", "a"]))
    assert bench("lstm_data").trivial_score("digits", split) == 0.75


def test_epochs_are_a_number_of_updates(bench: Any) -> None:
    epochs_for = bench("lstm").epochs_for
    assert epochs_for(320, 600) == 60 and epochs_for(321, 660) == 60
    assert epochs_for(20, 600) == 200 and epochs_for(10**6, 600) == 1


def entry(bench: Any, **scores: list[float]) -> dict[str, Any]:
    names, costs = bench("lstm_networks").NETWORKS, {"seconds": [2.0, 4.0], "step": [1e-6, 3e-6]}
    return {
        "regression": False,
        "train": 40,
        "test": 20,
        "steps": [5, 9],
        "epochs": 60,
        "trivial": 0.25,
        "ridge": 0.5,
        "sizes": {name: [3, 64, 2] for name in names},
        "parameters": dict.fromkeys(names, 1234),
        "fits": {name: {"score": scores.get(name, [0.5, 0.6]), **costs} for name in names},
    }


def test_the_verdict_is_by_two_standard_errors(bench: Any) -> None:
    """An LSTM is compared with the scores of both GRUs, PyTorch's GRU with fastgru's alone."""
    table = bench("lstm_table")
    one = entry(bench, LSTM=[0.7, 0.9], fastgru=[0.4, 0.5])  # PyTorch's GRU: 0.5, 0.6
    spread = np.std([0.4, 0.5, 0.5, 0.6], ddof=1) / 2
    assert table.margin(one, "LSTM") == pytest.approx((0.3, np.hypot(0.1, spread)))
    assert table.margin(one, "torch GRU") == pytest.approx((0.1, np.hypot(0.05, 0.05)))
    results = {
        "ahead": entry(bench, LSTM=[0.9, 0.9]),
        "behind": entry(bench, LSTM=[0.2, 0.2]),
        "even": entry(bench, LSTM=[0.6, 0.6]),
    }
    assert table.verdict(results, "LSTM") == (["ahead"], ["behind"])
    assert table.verdict({"one seed": entry(bench, LSTM=[0.9], fastgru=[0.1])}, "LSTM") == ([], [])


def test_the_table_has_every_network_and_figure(bench: Any) -> None:
    results = {"waves": entry(bench), "numbers": entry(bench, LSTM=[0.9, 0.9]) | {"regression": True}}
    results["numbers"]["fits"]["LSTM"]["seconds"] = [12.0, 12.0]
    text = bench("lstm_table").table(results, ["other: left out, for a test."])
    assert all(name in text for name in bench("lstm_networks").NETWORKS)
    assert "Mean ± standard error of 2 seeds.\nother: left out, for a test." in text
    assert "LSTM against both GRUs: ahead on 1 of 2 (numbers), behind on 0 (none)" in text
    assert "0.550 ± 0.050" in text and "1234 (64)" in text and "5–9" in text
    assert "             3.00 " in text and "            12.00 " in text  # medians of seconds
    assert "1.00×            1.00×            2.00×" in text  # the mean of one ratio of 1 and one of 4


def command(repo: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.argv[1:] = {list(words)!r}; {before}\nfrom bench.lstm import main; main()"
    return subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--sets", "nonsense"), "no 'nonsense'; there are elnino, sunspots"),
        (("--seeds", "0"), "--seeds: 0 came, at least 1 is wanted"),
        (("--updates", "-3"), "--updates: -3 came, at least 1 is wanted"),
    ],
)
def test_options_that_cannot_be_used(
    repo: Path, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = command(repo, *words, "--output", str(tmp_path / "new"))
    assert done.returncode == 2 and complaint in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_without_torch_the_command_says_so(repo: Path, tmp_path: Path) -> None:
    hidden = (
        "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'torch' else f(n)"
    )
    done = command(repo, "--output", str(tmp_path / "new"), before=hidden)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "PyTorch is not installed, and the LSTM is PyTorch's: pip install torch" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_run(repo: Path, tmp_path: Path) -> None:
    """Two seeds of a series: every network is trained on the same number of epochs and learns."""
    oracle("torch")
    words = ("--sets", "co2 changes", "--seeds", "2", "--updates", "60", "--output", str(tmp_path))
    done = command(repo, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "lstm.json").read_text(encoding="utf-8"))["sets"]["co2 changes"]
    assert found["epochs"] == 5
    assert set(found["fits"]) == {
        *("fastgru", "torch GRU", "LSTM"),
        *("LSTM, forget 1", "LSTM, same size"),
    }
    for fits in found["fits"].values():
        assert len(fits["score"]) == len(fits["seconds"]) == len(fits["step"]) == 2
        assert min(fits["score"]) > 0.7 and min(fits["seconds"]) > 0 and min(fits["step"]) > 0
    assert (tmp_path / "lstm.txt").read_text(encoding="utf-8") in done.stdout
