"""Arrays survive the way into a file and back, and whatever goes wrong, an old file stays whole."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load as package_load
from safetensors.numpy import save as package_save

import fastgru
from fastgru import _core, _model_file

DTYPES = ["?", "u1", "i1", "i2", "u2", "f2", "i4", "u4", "f4", "c8", "f8", "i8", "u8"]


def assert_same(ours: dict[str, NDArray[Any]], others: dict[str, NDArray[Any]]) -> None:
    assert ours.keys() == others.keys()
    for name, array in ours.items():
        assert array.dtype == others[name].dtype
        assert array.shape == others[name].shape
        assert array.tobytes() == others[name].tobytes()
        assert (
            array.flags.c_contiguous and array.flags.aligned and array.flags.writeable and array.flags.owndata
        )


def arrays() -> st.SearchStrategy[dict[str, NDArray[Any]]]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    array = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(np.dtype(dtype), shapes))
    names = st.text(max_size=8).filter(lambda name: name != "__metadata__")
    return st.dictionaries(names, array, max_size=5)


@given(tensors=arrays(), metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_round_trips(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        _core.write_safetensors(path, tensors, metadata)
        content = path.read_bytes()
        ours = _core.read_safetensors(path)
        assert ours[0] == metadata
        assert_same(ours[1], tensors)
        assert_same(ours[1], package_load(content))
        with safe_open(path, framework="np") as package:
            assert (package.metadata() or {}) == metadata
        turned = dict(reversed(tensors.items()))
        _core.write_safetensors(path, turned, dict(reversed(metadata.items())))
        assert path.read_bytes() == content
        assert_same(_core.read_safetensors(package_save(tensors, metadata or None))[1], tensors)


def test_the_bytes_are_the_packages() -> None:
    tensors = {
        name: np.arange(n, dtype=d) for name, n, d in [("b", 3, "f4"), ("a\n", 2, "f4"), ("é", 1, "f8")]
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        for metadata in ({}, {"k\x01": '"\\/'}):
            _core.write_safetensors(path, tensors, metadata)
            assert path.read_bytes() == package_save(tensors, metadata or None)


def test_arrays_of_any_layout_are_written_as_they_look(tmp_path: Path) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    tensors = {
        "T": base.T,
        "step": base[::2, ::-3],
        "big-endian": base.astype(">f4"),
        "scalar": np.float64(3),
    }
    packed = np.zeros(3, dtype=[("pad", "u1"), ("x", "<f4")])
    tensors["unaligned"] = packed["x"]
    path = tmp_path / "m.safetensors"
    _core.write_safetensors(path, tensors, {})
    for name, array in _core.read_safetensors(path)[1].items():
        assert array.shape == np.shape(tensors[name])
        np.testing.assert_array_equal(array, tensors[name])


@pytest.mark.parametrize(
    ("error", "match", "tensors", "metadata"),
    [
        (TypeError, "tensor 'a' has dtype", {"a": np.zeros(2, np.longdouble)}, {}),
        (TypeError, "complex128", {"a": np.zeros(2, complex)}, {}),
        (TypeError, "object", {"a": np.array([None])}, {}),
        (TypeError, "dtype", {"a": np.array(["x"])}, {}),
        (TypeError, "name must be a str, got an object of type int", {1: np.zeros(2)}, {}),
        (ValueError, "__metadata__.*reserved", {"__metadata__": np.zeros(2)}, {}),
        (ValueError, "a tensor's name holds half a surrogate", {"\ud800": np.zeros(2)}, {}),
        (TypeError, "metadata 'k' must be a str", {}, {"k": 1}),
        (TypeError, "metadata key must be a str", {}, {1: "v"}),
    ],
)
def test_what_cannot_be_written(
    error: type[Exception], match: str, tensors: Any, metadata: Any, tmp_path: Path
) -> None:
    with pytest.raises(error, match=match):
        _core.write_safetensors(tmp_path / "m.safetensors", tensors, metadata)
    assert list(tmp_path.iterdir()) == []


# --- the file system ----------------------------------------------------------------------------------------


def small_model(path: Path, value: float = 0.0) -> None:
    _model_file.save(path, "GRU", {"n": 1}, {"a": np.full(1000, value)})


def call_load(path: Path) -> None:
    fastgru.load(path)


@pytest.mark.parametrize("call", [call_load, small_model])
def test_paths_that_are_no_files(call: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as is_directory:
        call(tmp_path)
    assert is_directory.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as not_found:
        call(tmp_path / "none" / "m.safetensors")
    assert not_found.value.filename == str(tmp_path / "none" / "m.safetensors")
    small_model(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        call(tmp_path / "file" / "m.safetensors")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        call(tmp_path / "pipe")
    with pytest.raises(OSError, match="Not a regular file"):
        call(Path("/dev/null"))
    with pytest.raises(ValueError, match="null"):
        call(Path("a\0b"))
    with pytest.raises(OSError, match="too long"):
        call(tmp_path / ("x" * 300))
    with (
        (tmp_path / "file").open("rb") as stream,
        pytest.raises(TypeError, match=r"str, bytes or os\.PathLike"),
    ):
        call(stream)  # type: ignore[arg-type]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "pipe"]


def test_str_and_path_like_and_names_of_all_kinds(tmp_path: Path) -> None:
    class Wrapped:
        def __fspath__(self) -> str:
            return str(tmp_path / "wrapped")

    for path in [
        str(tmp_path / "text"),
        tmp_path / "é😀 \n",
        Wrapped(),
        os.fsdecode(bytes(tmp_path) + b"/\xff"),
    ]:
        _model_file.save(path, "GRU", {}, {})
        assert _model_file.read(path).kind == "GRU"


CHILD = """
import os, resource, signal, sys
import numpy as np
from fastgru import _core, _model_file
folder, task = sys.argv[1:]
path = os.path.join(folder, "m.safetensors")
if task == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
elif os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    if task == "read":
        _core.read_safetensors(path)
    else:
        _model_file.save(path, "GRU", {}, {"a": np.ones(10000)})
