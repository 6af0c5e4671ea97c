"""The installed package: names, version, cost of the import, contents."""

from __future__ import annotations

import importlib.metadata
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import fastgru
from fastgru import _core

REPO = Path(__file__).resolve().parents[2]
HEAVY = ["sklearn", "scipy", "pandas", "matplotlib", "tqdm", "torch", "onnx", "onnxruntime"]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_import_stays_light() -> None:
    loaded = python(f"import sys, fastgru; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded == "[]"


def test_layer_runs_without_scikit_learn() -> None:
    code = (
        "import sys, numpy as np, fastgru\n"
        "fastgru.GRU(2, 3)(np.zeros((4, 1, 2), np.float32))\n"
        "fastgru.show_config, fastgru.make_windows, fastgru.load\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_estimator_is_imported_on_first_use() -> None:
    code = (
        "import sys, fastgru; before = 'sklearn' in sys.modules;"
        "fastgru.GRURegressor; print(before, 'sklearn' in sys.modules)"
    )
    assert python(code) == "False True"


def test_import_time_is_printed() -> None:
    code = (
        "import time, numpy; t = time.perf_counter(); import fastgru; fastgru.GRU; fastgru.set_num_threads;"
        "print(1e3 * (time.perf_counter() - t))"
    )
    print(f"import fastgru: {min(float(python(code)) for _ in range(5)):.1f} ms beyond NumPy's own import")


def test_every_public_name_is_there() -> None:
    for name in fastgru.__all__:
        assert getattr(fastgru, name) is not None
        assert name in dir(fastgru)
    with pytest.raises(AttributeError, match="no attribute 'LSTM'"):
        fastgru.LSTM  # type: ignore[attr-defined]  # noqa: B018


def test_public_names_are_documented() -> None:
    for name in fastgru.__all__:
        if name != "__version__":
            assert (getattr(fastgru, name).__doc__ or "").strip(), f"fastgru.{name} has no docstring"


def test_one_version_everywhere() -> None:
    version = fastgru.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert importlib.metadata.version("fastgru") == version
    assert _core.version == version
    assert f"\nversion: {version}\n" in (REPO / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version}" in (REPO / "CHANGELOG.md").read_text(encoding="utf-8")


def installed_files() -> list[tuple[str, Path]]:
    distribution = importlib.metadata.distribution("fastgru")
    if '"editable": true' in (distribution.read_text("direct_url.json") or ""):
        pytest.skip("an editable installation has no wheel's files to look at")
    entries = [(str(f), Path(str(f.locate()))) for f in distribution.files or []]
    return [(name, path) for name, path in entries if "__pycache__" not in name]


def test_wheel_carries_only_what_is_needed() -> None:
    names = [name for name, _ in installed_files() if name.startswith("fastgru/")]
    kinds = {"".join(Path(name).suffixes[-1:]) for name in names}
    library = {".h", ".hpp", ".a", ".lib", ".dll", ".dylib", ".cmake", ".pc"}  # for apps
    assert kinds <= {".py", ".pyi", ".typed", ".so", ".pyd", ".csv", ".txt", ".md"} | library, kinds
    assert sum(name.startswith("fastgru/_core.") and name.endswith((".so", ".pyd")) for name in names) == 1
    assert {"fastgru/py.typed", "fastgru/_core.pyi", "fastgru/__init__.py"} <= set(names)
    assert {"fastgru/include/fastgru/fastgru.h", "fastgru/include/fastgru/fastgru.hpp"} <= set(names)
    assert all(
        name.startswith(("fastgru/include/", "fastgru/lib/")) for name in names if name[-2:] in {".h", ".a"}
    )
    assert not [
        name for name, _ in installed_files() if "gomp" in name or name.startswith(("tests/", "bench/"))
    ]


def test_wheel_is_small() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in installed_files():
            archive.write(path, name.lstrip("./"))
    size = packed.tell()
    print(f"installed files, packed: {size / 1e6:.2f} MB")
    assert size <= 3_000_000


def test_licence_travels_with_the_package() -> None:
    metadata = importlib.metadata.metadata("fastgru")
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert any(name.endswith("LICENSE") for name, _ in installed_files())
