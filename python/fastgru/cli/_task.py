"""The forecasting task: the split in time, and defaults for the options left open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fastgru.cli._dates import step_seconds
from fastgru.cli._errors import InputError
from fastgru.cli._source import Source
from fastgru.cli._text import count
from fastgru.cli._train import Options
from fastgru.forecasting._season import find_season, usual_season

_TRAINING_SHARE = 0.8
_FEWEST_TRAINING_SAMPLES = 40


@dataclass(frozen=True)
class Task:
    """The forecasting task.

    Attributes
    ----------
    source : Source
        The series.
    split : int
        Start of the test part, which is not used before the final comparison.
    season : int or None
        Length of the season in steps.
    options : Options
        Options of the model.
    """

    source: Source
    split: int
    season: int | None
    options: Options

    def steps(self, number: int) -> str:
        """Return "1 month", "12 months"."""
        return count(number, self.source.time_unit)


def make_task(
    source: Source,
    *,
    length: int | None,
    horizon: int | None,
    season: int | None,
    hidden_size: int,
    epochs: int | None,
    seed: int,
) -> Task:
    """Split the series in time and choose the options that are None, from the training part alone.

    Raises
    ------
    InputError
        If there are too few rows, or if the training part is constant.
    """
    n_rows = len(source.values)
    split = math.floor(n_rows * _TRAINING_SHARE)
    train = source.values[:split]
    if n_rows >= 10 and (train == train[0]).all():
        raise InputError(
            f"{source.name}: the first {split} values are all {train[0]:g}: there is nothing to learn"
        )
    if season is None and n_rows >= 10:
        season = usual_season(find_season(train), split, step_seconds(source.dates))
    if horizon is None:
        horizon = 1 if season is None else min(12, max(1, season // 4))
    if length is None:
        length = 24 if season is None else min(96, max(24, 2 * season))
        room = split - horizon
        length = max(1, min(length, room // 3, room - _FEWEST_TRAINING_SAMPLES))
    _check_rows(source, split, length, horizon, season)
    return Task(source, split, season, Options(length, horizon, hidden_size, epochs, seed))


def _check_rows(source: Source, split: int, length: int, horizon: int, season: int | None) -> None:
    n_rows = len(source.values)
    wanted = math.ceil((length + horizon + _FEWEST_TRAINING_SAMPLES) / _TRAINING_SHARE)
    if n_rows < wanted:
        raise InputError(
            f"{source.name}: {n_rows} rows are too few to look back {length} and ahead {horizon}: "
            f"at least {wanted} are needed"
        )
    if season is not None and season * -(-horizon // season) > split:
        raise InputError(
            f"{source.name}: a season of {season} is longer than the training part of {split} rows"
        )
