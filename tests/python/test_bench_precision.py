"""The benchmark's precisions: errors against float64, peaks of int8, further peers. Asserts no speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import oracle

import fastgru


def test_outputs_in_float64(bench: Any) -> None:
    """Plain NumPy against fastgru's reference engine, and cases it is not made for."""
    case, data, exact = bench("cases").Case, bench("data"), bench("exact")
    for made in (case("precision", "infer", 20, 5, 3, 16), case("precision", "stream", 1, 1, 3, 16)):
        arrays = data.make_data(made)
        gru = fastgru.GRU(3, 16, dtype="float64")
        gru.load_state_dict(data.weights_of(made, arrays))
        y = exact.outputs(made, arrays)
        assert exact.largest_error(y, gru(arrays["x"].astype(np.float64))[0]) < 1e-14
        assert exact.largest_error(y, y + np.float32(2**-12)) == pytest.approx(2**-12)
    for fields in ({"L": 2}, {"D": 2}, {"ragged": True}):
        other = case("core", "infer", 20, 5, 3, 16, **fields)
        with pytest.raises(ValueError, match="one layer, one direction and whole rows only"):
            exact.outputs(other, data.make_data(other))


def test_precisions_beside_each_other(bench: Any, run: Any) -> None:
    case = bench("cases").Case
    cases = [case("precision", "infer", 12, 9, 20, 96), case("precision", "stream", 1, 1, 20, 96)]
    results = run(cases, "onnxruntime")
    text = bench("report").write(results)
    labels = ["fastgru", "fastgru high", "fastgru int8"]
    if "onnxruntime" in results["versions"]:
        labels.append("onnxruntime")
    for entry in results["cases"]:
        assert entry["left_out"] == {} and list(entry["figures"]) == labels
        errors = {label: figure["float64_error"] for label, figure in entry["figures"].items()}
        assert 0 < errors["fastgru"] < 1e-6 and 0 < errors["fastgru high"] < 2e-5
        assert 1e-4 < errors["fastgru int8"] < 0.05 and errors.get("onnxruntime", 0.0) < 2e-6
        for label, figure in entry["figures"].items():
            assert ("of_fma_peak" in figure) == (entry["bound"] is not None)
            if entry["bound"] is not None:
                speed = entry["flops"] / figure["seconds"] / 1e9
                assert figure["of_fma_peak"] == pytest.approx(speed / entry["bound"]["gflops"])
            end = f"{errors[label]:.1e}"
            assert any(f" {label} " in line and line.endswith(end) for line in text.splitlines())
        assert entry["label"] in text
    assert "(1,1,20,96) step" in text


def test_precisions_are_asked_in_their_suite_alone(bench: Any, run: Any) -> None:
    peers, case = bench("peers"), bench("cases").Case
    (entry,) = run([case("core", "infer", 2, 1, 3, 8)])["cases"]
    assert set(entry["figures"]) == {"fastgru"} and "float64_error" not in entry["figures"]["fastgru"]
    limited = [name for name in peers.LIBRARIES if peers.library_of(name).suites == ("precision",)]
    assert limited == [*peers.OUR_PRECISIONS, "onednn-fpmath-bf16", "onednn-bf16"]
    assert set(peers.PEERS).isdisjoint(peers.OUR_PRECISIONS)
    results = run([case("core", "infer", 2, 1, 3, 8)], "onednn-bf16")
    assert "onednn-bf16" not in results["absent"] and set(results["cases"][0]["figures"]) == {"fastgru"}


def test_peaks_of_int8(bench: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instructions that the core has; and a process that dies of them costs the other limits nothing."""
    case, remote = bench("cases").Case("core", "infer", 2, 1, 3, 8), bench("remote")
    results = run([case])
    if "machine limits" in results["absent"]:  # no compiler
        assert "limits" not in results["machine"]
        return
    found, flags = results["machine"]["limits"]["int8_gops"], results["machine"]["vector flags"]
    assert ("VNNI" in found) == ("avx512_vnni" in flags)
    assert "AMX" not in found or {"amx_tile", "amx_int8"} <= set(flags)
    assert all(gops > 0 for gops in found.values())
    text = bench("report").write(results)
    assert ("; int8 peak GOP/s: " in text) == bool(found) and all(name in text for name in found)

    ask = remote.Worker.ask

    def dying(self: Any, do: str, timeout: float, **fields: Any) -> Any:
        if do == "int8_limits":
            raise remote.WorkerError("its process ended with signal SIGILL")
        return ask(self, do, timeout, **fields)

    monkeypatch.setattr(remote.Worker, "ask", dying)
    results = run([case])
    assert results["absent"] == {"machine limits of int8": "its process ended with signal SIGILL"}
    assert set(results["machine"]["limits"]) == {"fma_gflops", "read_gbs"}
    assert results["cases"][0]["bound"]["gflops"] > 0
    assert "int8 peak" not in bench("report").write(results)


def test_many_networks_of_jax_learn_what_one_does(bench: Any, run: Any) -> None:
    oracle("jax")
    (entry,) = run([bench("cases").Case("fit", "fit", 5, 32, 1, 4)], "jax-vmap")["cases"]
    assert entry["left_out"] == {} and 0 < entry["figures"]["jax-vmap"]["error"] <= 5e-3
    assert entry["figures"]["jax-vmap"]["seconds"] > 0


def test_a_second_build_of_onednn(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onednn = bench("peers.onednn")
    monkeypatch.delenv("DNNLROOT_NEWER", raising=False)
    with pytest.raises(ImportError, match=r"from \$DNNLROOT_NEWER, which is not set"):
        onednn.Library(1, newer=True)
    monkeypatch.setenv("DNNLROOT_NEWER", str(tmp_path))
    for fields in ({"newer": True}, {"arithmetic": "bf16"}):
        with pytest.raises(ImportError, match=r"not found in \$DNNLROOT_NEWER, /"):
            onednn.Library(1, **fields)
    for path in (tmp_path / "include" / onednn.HEADER, tmp_path / "lib" / "libdnnl.so"):
        path.parent.mkdir(parents=True)
        path.touch()
    assert onednn._find(newer=True) == (tmp_path / "include", tmp_path / "lib")
