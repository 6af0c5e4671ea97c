"""A model file of which a single bit, or the sign of one weight, has changed is refused: by its checksum."""

from __future__ import annotations

import ctypes
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import fastgru
from fastgru import ModelFormatError, _core

SAVED = Path(__file__).resolve().parents[1] / "saved_models"
SEALED = sorted(p for p in SAVED.glob("v3/*.safetensors") if p.name != "answers.safetensors")
LoadBytes = Callable[[bytes], str]


def header_of(file: bytes) -> dict[str, dict[str, object]]:
    (size,) = struct.unpack("<Q", file[:8])
    header: dict[str, dict[str, object]] = json.loads(file[8 : 8 + size])
    return header


def flipped(file: bytes, bit: int) -> bytes:
    changed = bytearray(file)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def sign_bits(file: bytes) -> list[int]:
    """The place of the sign of every number in the file's tensors."""
    (size,) = struct.unpack("<Q", file[:8])
    bits = []
    for name, entry in header_of(file).items():
        if name != "__metadata__":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])  # type: ignore[attr-defined]
            width = {"F32": 4, "F64": 8}[str(entry["dtype"])]
            bits += [8 * (at + width) - 1 for at in range(begin, end, width)]
    return bits


def changes(count: int) -> Iterator[tuple[str, bytes]]:
    """`count` changed files: half with one bit flipped anywhere, half with the sign of a number changed."""
    rng = np.random.default_rng(2026)
    files = [path.read_bytes() for path in SEALED]
    signs = [sign_bits(file) for file in files]
    for i in range(count):
        which = int(rng.integers(len(files)))
        bit = int(rng.integers(8 * len(files[which]))) if i % 2 else int(rng.choice(signs[which]))
        yield f"{SEALED[which].name}, bit {bit}", flipped(files[which], bit)


def test_ten_thousand_changes_are_refused(load_bytes_in_c: LoadBytes, tmp_path: Path) -> None:
    assert len(SEALED) >= 10
    for path in SEALED:
        assert load_bytes_in_c(path.read_bytes()) == ""
    refused = by_checksum = 0
    changed = tmp_path / "m.safetensors"
    for what, file in changes(10_000):
        message = load_bytes_in_c(file)
        assert message != "", what
        refused += 1
        by_checksum += message.startswith("ChecksumMismatch: ")
        if refused % 50 == 0:
            changed.write_bytes(file)
            with pytest.raises(ModelFormatError) as error:
                fastgru.load(changed)
            assert message[:120] in str(error.value)
    print(f"{refused} changed files refused, {by_checksum} of them by the checksum")
    assert by_checksum > refused // 2


@pytest.mark.parametrize("kind", ["layer_float64", "classifier"])
def test_every_bit_of_the_header_counts(kind: str, load_bytes_in_c: LoadBytes) -> None:
    file = (SAVED / "v3" / f"{kind}.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", file[:8])
    for bit in range(8 * (8 + size)):
        assert load_bytes_in_c(flipped(file, bit)) != "", f"bit {bit % 8} of byte {bit // 8}"


def test_two_bits_a_swap_and_a_longer_file(load_bytes_in_c: LoadBytes) -> None:
    """CRC-32 finds every change of two bits in a file of this size, and of a run of 32."""
    file = (SAVED / "v3" / "regressor.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", file[:8])
    rng = np.random.default_rng(3)
    for one, other in rng.choice(np.arange(8 * (8 + size), 8 * len(file)), size=(1000, 2)):
        if one != other:
            assert load_bytes_in_c(flipped(flipped(file, int(one)), int(other))).startswith(
                "ChecksumMismatch"
            )
    at = 8 + size
    swapped = file[:at] + file[at + 8 : at + 16] + file[at : at + 8] + file[at + 16 :]
    assert load_bytes_in_c(swapped).startswith("ChecksumMismatch")
    assert load_bytes_in_c(file + b"\0").startswith("MetadataIncompleteBuffer")


def test_anybody_can_compute_the_checksum() -> None:
    """docs/model-file.md: CRC-32 of the file, with zeros for the digits of the checksum."""
    for path in SEALED:
        file = path.read_bytes()
        said = _core.read_safetensors(path)[0]["checksum"]
        blank = file.replace(f'"checksum":"{said}"'.encode(), b'"checksum":"00000000"')
        assert f"{zlib.crc32(blank):08x}" == said


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_files_before_the_checksum_have_none(version: str, load_bytes_in_c: LoadBytes) -> None:
    for path in (SAVED / version).glob("[clr]*.safetensors"):
        assert "checksum" not in _core.read_safetensors(path)[0]
        assert load_bytes_in_c(path.read_bytes()) == ""


@pytest.fixture(scope="module")
def load_bytes_in_c(c_library: ctypes.CDLL) -> LoadBytes:
    def load(file: bytes) -> str:
        handle, message = ctypes.c_void_p(), ctypes.create_string_buffer(512)
        size = ctypes.c_size_t(len(file))
        if c_library.fastgru_model_load_memory(file, size, ctypes.byref(handle), message) != 0:
            return message.value.decode()
        c_library.fastgru_model_free(handle)
        return ""

    return load
