"""What is usual: the range of values, the spread of residuals, the threshold of scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fastgru.anomalies._residuals import Residuals

_Floats = NDArray[np.float64]
Predict = Callable[[list[_Floats]], list[_Floats]]  # what the network reads to the changes it expects

# Of normal numbers |v|, the quantiles 0.5 and 0.9 in standard deviations.
_MEDIAN, _NINE_TENTHS = 0.6744897501960817, 1.6448536269514722
_MARGIN = 0.05  # the share of values at each end that may be anything
_KNOWN = 16  # steps after which a residual is taken to be as small as later ones
_LONG = 50  # steps of which a trend can be told
_TREND = 0.7  # of the middle nine tenths: a straight line's medians of fifths move by 0.89
_JUMP = 0.6  # of the way of a trend: more in one fifth is a jump
_FEWEST = 8  # residuals that have a spread of their own
_MOST_STARTS = 256
_FINEST = 1e-3  # the least spread, in standard deviations of the variable
_FENCE = 2.5  # in distances from the median to the quantile 0.9, of logarithms


def drifting(series: list[_Floats]) -> NDArray[np.bool_]:
    """Return which variables have a trend, judged by the longest series.

    The medians of its fifths all move in one direction, together by most of the width of its values, and no
    single one by most of that.
    """
    longest = max(series, key=len)
    return np.array([len(longest) >= _LONG and _has_trend(column) for column in longest.T])


def _has_trend(values: _Floats) -> bool:
    parts = [part[~np.isnan(part)] for part in np.array_split(values, 5)]
    if min(map(len, parts)) == 0:
        return False
    low, high = np.nanquantile(values, [_MARGIN, 1 - _MARGIN])
    moves = np.diff([np.median(part) for part in parts])
    way = abs(moves.sum())
    one_way = bool((moves > 0).all() or (moves < 0).all())
    return one_way and bool(way > _TREND * (high - low) and np.abs(moves).max() < _JUMP * way)


def changes_of(series: list[_Floats]) -> _Floats:
    """Return each value's change from the latest one before it, NaN where there is none: (n, n_variables)."""
    found = []
    for part in series:
        changes = np.full_like(part, np.nan)
        for column, values in enumerate(part.T):
            rows = np.flatnonzero(~np.isnan(values))
            changes[rows[1:], column] = np.diff(values[rows])
        found.append(changes)
    return np.concatenate(found)


def normal_range(values: _Floats) -> tuple[_Floats, _Floats]:
    """Return the lowest and the highest value of each variable (n, n_variables) that the network reads.

    The range of the middle nine tenths, and once more its width on both sides. A variable that hardly ever
    differs from one value keeps its whole range.
    """
    low, high = np.nanquantile(values, [_MARGIN, 1 - _MARGIN], axis=0)
    width = high - low
    rare = width <= 0
    low, high = low - width, high + width
    return (
        np.where(rare, np.nanmin(values, axis=0), low),
        np.where(rare, np.nanmax(values, axis=0), high),
    )


def robust_spread(residuals: _Floats) -> _Floats:
    """Return the spread of each column (n, n_variables), which a tenth of outliers does not change.

    The larger of two estimates of a normal distribution's standard deviation: with heavy tails the second is.
    NaN is left out; a column without values has the spread 0.
    """
    spread = np.zeros(residuals.shape[1])
    for column, values in enumerate(np.abs(residuals.T)):
        present = values[~np.isnan(values)]
        if len(present):
            half, most = np.quantile(present, [0.5, 0.9])
            spread[column] = max(half / _MEDIAN, most / _NINE_TENTHS)
    return spread


def least_spread(values: _Floats) -> _Floats:
    """Return the smallest spread that residuals of these values (n, n_variables) may be given."""
    size = np.nanmax(np.abs(values), axis=0)
    fallback = np.where(size > 0, size, 1.0) * 1e-6  # of a constant
    deviation = np.nanstd(values, axis=0) * _FINEST
    return np.where(deviation > 0, deviation, fallback)


def measured(
    predict: Predict, held: list[_Floats], residuals: Residuals, least: _Floats, *, whole: bool
) -> _Floats:
    """Return the spread of residuals after 0, 1, 2, ... steps, the last row for all later ones.

    Parameters
    ----------
    predict : callable
        The network's answers.
    held : list of ndarray of shape (n_timesteps_i, n_variables)
        Series, or ends of series, that training has not seen.
    residuals : Residuals
        Whose first row of `spread` is that of the first step.
    least : ndarray of shape (n_variables,)
        No spread is smaller.
    whole : bool
        Whether `held` are whole sequences, which begin as others do. If not, a series may begin anywhere.
    """
    long = max(len(part) for part in held)
    known = max(1, min(_KNOWN, long - 1))
    late, early = _raw(predict, held, residuals), []
    steady = [part[known:] for part in late if len(part) > known]
    starts = held if whole else _windows(held, known)
    for part in late if whole else _raw(predict, starts, residuals):
        early.append(_padded(part[:known], known))
    at = np.stack(early)  # (starts, known, n_variables)
    after_first = np.concatenate([part[1:] for part in late])
    last = robust_spread(np.concatenate(steady) if steady else after_first)
    rows = [residuals.spread[0]]
    for k in range(1, known):
        enough = np.count_nonzero(~np.isnan(at[:, k]), axis=0) >= _FEWEST
        rows.append(np.where(enough, robust_spread(at[:, k]), last))
    rows.append(last)
    # Who knows less of a series is not surer of it.
    table = np.maximum.accumulate(np.stack(rows)[::-1], axis=0)[::-1]
    return np.maximum(table, least)


def threshold(usual: _Floats, every: _Floats) -> float:
    """Return the error above which a step or sequence is an anomaly.

    The upper fence of the logarithms of the `usual` errors, those that training has not seen: errors are
    skewed, their logarithms nearly symmetric. It lies below the largest of `every` error of the training
    data: its most abnormal step is always an anomaly.
    """
    middle, most = np.quantile(usual, [0.5, 0.9])
    fence = middle * (most / middle) ** _FENCE if middle > 0 else most
    return float(min(fence, np.nextafter(every.max(), 0.0)))


def unit(scores: _Floats) -> float:
    """Return the size of the usual changes of scores."""
    middle, most = np.quantile(scores, [0.5, 0.9])
    return float(most - middle) or 1.0


def _raw(predict: Predict, parts: list[_Floats], residuals: Residuals) -> list[_Floats]:
    """Return the residuals of each series, in its own unit."""
    readings = [residuals.reading(part) for part in parts]
    changes = predict([reading.inputs for reading in readings])
    return [
        part - residuals.expected(reading.seen, change)
        for part, reading, change in zip(parts, readings, changes, strict=True)
    ]


def _windows(parts: list[_Floats], length: int) -> list[_Floats]:
    """Return at most so many windows that they are quick to predict, evenly over all series."""
    starts = [(part, start) for part in parts for start in range(max(1, len(part) - length + 1))]
    stride = -(-len(starts) // _MOST_STARTS)
    return [part[start : start + length] for part, start in starts[::stride]]


def _padded(part: _Floats, length: int) -> _Floats:
    missing = np.full((length - len(part), part.shape[1]), np.nan)
    return np.concatenate([part, missing])
