"""make_windows against plain slicing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgru import make_windows


@settings(max_examples=200, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(1, 10),
    st.integers(1, 5),
    st.integers(1, 6),
    st.sampled_from([None, 1, 3]),
)
def test_windows_are_slices(n: int, length: int, horizon: int, step: int, features: int | None) -> None:
    series = np.random.default_rng(n).standard_normal((n,) if features is None else (n, features))
    if n < length + horizon:
        with pytest.raises(
            ValueError, match=f"series has {n} time steps, one window needs {length + horizon}"
        ):
            make_windows(series, length, horizon, step)
        return
    X, y = make_windows(series, length, horizon, step)
    starts = range(0, n - length - horizon + 1, step)
    np.testing.assert_array_equal(X, np.stack([series[s : s + length] for s in starts]))
    targets = np.stack([series[s + length : s + length + horizon] for s in starts])
    if features is None:
        np.testing.assert_array_equal(y, targets[:, 0] if horizon == 1 else targets)
    else:
        np.testing.assert_array_equal(y.reshape(-1, horizon, features), targets)
        assert y.shape == (len(starts), horizon * features)


def test_windows_are_views_and_read_only() -> None:
    series = np.arange(1000.0)
    X, _ = make_windows(series, 100)
    assert np.shares_memory(X, series) and not X.flags.writeable


@pytest.mark.parametrize(
    "form", [list, tuple, pd.Series, lambda s: s.astype(np.float32), lambda s: s.astype(np.int32)]
)
def test_forms_of_a_series(form: object) -> None:
    X, y = make_windows(form(np.arange(6.0)), 2, horizon=2, step=2)  # type: ignore[operator]
    assert X.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(X, [[0, 1], [2, 3]])
    np.testing.assert_array_equal(y, [[2, 3], [4, 5]])


def test_frames_and_objects() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4, 5, 6]})
    X, y = make_windows(frame, 2)
    np.testing.assert_array_equal(X, [[[1, 4], [2, 5]]])
    np.testing.assert_array_equal(y, [[3, 6]])
    assert make_windows(frame.astype(object), 2)[0].dtype == np.float64
