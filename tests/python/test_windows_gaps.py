"""make_windows: the target column, and windows at gaps in the dates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastgru import make_windows

DAYS = pd.date_range("2026-01-01", periods=20)
VALUES = np.arange(60.0).reshape(20, 3)
FRAME = pd.DataFrame(VALUES, columns=["rain", "level", "wind"], index=DAYS)
HOLEY = FRAME.drop(index=DAYS[[7, 8, 15]])  # gaps before rows 7 and 13


def frames() -> list[Any]:
    columns = {name: FRAME[name].to_numpy() for name in FRAME}
    return [FRAME, pl.DataFrame(columns), pa.table(columns)]


@pytest.mark.parametrize("horizon", [1, 2])
@pytest.mark.parametrize("place", range(3))
def test_one_target_is_as_of_a_series_alone(place: int, horizon: int) -> None:
    X, _ = make_windows(VALUES, 4, horizon)
    _, y = make_windows(VALUES[:, place], 4, horizon)
    for series, target in (
        *((frame, FRAME.columns[place]) for frame in frames()),
        *((frame, place) for frame in frames()),
        (VALUES, place),
        (VALUES.tolist(), place - 3),
        (FRAME.set_axis([5, 6, 7], axis=1), place + 5),  # labels come before places
        (FRAME.set_axis([2, 1, 0], axis=1), 2 - place),
    ):
        got = make_windows(series, 4, horizon, target=target)
        np.testing.assert_array_equal(got[0], X, strict=True)
        np.testing.assert_array_equal(got[1], y, strict=True)


def test_several_targets_and_a_series() -> None:
    _, y = make_windows(FRAME, 4, 2, target=["wind", "rain"])
    _, every = make_windows(FRAME, 4, 2)
    np.testing.assert_array_equal(y.reshape(-1, 2, 2), every.reshape(-1, 2, 3)[:, :, [2, 0]])
    np.testing.assert_array_equal(
        make_windows(FRAME, 4, target=["wind"])[1], make_windows(FRAME[["wind"]], 4)[1]
    )
    one = FRAME["level"]
    for target in (None, 0, -1, "level"):
        np.testing.assert_array_equal(
            make_windows(one, 4, target=target)[1], make_windows(VALUES[:, 1], 4)[1]
        )


@pytest.mark.parametrize(
    ("series", "target", "message"),
    [
        (FRAME, "lvl", "series of 3 columns has no column 'lvl'; it has 'rain', 'level', 'wind'"),
        (FRAME, 3, "series of 3 columns has no column 3"),
        (VALUES, "rain", "series of 3 columns has no column 'rain'$"),
        (VALUES, True, "has no column True"),
        (VALUES, 1.0, "has no column 1.0"),
        (VALUES[:, 0], 1, "series of 1 columns has no column 1"),
        (FRAME, [], "target has no columns"),
        (FRAME, ["rain", "lvl"], "has no column 'lvl'"),
        (FRAME.set_axis(["a", "a", "b"], axis=1), "a", "series has 2 columns 'a'"),
    ],
)
def test_targets_that_are_not_there(series: Any, target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_windows(series, 4, target=target)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("horizon", [1, 2])
def test_skipped_windows_are_those_across_gaps(horizon: int, step: int) -> None:
    wanted = [
        make_windows(HOLEY.iloc[a:b], 3, horizon, step)
        for a, b in ((0, 7), (7, 13), (13, 17))
        if b - a >= 3 + horizon
    ]
    for series, gaps in (
        (HOLEY, "skip"),
        (HOLEY.to_numpy(), [13, 7]),
        (HOLEY, np.array([7, 13])),
        (HOLEY.to_period("D"), "skip"),
    ):
        X, y = make_windows(series, 3, horizon, step, gaps=gaps)
        np.testing.assert_array_equal(X, np.concatenate([part[0] for part in wanted]))
        np.testing.assert_array_equal(y, np.concatenate([part[1] for part in wanted]))
    one = make_windows(HOLEY["rain"], 3, horizon, step, gaps="skip")
    two = make_windows(HOLEY, 3, horizon, step, gaps="skip", target="rain")
    np.testing.assert_array_equal(one[1], two[1])


def test_a_gap_is_told_of() -> None:
    with pytest.warns(
        UserWarning, match=r"have 2 gaps, the first between rows 6 and 7 \(2026-01-07 .* 3 usual steps"
    ):
        X, _ = make_windows(HOLEY, 3)
    np.testing.assert_array_equal(X, make_windows(HOLEY.to_numpy(), 3)[0])
    with pytest.raises(ValueError, match="have 2 gaps"):
        make_windows(HOLEY, 3, gaps="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for series, gaps in (
            (HOLEY, "ignore"),
            (HOLEY, "skip"),
            (FRAME, "raise"),
            (FRAME.reset_index(drop=True), "raise"),
        ):
            make_windows(series, 3, gaps=gaps)


def series_of(dates: Any) -> pd.Series:
    return pd.Series(np.arange(float(len(dates))), index=dates)


REGULAR = {
    "months": pd.date_range("2020-01-31", periods=40, freq="ME"),
    "quarters": pd.date_range("2020-01-01", periods=12, freq="QS"),
    "years": pd.date_range("2000-01-01", periods=12, freq="YS"),
    "hours over summer time": pd.date_range("2026-03-28", periods=60, freq="h", tz="Europe/Berlin"),
    "days over summer time": pd.date_range("2026-03-20", periods=20, freq="D", tz="Europe/Berlin"),
    "working days": pd.bdate_range("2026-01-01", periods=40),
    "working days with holidays": pd.bdate_range("2026-01-01", periods=40).drop(
        pd.to_datetime(["2026-01-06", "2026-01-23", "2026-01-26"])
    ),
    "milliseconds": pd.to_datetime(np.arange(20) * 4, unit="ms"),
    "durations": pd.to_timedelta(np.arange(20), "s"),
    "periods": pd.period_range("2026-01", periods=20, freq="M"),
    "two-month periods": pd.period_range("2026-01", periods=20, freq="2M"),
    "numbers": pd.Index([0, 1, 5, 3]),
    "texts": pd.Index(list("abdc")),
}


@pytest.mark.parametrize("name", REGULAR)
def test_even_dates_have_no_gaps(name: str) -> None:
    make_windows(series_of(REGULAR[name]), 2, gaps="raise")


@pytest.mark.parametrize("name", [name for name in REGULAR if name not in ("numbers", "texts")])
@pytest.mark.parametrize("fault", ["gap", "twice", "backwards", "reversed"])
def test_uneven_dates_of_every_kind(name: str, fault: str) -> None:
    dates = REGULAR[name]
    changed = {
        "gap": lambda: dates.delete([6, 7, 8]),
        "twice": lambda: dates.insert(6, dates[5]),
        "backwards": lambda: dates.insert(9, dates[3]),
        "reversed": lambda: dates[::-1],
    }[fault]()
    words = {"gap": "gap, the first between rows 5 and 6", "twice": "repeat a date in 1 rows, first in row 6"}
    with pytest.raises(ValueError, match=words.get(fault, "run backwards in .* first in row")):
        make_windows(series_of(changed), 2, gaps="raise")


def test_what_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"no window of 8 time steps .* between the 2 gaps .* longest stretch has 7"
    ):
        make_windows(HOLEY, 7, gaps="skip")
    with pytest.raises(
        ValueError, match="gaps must be one of warn, skip, raise, ignore, or rows, got 'drop'"
    ):
        make_windows(FRAME, 3, gaps="drop")
    for gaps in ([1.5], [[1]], None):
        with pytest.raises(ValueError, match=r"gaps must be one of .* or integers"):
            make_windows(FRAME, 3, gaps=gaps)
    for gaps in ([0], [5, 20]):
        with pytest.raises(ValueError, match=r"gaps has the row (0|20), and rows after a gap are 1 to 19"):
            make_windows(FRAME, 3, gaps=gaps)
    with pytest.raises(ValueError, match="the index of series has no date in row 2"):
        make_windows(series_of(DAYS.where(np.arange(20) != 2)), 3)
    stacked = pd.concat({"a": FRAME, "b": FRAME})
    with pytest.raises(ValueError, match="series has an index of 2 levels"):
        make_windows(stacked, 3)
    assert make_windows(stacked, 3, gaps="ignore")[0].shape == (37, 3, 3)
