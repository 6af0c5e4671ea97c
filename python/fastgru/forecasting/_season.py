"""The length of the season of a series.

A season is a line of the spectrum: it stands far above the noise at the frequencies beside it, whatever the
trend. The lines give candidates. The season is the one whose cycles foretell each other best. Cycles whose
length varies (sunspots) make no line; the autocorrelation shows them.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

_FALSE_ALARMS = 0.004  # expected number of lines in noise, before the safety factor
_SAFETY = 1.5  # the background is itself estimated
_CLIP = 6.0  # robust standard deviations beyond which a value counts as an outlier
_LEAST_SHARE = 0.1  # of the variance that a season explains
_STRONGEST = 8  # lines whose multiples are candidates
_MULTIPLES = 12
_CALENDAR = (
    3600.0,
    86400.0,
    7 * 86400.0,
    365.25 * 86400.0,
)  # usual seasons in seconds: hour, day, week, year
_SLOW = 16  # a line this many times slower than the season is a slow wave under it: a year under days


def find_season(series: _Floats) -> int | None:
    """Return the length of the season in steps, or None.

    Parameters
    ----------
    series : ndarray of shape (n,), float64
        Finite values. Trends, random walks, slow waves and outliers may be there.

    Returns
    -------
    int or None
        At least 2, at most a third of `series`. Of a short season (a day) on top of a long one (a year), the
        short one. None if there is no season, or too much noise to be sure of one.
    """
    if len(series) < 12:
        return None
    return _from_lines(series) or _from_cycles(series)


def usual_season(found: int | None, n_rows: int, seconds: float | None) -> int | None:
    """Return the season of the calendar, if `n_rows` rows cannot tell the detected one from it.

    344 days in four years become 365.
    """
    if found is None or seconds is None:
        return found
    for usual in (length / seconds for length in _CALENDAR):
        if abs(found - usual) <= min(0.07 * usual, max(0.5, found**2 / (2 * n_rows))):
            return round(usual)
    return found


def _from_lines(series: _Floats) -> int | None:
    """Return the season that the lines of the spectrum show."""
    changes = np.diff(series)  # flattens trends and random walks
    changes -= np.median(changes)
    largest, outliers = float(np.abs(series).max()), False
    lines, power = _lines(changes, largest)
    if not len(lines):
        outliers = (
            True  # an outlier's flat spectrum buries the lines; clipping would flatten a season of spikes
        )
        lines, power = _lines(_clip(changes), largest)
    first = _first_peak(lines, power, len(series) // 3) if len(lines) else None
    if first is None:
        return None
    periods = (len(power) - 1) * 2 / lines[np.argsort(-power[lines])][:_STRONGEST]
    shares = {
        period: _share(series, period, period, outliers)
        for period in _candidates(first, periods, len(series) // 3)
    }
    best = max(shares, key=lambda period: (shares[period], -period))
    if shares[best] < max(_LEAST_SHARE, 4.0 * np.sqrt(2.0 * best) / len(series), 2.0 / np.sqrt(len(series))):
        return None
    # A multiple of the season explains as much, and by chance a little more: the shortest such period is it.
    season = next(
        period
        for period, share in shares.items()
        if period == best
        or (share > _LEAST_SHARE and _share(series, period, best, outliers) >= 0.8 * shares[best])
    )
    return _refine(series, season, outliers)


def _lines(changes: _Floats, largest: float) -> tuple[NDArray[np.int64], _Floats]:
    """Return the bins of the lines, and at those bins the power relative to the background (elsewhere 0).

    Parameters
    ----------
    changes : ndarray of shape (n,), float64
        The changes of the series from step to step.
    largest : float
        Largest absolute value of the series: its rounding errors are no season.

    Returns
    -------
    lines : ndarray of shape (n_lines,), int64
        Ascending. Bin k belongs to the period ``2 * n / k``: n values tell every other bin apart.
    power : ndarray of shape (n + 1,), float64
        Power of the changes above the background, in and beside the lines.
    """
    n = len(changes)
    window = np.hanning(n + 2)[1:-1]
    power = np.abs(np.fft.rfft((changes - changes.mean()) * window, 2 * n)) ** 2
    above = np.zeros_like(power)
    if power.max() <= 1e-20 * largest**2 * n:
        return np.empty(0, np.int64), above
    power += 1e-10 * power.max()
    background = _background(power)
    wanted = np.full(n + 1, np.log(n / _FALSE_ALARMS) * _SAFETY)  # noise has an exponential distribution
    wanted[-3:] *= 2.0  # but at a period of 2 the square of a normal one, whose tail is twice as long
    padded = np.append(power, 0.0)
    high = (padded[1:-1] >= padded[:-2]) & (padded[1:-1] > padded[2:]) & (power > wanted * background)[1:]
    lines = 1 + np.flatnonzero(high)
    lines = np.array(
        [k for k in lines if k >= 6 and power[k] > wanted[k] * _beside(power, int(k))], dtype=np.int64
    )
    for shift in range(-2, 3):  # the window spreads a line over these bins
        bins = np.clip(lines + shift, 0, n)
        above[bins] = np.maximum(power[bins] - background[bins], 0.0)
    return lines, above


def _background(power: _Floats) -> _Floats:
    """Return the smooth spectrum of the noise: medians of bands of frequency, connected in logarithms."""
    edges = [1]
    while edges[-1] < len(power):
        edges.append(max(edges[-1] + 16, int(edges[-1] * 1.25)))
    if len(edges) > 2 and len(power) - edges[-2] < 12:
        del edges[-2]
    edges[-1] = len(power)
    bands = list(itertools.pairwise(edges))
    levels = [float(np.median(np.log(power[start:stop]))) for start, stop in bands]
    centres = [float(np.log((start + stop - 1) / 2)) for start, stop in bands]
    frequencies = np.log(np.maximum(np.arange(len(power)), 1))
    background: _Floats = np.exp(np.interp(frequencies, centres, levels)) / np.log(2)  # mean, from the median
    return background


def _beside(power: _Floats, k: int) -> float:
    """Return the background right beside a line: a broad hump, as smoothing makes it, is no line."""
    levels = [0.0]
    for reach in (min(k // 2, 16), min(k // 2, 80)):
        near = np.concatenate((power[max(k - reach, 2) : max(k - 4, 2)], power[k + 5 : k + reach + 1]))
        if len(near) >= 8:
            levels.append(float(np.median(near)) / np.log(2))
    return max(levels)


def _first_peak(lines: NDArray[np.int64], power: _Floats, longest: int) -> int | None:
    """Return the first high peak of the autocorrelation that the lines alone have."""
    correlation = np.fft.irfft(power)[: longest + 2]
    peaks = _peaks(correlation)
    return int(peaks[correlation[peaks] >= 0.7 * correlation[peaks].max()][0]) if len(peaks) else None


def _peaks(values: _Floats) -> NDArray[np.int64]:
    """Return the positions of the local maxima from 2 on."""
    inner = values[1:-1]
    peaks = 1 + np.flatnonzero((inner >= values[:-2]) & (inner > values[2:]))
    return peaks[peaks >= 2]


def _candidates(first: int, periods: _Floats, longest: int) -> list[int]:
    """Return the whole periods beside the first peak, the lines and their multiples, ascending.

    A season whose first harmonics are weak shows lines at fractions of itself only.
    """
    found = {first}
    for period in (first, *periods[periods <= _SLOW * first]):
        for multiple in period * np.arange(1, _MULTIPLES + 1):
            found.update((int(np.floor(multiple)), int(np.ceil(multiple))))
    return sorted(period for period in found if 2 <= period <= longest)


def _share(series: _Floats, period: int, window: int, outliers: bool) -> float:
    """Return the share of variance that a season foretells, each value by the others of its phase.

    Parameters
    ----------
    series : ndarray of shape (n,), float64
        The series.
    period : int
        Length of the season.
    window : int
        Steps of the moving average that is subtracted before.
    outliers : bool
        Whether to clip outliers.

    Returns
    -------
    float
        1 for a series that repeats; about 0 or less without a season, or with fewer than two.
    """
    rest = _without_average(series, window)
    if outliers:
        rest = _clip(rest)
    rest = rest - rest.mean()
    phase = np.arange(len(rest)) % period
    number = np.bincount(phase, minlength=period)
    total = float(np.square(rest).sum())  # no BLAS, whose threads would wait for each other
    if number.min() < 2 or total == 0.0:
        return -1.0
    mean = np.bincount(phase, rest, minlength=period) / number
    error = (rest - mean[phase]) * (number / (number - 1))[phase]
    return 1.0 - float(np.square(error).sum()) / total


def _without_average(series: _Floats, window: int) -> _Floats:
    """Return a series less its centred moving average, without the ends if they are few."""
    n, half = len(series), window // 2
    sums = np.concatenate(([0.0], np.cumsum(series)))
    start = np.maximum(np.arange(n) - half, 0)
    stop = np.minimum(np.arange(n) + half + 1, n)
    rest: _Floats = series - (sums[stop] - sums[start]) / (stop - start)
    return rest[half : n - half] if n - 2 * half >= 2 * window else rest


def _clip(values: _Floats) -> _Floats:
    """Return values with outliers drawn in, unless more than half are equal."""
    middle = np.median(values)
    reach = _CLIP * 1.4826 * np.median(np.abs(values - middle))
    return np.clip(values, middle - reach, middle + reach) if reach > 0.0 else values


def _refine(series: _Floats, season: int, outliers: bool) -> int:
    """Return the best of the periods that the spectrum cannot tell from `season`."""
    spread = max(1, int(np.ceil(season**2 / (2 * len(series)))))
    near = range(max(2, season - spread), min(len(series) // 3, season + spread) + 1)
    return max(near, key=lambda period: _share(series, period, period, outliers))


def _from_cycles(series: _Floats) -> int | None:
    """Return the mean length of a cycle that comes at least ten times, from two peaks of autocorrelation."""
    n = len(series)
    steps = np.arange(n) - (n - 1) / 2
    rest = series - series.mean()
    rest = rest - steps * ((steps * rest).sum() / np.square(steps).sum())
    if np.abs(rest).max() <= 1e-12 * np.abs(series).max():
        return None
    longest = n // 4
    covariance = np.fft.irfft(np.abs(np.fft.rfft(rest, 2 * n)) ** 2)[: longest + 2]
    correlation = covariance / covariance[0] * (n / (n - np.arange(longest + 2)))
    peaks = _peaks(correlation)
    height = correlation[peaks]
    depth = height - np.minimum.accumulate(correlation)[peaks]
    peaks = peaks[(peaks >= 4) & (peaks <= n // 10) & (height > max(0.25, 4.0 / np.sqrt(n))) & (depth > 0.5)]
    if not len(peaks):
        return None
    cycle = int(peaks[np.argmax(correlation[peaks])])
    beside, quarter = max(1, cycle // 6), cycle // 4
    second = correlation[2 * cycle - beside : 2 * cycle + beside + 1].max()
    trough = correlation[cycle + quarter : 2 * cycle - quarter + 1].min()
    return cycle if second > 0.15 and trough < -0.05 and second - trough > 0.3 else None
