"""One series of a stream, in Python's numbers: for a few variables NumPy's calls take ten times as long.

The arithmetic is that of `_residuals`, operation by operation, so that both give the same bits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from fastgru.anomalies._residuals import MOST


class Rules(NamedTuple):
    """What a fitted detector's streams share; one number per variable in the lists."""

    low: list[float]
    high: list[float]
    drifts: list[bool]
    center: list[float]
    spread: list[list[float]]
    past: float | None  # the weight of the past in the running mean; None: a sequence's root mean square
    usual: float
    offset: float
    rise: float  # of the threshold after a usual step
    fall: float  # and after an anomaly

    @classmethod
    def of(cls, detector: Any, adapt: float | None) -> Rules:
        """Return the rules of a fitted detector, whose threshold moves at the rate `adapt`."""
        residuals, share = detector._residuals, detector._share
        pace = 0.0 if adapt is None else adapt * detector._unit
        return cls(
            residuals.low.tolist(),
            residuals.high.tolist(),
            residuals.drifts.tolist(),
            residuals.center.tolist(),
            residuals.spread.tolist(),
            None if detector.samples == "sequences" else float(detector.smoothing),
            detector._usual,
            detector.offset_,
            pace * share,
            pace * (1.0 - share),
        )

    @property
    def n_variables(self) -> int:
        """Values per step."""
        return len(self.center)

    def read(self, values: list[float], last: list[float]) -> list[float]:
        """Return values as the network reads them after the `last` ones (NaN: none); NaN stays."""
        return [
            _within(_change(value, before) if drifts else value, low, high)
            for value, before, drifts, low, high in zip(
                values, last, self.drifts, self.low, self.high, strict=True
            )
        ]


def _within(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value


def _change(value: float, before: float) -> float:
    return 0.0 if math.isnan(before) and not math.isnan(value) else value - before


class Row:
    """The state of one series; what its attributes hold is replaced, never changed."""

    def __init__(self, rules: Rules) -> None:
        self.known = 0  # steps read
        self.expected = rules.center
        self.last = [math.nan] * rules.n_variables  # the latest values; NaN before the first
        self.count = 0  # steps with a value
        self.total = 0.0  # their running mean, or the sum of their squares
        self.parts = [0.0] * rules.n_variables  # the same of each variable
        self.score = -rules.usual
        self.offset = rules.offset
        self.flag = 1

    def step(self, rules: Rules, values: list[float], read: list[float], changes: list[float]) -> None:
        """Score a step, given also as the network read it, and with the network's answer to it."""
        spread = rules.spread[min(self.known, len(rules.spread) - 1)]
        scaled = [
            0.0 if math.isnan(value) else min(max((value - expected) / size, -MOST), MOST)
            for value, expected, size in zip(values, self.expected, spread, strict=True)
        ]
        present = sum(not math.isnan(value) for value in values)
        self.known += 1
        self.last = [
            before if math.isnan(value) else value if drifts else within
            for value, within, before, drifts in zip(values, read, self.last, rules.drifts, strict=True)
        ]
        self.expected = [
            (center if math.isnan(last) else last) + change
            for last, center, change in zip(self.last, rules.center, changes, strict=True)
        ]
        if present:
            self._add(rules, scaled, present)
        self.flag = -1 if self.score - self.offset < 0 else 1
        self.offset += rules.rise if self.flag > 0 else -rules.fall

    def _add(self, rules: Rules, scaled: list[float], present: int) -> None:
        squares, total = [z * z for z in scaled], 0.0
        for square in squares:
            total += square
        error = math.sqrt(total / present)
        equal = 1.0 / rules.n_variables
        shares = [square / total if total else equal for square in squares]
        if rules.past is None:
            square = error * error
            self.total = self.total + square
            self.parts = [part + square * share for part, share in zip(self.parts, shares, strict=True)]
            self.count += 1
            self.score = -math.sqrt(self.total / self.count)
            return
        now = 1.0 - rules.past
        if self.count:
            self.total = self.total + now * (error - self.total)
            self.parts = [
                part + now * (error * share - part) for part, share in zip(self.parts, shares, strict=True)
            ]
        else:
            self.total, self.parts = error, [error * share for share in shares]
        self.count += 1
        self.score = -self.total

    def contributions(self, rules: Rules) -> list[float]:
        """Return the variables' parts of the score."""
        if not self.count or (rules.past is None and not self.total):
            return [-self.score / rules.n_variables] * rules.n_variables
        if rules.past is not None:
            return self.parts
        return [-self.score * part / self.total for part in self.parts]
