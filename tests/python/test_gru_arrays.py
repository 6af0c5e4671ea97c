"""Arrays of the layer: accepted inputs, `out`, and inputs that are never copied."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import fastgru

DTYPES = ["float32", "float64"]


def make(**options: Any) -> fastgru.GRU:
    return fastgru.GRU(3, 5, random_state=0, **options)


def unaligned(x: np.ndarray) -> np.ndarray:
    return np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape)


def every_other_byte_field(x: np.ndarray) -> np.ndarray:
    """Return a view whose strides are no multiple of the item size."""
    records = np.zeros(x.shape[:2], np.dtype([("x", x.dtype, x.shape[2]), ("odd", "i2")]))
    records["x"] = x
    return records["x"]


LAYOUTS = {
    "fortran": np.asfortranarray,
    "transposed batch": lambda x: np.ascontiguousarray(x.swapaxes(0, 1)).swapaxes(0, 1),
    "every other row": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "every other step": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other feature": lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
    "steps backwards": lambda x: x[::-1].copy()[::-1],
    "rows backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "features backwards": lambda x: x[:, :, ::-1].copy()[:, :, ::-1],
    "part of wider rows": lambda x: np.concatenate([x, x], axis=2)[:, :, : x.shape[2]],
    "unaligned": unaligned,
    "odd strides": every_other_byte_field,
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "list": lambda x: x.tolist(),
    "tuples": lambda x: tuple(map(tuple, x)),
    "objects": lambda x: x.astype(object),
    "long double": lambda x: x.astype(np.longdouble),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout_of_x_changes_nothing(layout: Any, dtype: str) -> None:
    layer = make(num_layers=2, bidirectional=True, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(6, 9, 3)).astype(dtype)
    dy = np.random.default_rng(1).normal(size=(6, 9, 10)).astype(dtype)
    y, h_n, tape = layer.forward_train(x)
    y_laid, h_laid, tape_laid = layer.forward_train(layout(x))
    np.testing.assert_array_equal(y_laid, y)
    np.testing.assert_array_equal(h_laid, h_n)
    np.testing.assert_array_equal(layer(layout(x))[0], y)
    want, got = layer.backward(tape, dy), layer.backward(tape_laid, layout(dy))
    np.testing.assert_array_equal(got.x, want.x)
    for name, gradient in want.params.items():
        np.testing.assert_array_equal(got.params[name], gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int8", "uint16", "int64", "bool"])
def test_every_real_dtype_is_converted(kind: str, dtype: str) -> None:
    layer = make(dtype=dtype)
    x = np.random.default_rng(0).integers(0, 2, (6, 4, 3)).astype(kind)
    np.testing.assert_array_equal(layer(x)[0], layer(x.astype(dtype))[0])


def test_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    layer = make()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    np.testing.assert_array_equal(layer(frame)[0], layer(x)[0])
    mixed = frame.astype({"b": "float64"}).assign(c=1)
    np.testing.assert_array_equal(layer(mixed)[0], layer(mixed.to_numpy())[0])
    np.testing.assert_array_equal(
        layer(x[:, None], lengths=pd.Series([4]))[0], layer(x[:, None], lengths=[4])[0]
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_read_only_and_broadcast_input(dtype: str) -> None:
    layer = make(dtype=dtype)
    x = np.ones((6, 4, 3), dtype)
    want = layer(x)[0]
    x.flags.writeable = False
    np.testing.assert_array_equal(layer(x)[0], want)
    np.testing.assert_array_equal(layer(np.broadcast_to(np.ones(3, dtype), (6, 4, 3)))[0], want)
    assert (x == 1).all()


@pytest.mark.parametrize("kind", ["int8", "uint64", "int32"])
def test_lengths_of_any_integer_dtype(kind: str) -> None:
    layer, x = make(), np.ones((6, 4, 3), np.float32)
    want = layer(x, lengths=[6, 2, 0, 3])[0]
    np.testing.assert_array_equal(layer(x, lengths=np.array([6, 2, 0, 3], kind))[0], want)
    np.testing.assert_array_equal(layer(x, lengths=np.array([6, 9, 2, 9, 0, 9, 3, 9], kind)[::2])[0], want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_where_the_result_goes(dtype: str) -> None:
    layer = make(dtype=dtype)
    x = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(dtype)
    want = layer(x)[0]
    outs = {
        "dense": np.empty((6, 4, 5), dtype),
        "wider": np.full((6, 4, 9), 7, dtype)[:, :, 2:7],
        "swapped": np.empty((4, 6, 5), dtype).swapaxes(0, 1),
        "backwards": np.empty((6, 4, 5), dtype)[::-1],
    }
    for name, out in outs.items():
        y, _ = layer(x, out=out)
        assert y is out, name
        np.testing.assert_array_equal(out, want, err_msg=name)
    assert (outs["wider"].base[:, :, :2] == 7).all()
    assert (outs["wider"].base[:, :, 7:] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_may_be_x_or_h0_itself(dtype: str) -> None:
    layer = fastgru.GRU(5, 5, num_layers=2, random_state=0, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(6, 4, 5)).astype(dtype)
    want = layer(x)[0]
    np.testing.assert_array_equal(layer(x.copy(), out=(same := x.copy()))[0], want)
    same[...] = x
    np.testing.assert_array_equal(layer(same, out=same)[0], want)
    shifted = np.concatenate([x, x[:1]])
    np.testing.assert_array_equal(layer(shifted[:6], out=shifted[1:])[0], want)
    h0 = np.random.default_rng(1).normal(size=(2, 4, 5)).astype(dtype)
    both = np.concatenate([h0, x])
    np.testing.assert_array_equal(layer(x, h0.copy())[0], layer(x, both[:2], out=both[:6])[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_copy_of_x_or_y(dtype: str) -> None:
    layer = fastgru.GRU(64, 4, random_state=0, dtype=dtype)
    x, out = np.zeros((1000, 32, 64), dtype), np.empty((1000, 32, 4), dtype)
    for view, target in ((x, out), (x[::-1], out[::-1])):
        tracemalloc.start()
        layer(view, out=target)
        _, peak = tracemalloc.get_traced_memory()  # NumPy reports its arrays here
        tracemalloc.stop()
        assert peak < x.nbytes // 20