except OSError as error:
    print(type(error).__name__, error.filename == path)
"""


def in_child(folder: Path, task: str) -> str:
    command = [sys.executable, "-c", CHILD, str(folder), task]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder another user may reach too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_full_disk_leaves_the_old_file(open_folder: Path) -> None:
    path = open_folder / "m.safetensors"
    small_model(path, 1.0)
    old = path.read_bytes()
    assert in_child(open_folder, "full") == "OSError True"
    assert path.read_bytes() == old
    assert list(open_folder.iterdir()) == [path]


def test_no_permission(open_folder: Path) -> None:
    path = open_folder / "m.safetensors"
    small_model(path, 1.0)
    old = path.read_bytes()
    path.chmod(0o000)
    assert in_child(open_folder, "read") == "PermissionError True"
    path.chmod(0o444)
    assert in_child(open_folder, "write") == "PermissionError True"  # a read-only file is not replaced
    path.chmod(0o666)
    open_folder.chmod(0o555)
    assert in_child(open_folder, "write") == "PermissionError True"
    assert path.read_bytes() == old
    assert list(open_folder.iterdir()) == [path]


def test_replacing_keeps_mode_and_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    small_model(target, 1.0)
    target.chmod(0o640)
    link.symlink_to("real")
    small_model(link, 2.0)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert _model_file.read(target).tensors["a"][0] == 2.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "real"]


def test_new_files_obey_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        small_model(tmp_path / "m")
    finally:
        os.umask(old)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640


def test_readers_see_one_whole_file_or_another(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small_model(path)
    done = threading.Event()

    def write() -> None:
        for value in range(100):
            small_model(path, value)
        done.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while not done.is_set():
        values = _model_file.read(path).tensors["a"]
        assert (values == values[0]).all()
    for writer in writers:
        writer.join()
    assert list(tmp_path.iterdir()) == [path]
