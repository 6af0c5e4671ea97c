"""Files from strangers: each way to be wrong has its name, and the verdict is the safetensors package's."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load as package_load
from safetensors.numpy import save as package_save

import fastgru
from fastgru import ModelFormatError, _core


def with_length(length: int, rest: bytes) -> bytes:
    return struct.pack("<Q", length) + rest


def file(header: str | bytes, data: bytes = b"") -> bytes:
    text = header.encode() if isinstance(header, str) else header
    return with_length(len(text), text + data)


def tensor(dtype: str = '"F32"', shape: str = "[1]", offsets: str = "[0,4]", more: str = "") -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{more}}}'


def one(*args: str, data: bytes = bytes(4), **named: str) -> bytes:
    """A file of one tensor named a."""
    return file(f'{{"a":{tensor(*args, **named)}}}', data)


T = tensor()
U8 = tensor('"U8"', "[1]", "[0,1]")
EMPTY = tensor('"F32"', "[0]", "[0,0]")
D = bytes(range(4))

GOOD: dict[str, bytes] = {
    "one tensor": one(),
    "no tensors": file("{}"),
    "white space before": file(f' \t\r\n{{"a":{T}}}', D),
    "white space after": file(f'{{"a":{T}}} \t\r\n', D),
    "white space inside": file('{ "a" :\n{"dtype" : "F32", "shape":\t[ 1 ] , "data_offsets": [0 ,4 ]}}', D),
    "metadata": file(f'{{"__metadata__":{{"k":"v","":""}},"a":{T}}}', D),
    "metadata null": file(f'{{"__metadata__":null,"a":{T}}}', D),
    "metadata with an escape in its key": file(f'{{"__metadat\\u0061__":{{"k":"v"}},"a":{T}}}', D),
    "unknown field": one(more=',"x":{"y":[1,null,true,-2.5e-3,"\\u00e9",{}]}'),
    "unknown field twice": one(more=',"x":1,"x":2'),
    "unknown field of 30 digits": one(more=',"x":123456789012345678901234567890'),
    "unknown field near the end of doubles": one(more=',"x":1.7976931348623157e308'),
    "unknown field that underflows": one(more=',"x":1e-99999999999'),
    "unknown field nested as deep as may be": one(more=',"x":' + "[" * 125 + "]" * 125),
    "entry as an array": file('{"a":["F32",[1],[0,4]]}', D),
    "dtype as an object": one(dtype='{"F32":null}'),
    "dtype with an escape": one(dtype='"F\\u00332"'),
    "scalar": one(shape="[]"),
    "empty": one(shape="[0]", offsets="[0,0]", data=b""),
    "empty, but long otherwise": one('"U8"', "[0,9223372036854775807]", "[0,0]", data=b""),
    "64 dimensions": one('"U8"', "[" + "1," * 63 + "1]", "[0,1]", data=b"x"),
    "empty ones in one place": file(
        f'{{"a":{EMPTY},"b":{EMPTY},"c":{T}}}', D
    ),
    "empty one at the end": file(f'{{"a":{T},"b":{tensor(shape="[3,0]", offsets="[4,4]")}}}', D),
    "entries in another order than their bytes": file(f'{{"b":{tensor(offsets="[4,8]")},"a":{T}}}', D + D),
    "not aligned": file(f'{{"a":{U8},"b":{tensor(offsets="[1,5]")}}}', b"x" + D),
    "empty name": file(f'{{"":{T}}}', D),
    "names with escapes": file(f'{{"\\u0000\\n\\"\\ud83d\\ude00":{T}}}', D),
    "names in UTF-8": file(f'{{"é€😀\uffff\x7f":{T}}}', D),
}  # fmt: skip

BAD: list[tuple[str, str, bytes]] = [
    ("HeaderTooSmall", "nothing", b""),
    ("HeaderTooSmall", "7 bytes", bytes(7)),
    ("HeaderTooLarge", "limit + 1", with_length(100_000_001, b"{}")),
    ("HeaderTooLarge", "2**63", with_length(2**63, b"{}")),
    ("HeaderTooLarge", "2**64 - 1", with_length(2**64 - 1, b"{}")),
    ("HeaderTooLarge", "no known format", b"\xff\xfe is no safetensors file"),
    ("NotSafetensors", "a zip archive", b"PK\x03\x04 is no safetensors file"),
    ("NotSafetensors", "a text file", b"this is no safetensors file"),
    ("InvalidHeaderLength", "one too many", with_length(3, b"{}")),
    ("InvalidHeaderLength", "the limit", with_length(100_000_000, b"{}")),
    ("InvalidHeaderUtf8", "0xff", file(b'{"\xff":' + T.encode() + b"}", D)),
    ("InvalidHeaderUtf8", "a surrogate", file(b'{"\xed\xa0\x80":' + T.encode() + b"}", D)),
    ("InvalidHeaderUtf8", "overlong", file(b'{"\xc0\x80":' + T.encode() + b"}", D)),
    ("InvalidHeaderUtf8", "after the JSON", file(b"{} \xff")),
    ("InvalidHeaderJson", "length 0", bytes(8)),
    ("InvalidHeaderJson", "byte order mark", file(f'\ufeff{{"a":{T}}}', D)),
    ("InvalidHeaderJson", "an array", file("[]")),
    ("InvalidHeaderJson", "null", file("null")),
    ("InvalidHeaderJson", "a number", file("1")),
    ("InvalidHeaderJson", "NUL at the end", file(f'{{"a":{T}}}\0', D)),
    ("InvalidHeaderJson", "one brace more", file(f'{{"a":{T}}}}}', D)),
    ("InvalidHeaderJson", "one brace less", file(f'{{"a":{T}', D)),
    ("InvalidHeaderJson", "trailing comma", file(f'{{"a":{T},}}', D)),
    ("InvalidHeaderJson", "no comma", file(f'{{"a":{T}"b":{T}}}', D)),
    ("InvalidHeaderJson", "no colon", file(f'{{"a"{T}}}', D)),
    ("InvalidHeaderJson", "key without quotes", file(f"{{a:{T}}}", D)),
    ("InvalidHeaderJson", "a comment", file(f'{{/**/"a":{T}}}', D)),
    ("InvalidHeaderJson", "vertical tab", file("{\x0b}")),
    ("InvalidHeaderJson", "control character", file(f'{{"\x01":{T}}}', D)),
    ("InvalidHeaderJson", "unknown escape", file(f'{{"\\x41":{T}}}', D)),
    ("InvalidHeaderJson", "lone high surrogate", file(f'{{"\\ud800":{T}}}', D)),
    ("InvalidHeaderJson", "lone low surrogate", file(f'{{"\\udc00":{T}}}', D)),
    ("InvalidHeaderJson", "NaN", file('{"a":NaN}')),
    ("InvalidHeaderJson", "leading zero", one(shape="[01]")),
    ("InvalidHeaderJson", "no digit after the point", one(more=',"x":1.')),
    ("InvalidHeaderJson", "minus alone", one(more=',"x":-')),
    ("InvalidHeaderJson", "number out of range", one(more=',"x":1e309')),
    ("InvalidHeaderJson", "number just out of range", one(more=',"x":1.7976931348623159e308')),
    ("InvalidHeaderJson", "lone surrogate where nobody looks", one(more=',"x":"\\ud800"')),
    ("InvalidHeaderJson", "nested one too deep", one(more=',"x":' + "[" * 126 + "]" * 126)),
    ("InvalidHeaderJson", "a million brackets", one(more=',"x":' + "[" * 1_000_000)),
    ("InvalidHeaderJson", "a million objects", one(more=',"x":' + '{"x":' * 1_000_000)),
    ("InvalidMetadata", "a list", file(f'{{"__metadata__":[],"a":{T}}}', D)),
    ("InvalidMetadata", "a number in it", file(f'{{"__metadata__":{{"k":1}},"a":{T}}}', D)),
    ("InvalidMetadata", "null in it", file(f'{{"__metadata__":{{"k":null}},"a":{T}}}', D)),
    ("InvalidMetadata", "a tensor", file(f'{{"__metadata__":{T}}}', D)),
    ("InvalidTensorEntry", "null", file('{"a":null}')),
    ("InvalidTensorEntry", "true", file('{"a":true}')),
    ("InvalidTensorEntry", "a number", file(f'{{"a":{T},"z":1}}', D)),
    ("InvalidTensorEntry", "short array", file('{"a":["F32",[1]]}', D)),
    ("InvalidTensorEntry", "long array", file('{"a":["F32",[1],[0,4],1]}', D)),
    ("InvalidTensorEntry", "no dtype", file('{"a":{"shape":[1],"data_offsets":[0,4]}}', D)),
    ("InvalidTensorEntry", "no shape", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', D)),
    ("InvalidTensorEntry", "no data_offsets", file('{"a":{"dtype":"F32","shape":[1]}}', D)),
    ("InvalidTensorEntry", "dtype 17", one(dtype="17")),
    ("InvalidTensorEntry", "dtype {}", one(dtype="{}")),
    ("InvalidTensorEntry", "dtype of two", one(dtype='{"F32":null,"F64":null}')),
    ("InvalidTensorEntry", "dtype with contents", one(dtype='{"F32":[]}')),
    ("InvalidTensorEntry", "shape null", one(shape="null")),
    ("InvalidTensorEntry", "shape -1", one(shape="[-1]")),
    ("InvalidTensorEntry", "shape -0", one(shape="[-0]", offsets="[0,0]", data=b"")),
    ("InvalidTensorEntry", "shape 1.0", one(shape="[1.0]")),
    ("InvalidTensorEntry", "shape 1e0", one(shape="[1e0]")),
    ("InvalidTensorEntry", "shape true", one(shape="[true]")),
    ("InvalidTensorEntry", "shape text", one(shape='["1"]')),
    ("InvalidTensorEntry", "shape 2**64", one(shape="[18446744073709551616]")),
    ("InvalidTensorEntry", "one offset", one(offsets="[0]")),
    ("InvalidTensorEntry", "three offsets", one(offsets="[0,4,8]")),
    ("InvalidTensorEntry", "offsets in an object", one(offsets='{"0":0,"1":4}')),
    ("InvalidTensorEntry", "negative offset", one(offsets="[-4,0]")),
    ("DuplicateKey", "__metadata__", file(f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{T}}}', D)),
    ("DuplicateKey", "dtype", one(more=',"dtype":"F32"')),
    ("DuplicateKey", "shape", one(more=',"sh\\u0061pe":[1]')),
    ("DuplicateKey", "tensor, elsewhere", file(f'{{"a":{T},"a":{tensor(offsets="[4,8]")}}}', D + D)),
    ("UnknownDtype", "lower case", one(dtype='"f32"')),
    ("UnknownDtype", "F128", one(dtype='"F128"')),
    ("UnknownDtype", "empty", one(dtype='""')),
    ("UnsupportedDtype", "BF16", one('"BF16"', "[2]")),
    ("UnsupportedDtype", "F8_E4M3", one('"F8_E4M3"', "[4]")),
    ("UnsupportedDtype", "F4", one('"F4"', "[8]")),
    ("TooManyDimensions", "65", one('"U8"', "[" + "1," * 64 + "1]", "[0,1]", data=b"x")),
    ("TooManyDimensions", "10**5", one('"U8"', "[" + "0," * 100_000 + "0]", "[0,0]", data=b"")),
    ("ValidationOverflow", "one dimension", one(shape="[18446744073709551615]")),
    ("ValidationOverflow", "their product", one(shape="[4294967296,4294967296]")),
    ("ValidationOverflow", "their bytes", one('"F64"', "[2305843009213693952]")),
    (
        "ValidationOverflow",
        "fits its offsets",
        one('"U8"', "[9223372036854775808]", "[0,9223372036854775808]"),
    ),
    ("ValidationOverflow", "empty", one(shape="[0,18446744073709551615]", offsets="[0,0]", data=b"")),
    ("ValidationOverflow", "empty, bytes", one(shape="[0,9223372036854775807]", offsets="[0,0]", data=b"")),
    ("ValidationOverflow", "empty at the end", one('"U8"', "[4294967296,4294967296,0]", "[0,0]", data=b"")),
    ("InvalidOffset", "hole at the start", one(offsets="[4,8]", data=D + D)),
    ("InvalidOffset", "hole between", file(f'{{"a":{T},"b":{tensor(offsets="[5,9]")}}}', D + D + b"x")),
    ("InvalidOffset", "same place", file(f'{{"a":{T},"b":{T}}}', D)),
    ("InvalidOffset", "overlap", file(f'{{"a":{T},"b":{tensor(offsets="[3,7]")}}}', D + D)),
    ("InvalidOffset", "end before begin", file(f'{{"a":{T},"b":{tensor(offsets="[4,0]")}}}', D)),
    ("InvalidOffset", "near 2**63", one(offsets="[9223372036854775803,9223372036854775807]")),
    ("InvalidOffset", "near 2**64", one(offsets="[18446744073709551611,18446744073709551615]")),
    ("TensorInvalidInfo", "too few bytes", one(shape="[2]")),
    ("TensorInvalidInfo", "too many bytes", one(shape="[]", offsets="[0,8]", data=D + D)),
    ("TensorInvalidInfo", "empty with bytes", one(shape="[0]")),
    ("TensorInvalidInfo", "offset 2**63 - 1", one(offsets="[0,9223372036854775807]")),
    ("TensorInvalidInfo", "offset 2**64 - 1", one(offsets="[0,18446744073709551615]")),
    ("MetadataIncompleteBuffer", "bytes left over", one(data=D + b"x")),
    ("MetadataIncompleteBuffer", "bytes missing", one(data=D[:3])),
    ("MetadataIncompleteBuffer", "bytes and no tensor", file("{}", b"x")),
    ("MetadataIncompleteBuffer", "2**60 bytes", one('"U8"', f"[{2**60}]", f"[0,{2**60}]")),
]

# The format forbids these, the package takes the last of each: the one place where the verdicts differ.
ONLY_OURS_REFUSES: dict[str, bytes] = {
    "tensor": file(f'{{"a":{T},"a":{T}}}', D),
    "tensor, escaped": file(f'{{"a":{T},"\\u0061":{T}}}', D),
    "metadata": file(f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{T}}}', D),
}


def package_accepts(content: bytes) -> bool:
    try:
        package_load(content)
    except Exception:  # noqa: BLE001  # it raises SafetensorError, KeyError or ValueError
        return False
    return True


def verdict(content: bytes) -> str:
    """'' if we read it, else the name of the error."""
    try:
        _core.read_safetensors(content)
    except ModelFormatError as error:
        return str(error).split(":", 1)[0]
    return ""


def assert_same(ours: dict[str, NDArray[Any]], others: dict[str, NDArray[Any]]) -> None:
    assert ours.keys() == others.keys()
    for name, array in ours.items():
        assert (array.dtype, array.shape) == (others[name].dtype, others[name].shape)
        assert array.tobytes() == others[name].tobytes()
        assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(GOOD[name])
    metadata, tensors = _core.read_safetensors(path)
    assert_same(tensors, package_load(GOOD[name]))
    with safe_open(path, framework="np") as package:
        assert metadata == (package.metadata() or {})
    again = _core.read_safetensors(GOOD[name])
    assert again[0] == metadata
    assert_same(again[1], tensors)


@pytest.mark.parametrize(("error", "name", "content"), BAD, ids=[f"{e}-{n}" for e, n, _ in BAD])
def test_bad(error: str, name: str, content: bytes, tmp_path: Path) -> None:
    assert not package_accepts(content), name
    with pytest.raises(ModelFormatError, match=f"^{error}: ") as from_bytes:
        _core.read_safetensors(content)
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError) as from_path:
        _core.read_safetensors(path)
    assert str(from_path.value).endswith(f"m.safetensors': {from_bytes.value}")
    assert len(str(from_bytes.value)) < 300
    with pytest.raises(ValueError, match=error):
        fastgru.load(path)


def test_every_named_error_is_in_the_table() -> None:
    named = {error for error, _, _ in BAD}
    assert named == {
        *(
            "NotSafetensors",
            "HeaderTooSmall",
            "HeaderTooLarge",
            "InvalidHeaderLength",
            "InvalidHeaderUtf8",
            "InvalidHeaderJson",
        ),
        *("InvalidMetadata", "InvalidTensorEntry", "DuplicateKey", "UnknownDtype", "UnsupportedDtype"),
        *("TooManyDimensions", "ValidationOverflow", "InvalidOffset", "TensorInvalidInfo"),
        "MetadataIncompleteBuffer",
    }


@pytest.mark.parametrize("name", ONLY_OURS_REFUSES)
def test_duplicates_are_refused_though_the_package_takes_them(name: str) -> None:
    assert package_accepts(ONLY_OURS_REFUSES[name])
    assert verdict(ONLY_OURS_REFUSES[name]) == "DuplicateKey"


def test_booleans_are_made_0_and_1() -> None:
    content = one('"BOOL"', "[4]", data=bytes([0, 1, 2, 255]))
    assert _core.read_safetensors(content)[1]["a"].view(np.uint8).tolist() == [0, 1, 1, 1]


def test_cut_at_every_byte() -> None:
    arrays = {"a": np.arange(3, dtype=np.float32), "b": np.zeros((0, 2)), "c": np.array(True)}
    content = package_save(arrays, {"k": "é"})
    assert verdict(content) == ""
    for size in range(len(content)):
        assert verdict(content[:size]) != ""
        assert not package_accepts(content[:size])


TOKENS = [
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"0", b"1", b"9", b"-", b".", b"e", b"E", b"+"),
    *(
        b"null",
        b"true",
        b"\\u0041",
        b"\\ud83d\\ude00",
        b"\\ud800",
        b"\\n",
        b"dtype",
        b"shape",
        b"data_offsets",
    ),
    *(b"F32", b"BOOL", b"BF16", b"18446744073709551615", b"18446744073709551616", b"9223372036854775807"),
    *(b"1e308", b"1e309", b"1.7976931348623158e308", b"0e99999999999", b'"__metadata__":', b'"x":', b"\x00"),
    *(b"\x1f", b"\xc3\xa9", b"\xff", b"\xed\xa0\x80", b"\t", b"[0,0]", b"[0,4]", b"[]", b"{}", T.encode()),
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    length = min(struct.unpack("<Q", content[:8])[0], len(content) - 8)
    header, data = bytearray(content[8 : 8 + length]), content[8 + length :]
    for _ in range(rng.choice([1, 1, 1, 1, 2, 5])):
        at, end = rng.randrange(len(header) + 1), rng.randrange(len(header) + 1)
        match rng.randrange(5):
            case 0:
                header[at:at] = rng.choice(TOKENS)
            case 1:
                del header[at : at + rng.choice([1, 1, 2, 9])]
            case 2:
                header[at : at + rng.choice([1, 1, 2, 5])] = rng.choice(TOKENS)
            case 3:
                header[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                header[at:at] = header[min(at, end) : max(at, end)]
    length = len(header) + (0 if rng.random() < 0.97 else rng.choice([-1, 1, 2**63]))
    return with_length(max(length, 0), bytes(header) + data[: rng.choice([len(data)] * 9 + [0])])


def test_mutants_get_the_verdict_of_the_package() -> None:
    rng = random.Random(20240607)
    seeds = [content for content in GOOD.values() if len(content) < 500]
    accepted = 0
    for _ in range(40_000):
        content = mutated(rng.choice(seeds), rng)
        ours = verdict(content)
        if ours == "DuplicateKey":
            continue
        assert (ours == "") == package_accepts(content), (ours, content)
        accepted += ours == ""
    assert accepted > 1000


PEAK = """
import sys
from fastgru import _core
def peak():  # of this program alone: getrusage's would count what its parent had when it forked
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
_core.read_safetensors(b"\\2" + bytes(7) + b"{}")
before = peak()
try:
    _core.read_safetensors(sys.argv[1])
except ValueError as error:
    print(peak() - before, error)
"""


@pytest.mark.parametrize(
    "header",
    [
        '{"a":["U8",[0],[0,0]],' + ",".join(f'"{i:x}":["U8",[0],[0,0]]' for i in range(1_000_000)) + "",
        '{"__metadata__":{' + ",".join(f'"{i:x}":""' for i in range(2_000_000)),
        '{"a":{"x":[' + "[]," * 7_000_000,
        '{"a":{"x":"' + "\\u0041" * 4_000_000,
        '{"' + "\\n" * 10_000_000,
        ",".join(f'{"" if i else "{"}"{i:x}":["U8",[{"0," * 63}0],[0,0]]' for i in range(150_000)),
    ],
    ids=["tensors", "metadata", "brackets", "a text", "a name", "dimensions"],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures memory through /proc")
def test_a_hostile_header_takes_no_more_memory_than_four_files(header: str, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(file(header))
    command = [sys.executable, "-c", PEAK, str(path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    used = int(answer.split()[0])
    print(f"{path.stat().st_size / 1e6:.1f} MB read with {used / 1e6:.1f} MB: {answer[:120]}")
    assert "InvalidHeaderJson" in answer
    assert used < 4 * path.stat().st_size
