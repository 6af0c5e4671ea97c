"""The implementation of `GRUForecaster`: fitting, forecasts, updates."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastgru.estimators._draft import draft_of, publish
from fastgru.estimators._params import PARAMETER_CONSTRAINTS
from fastgru.forecasting._calendar import CYCLES, cycles_of
from fastgru.forecasting._choose import Choice, choose, season_of
from fastgru.forecasting._containers import wrapped, wrapped_columns
from fastgru.forecasting._data import Data, read_data
from fastgru.forecasting._follow import Follower
from fastgru.forecasting._future import Future, with_future
from fastgru.forecasting._known import Unit, end_of, unit_of
from fastgru.forecasting._network import QuantileNetwork
from fastgru.forecasting._panel import Panel
from fastgru.forecasting._paths import sampled_paths
from fastgru.forecasting._quantiles import LEVELS, MEDIAN, at_levels, checked_levels, ends_of, widened
from fastgru.forecasting._steps import DIFFERENCING, SCALING, Form
from fastgru.forecasting._storage import StorageMixin, beats_naive
from fastgru.forecasting._train import Trial, default_length, final, train_more
from fastgru.forecasting._update import later_data

_Floats = NDArray[np.float64]

_NETWORK = ("hidden_size", "num_layers", "dropout", "learning_rate_init", "batch_size", "max_iter", "n_jobs")
_POSITIVE = Interval(Integral, 1, None, closed="left")
_SOME_MORE = 5  # update(refit=True) trains one in so many epochs of fit


class ForecasterBase(StorageMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Everything of `GRUForecaster` but its signatures and their documentation."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "horizon": [_POSITIVE],
        "season": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), None],
        "differencing": [StrOptions({"auto", *DIFFERENCING})],
        "window": [_POSITIVE, StrOptions({"auto"})],
        "scaling": [StrOptions(set(SCALING))],
        "calendar": [StrOptions({"auto"}), list, tuple, None],
        "past_columns": ["array-like", None],
        "strategy": [StrOptions({"direct", "recursive"})],
        "n_paths": [_POSITIVE],
        "missing": [StrOptions({"error", "mask"})],
        "calibrate": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 0.5, closed="right")],
        "verbose": ["verbose"],
        **{name: PARAMETER_CONSTRAINTS[name] for name in (*_NETWORK, "random_state")},
    }
    horizon: int
    season: int | str | None
    differencing: str
    window: int | str
    scaling: str
    calendar: str | Sequence[str] | None
    past_columns: Sequence[Hashable] | None
    strategy: str
    n_paths: int
    missing: str
    calibrate: bool
    validation_fraction: float
    max_iter: int
    random_state: Any
    verbose: bool

    # What a fit leaves, besides the public attributes.
    _shape: Panel  # the container of y, without its values
    _data: Data
    _form: Form
    _units: list[Unit]
    _network: QuantileNetwork
    _follower: Follower
    _ends: list[tuple[_Floats, float]]  # offset (horizon,) and unit after the last step of each series
    _seed: int

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _fit(self, y: Any, X: Any, static: Any) -> None:
        draft = draft_of(self)
        draft._learn(y, X, static)
        publish(draft, self)

    def _learn(self, y: Any, X: Any, static: Any) -> None:
        past = self._past()
        if past and self.strategy == "recursive":
            raise ValueError(
                "past_columns cannot be fed back: strategy='recursive' takes columns known in advance"
            )
        target, data = read_data(y, X, static, past=past, missing=self.missing, cycles=self._cycles)
        season = season_of(data) if self.season == "auto" else self.season
        season = None if season is None else int(season)
        self._check_lengths(data, season)
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        horizon = int(self.horizon) if self.strategy == "direct" else 1
        longest = max(len(each) for each in data.series)
        window = default_length(season, longest) if isinstance(self.window, str) else int(self.window)
        ordered = data.in_order()
        choice = choose(
            ordered,
            Form(horizon, "none", season or 1, self.scaling, window),
            season=season,
            differencing=self.differencing,
            length=self.window,
            share=self.validation_fraction,
            make=self._new_network,
            said=self._say if self.verbose else lambda _: None,
        )
        network = final(ordered, choice.best, self._new_network)
        self._shape = replace(target, values=(), indexes=())
        self._form, self._network = choice.best.form, network
        self._units = [unit_of(each, self._form) for each in data.series]
        self._publish(season, choice)
        self._begin(data)

    def _publish(self, season: int | None, choice: Choice) -> None:
        """Set the public attributes."""
        best = choice.best
        self.season_, self.differencing_, self.window_ = season, best.form.differencing, best.length
        self.n_iter_ = self._network.n_iter_
        self.validation_ = [_told(trial) for trial in sorted(choice.trials, key=lambda trial: trial.loss)]
        self.naive_mae_ = choice.naive
        self.beats_naive_ = beats_naive(self.validation_, self.naive_mae_)
        self.widening_ = best.widths if self.calibrate else 1.0

    def _begin(self, data: Data) -> None:
        """Read all series from their first step on."""
        self._data, self.calendar_ = data, data.cycles
        outputs = self._form.horizon * len(LEVELS)
        begun = Follower.new(self._network, len(data.series), outputs)
        steps = data.steps(self._form, self._units)
        self._follower = begun.moved(
            [each.inputs[: len(each.inputs) - data.waiting(self._form)] for each in steps]
        )
        self._ends = [end_of(known, each) for known, each in zip(data.series, steps, strict=True)]

    def _check_lengths(self, data: Data, season: int | None) -> None:
        lag = {"seasonal": season or 0, "first": 1}.get(self.differencing, 0)
        if self.differencing == "seasonal" and season is None:
            raise ValueError("differencing='seasonal' needs a season, and none was found: pass season=")
        horizon = self.horizon if self.strategy == "direct" else 1
        ahead = horizon if data.waiting(Form(horizon, "none", 1, "none", 1)) else 0
        least = lag + horizon + ahead + 4
        for place, each in enumerate(data.series):
            known = int(np.isfinite(each.y).sum())
            if known < least:
                name = "y" if len(data.series) == 1 else f"y, series {data.series[place].id!r}"
                raise ValueError(
                    f"{name} has {known} values, and at least {least} are needed to learn to look {horizon} "
                    "ahead"
                )

    def _cycles(self, index: Any) -> Sequence[str]:
        if self.calendar is None:
            return ()
        if isinstance(self.calendar, str):
            return cycles_of(index)
        unknown = [each for each in self.calendar if each not in CYCLES]
        if unknown:
            raise ValueError(
                f"calendar must be 'auto', None or some of {', '.join(CYCLES)}, got {unknown[0]!r}"
            )
        return self.calendar

    def _past(self) -> list[Hashable]:
        return [] if self.past_columns is None else list(self.past_columns)

    def _new_network(self) -> QuantileNetwork:
        return QuantileNetwork(
            **{name: getattr(self, name) for name in _NETWORK},
            loss="quantile",
            quantile=list(LEVELS),
            output="sequence",
            missing=self.missing,
            random_state=self._seed,
        )

    def _say(self, trial: Trial) -> None:
        print(
            f"[GRUForecaster] differencing={trial.form.differencing!r}, window={trial.length}: pinball loss "
            f"{trial.loss:.4g} of the naive error on the held-out end after {trial.epochs} epochs"
        )

    def _steps_ahead(self, horizon: int | None) -> int:
        check_is_fitted(self)
        wanted = self.horizon if horizon is None else horizon
        if isinstance(wanted, bool) or not isinstance(wanted, Integral) or wanted < 1:
            raise ValueError(f"horizon must be an integer of at least 1, got {wanted!r}")
        if self.strategy == "recursive" and self._form.horizon > 1:
            raise ValueError("strategy was 'direct' at fit, and is 'recursive' now: fit again")
        if self.strategy == "direct" and wanted > self._form.horizon:
            raise ValueError(
                f"horizon={wanted}, but the forecaster has learnt {self._form.horizon} steps ahead: fit with "
                "a larger horizon, or with strategy='recursive'"
            )
        return int(wanted)

    def _learnt(self, horizon: int, X: Any) -> tuple[list[_Floats], list[Any]]:
        """Return the learnt quantiles of each series, (horizon, n_levels), and the index of these steps."""
        following = {id(clock): clock.after(horizon) for clock in dict.fromkeys(self._data.clocks)}
        indexes = [following[id(clock)] for clock in self._data.clocks]
        if self.strategy == "recursive":
            paths = self._paths(self.n_paths, horizon, X)
            return [np.quantile(each, LEVELS, axis=0).T for each in paths], indexes
        answers = self._future(X, self._form.horizon).answers
        found = [
            widened(offset[:, None] + unit * answer, self.widening_)[:horizon]
            for (offset, unit), answer in zip(self._ends, answers, strict=True)
        ]
        return found, indexes

    def _future(self, X: Any, rows: int) -> Future:
        return with_future(
            self._data, self._form, self._units, self._follower, X, self._shape, rows, self._past()
        )

    def _paths(self, n_paths: Any, horizon: int, X: Any) -> list[_Floats]:
        if isinstance(n_paths, bool) or not isinstance(n_paths, Integral) or n_paths < 1:
            raise ValueError(f"n_paths must be an integer of at least 1, got {n_paths!r}")
        future = self._future(X, horizon)
        found = []
        for place, (known, unit) in enumerate(zip(self._data.series, self._units, strict=True)):
            if known.constant is not None:
                found.append(np.full((n_paths, horizon), known.constant))
                continue
            found.append(
                sampled_paths(
                    future.follower.forks(self._network, place, int(n_paths)),
                    future.answers[place, 0],
                    known.y[-max(self._form.memory, 1) :] if np.isfinite(known.y).all() else known.y,
                    self._form,
                    unit.centre,
                    unit.scale,
                    self.widening_,
                    future.others(place, self._data, horizon),
                    self._seed,
                )
            )
        return found

    def _predict(self, horizon: int | None, X: Any) -> Any:
        learnt, indexes = self._learnt(self._steps_ahead(horizon), X)
        return wrapped(self._shape, indexes, [each[:, MEDIAN] for each in learnt])

    def _predict_quantiles(self, levels: float | Sequence[float], horizon: int | None, X: Any) -> Any:
        check_is_fitted(self)
        wanted = checked_levels(levels, "levels")
        learnt, indexes = self._learnt(self._steps_ahead(horizon), X)
        columns = [(level,) for level in wanted]
        return wrapped_columns(self._shape, indexes, [at_levels(each, wanted) for each in learnt], columns)

    def _predict_interval(self, coverage: float | Sequence[float], horizon: int | None, X: Any) -> Any:
        check_is_fitted(self)
        shares = checked_levels(coverage, "coverage")
        levels = ends_of(shares)
        learnt, indexes = self._learnt(self._steps_ahead(horizon), X)
        columns = [(share, side) for share in shares for side in ("lower", "upper")]
        return wrapped_columns(self._shape, indexes, [at_levels(each, levels) for each in learnt], columns)

    def _sample_paths(self, n_paths: int | None, horizon: int | None, X: Any) -> Any:
        steps = self._steps_ahead(horizon)
        if self.strategy != "recursive":
            raise ValueError("sample_paths needs strategy='recursive', got 'direct'")
        paths = self._paths(self.n_paths if n_paths is None else n_paths, steps, X)
        return paths[0] if self._shape.kind in {"array", "series"} else np.stack(paths)

    def _update(self, y: Any, X: Any, *, refit: bool) -> None:
        check_is_fitted(self)
        draft = draft_of(self)
        data, brought = later_data(self._data, self._shape, y, X, self._past(), self.missing)
        if refit:
            draft._network = copy.deepcopy(self._network)
            epochs = max(1, self.n_iter_ // _SOME_MORE)
            train_more(draft._network, data, self._units, self._form, self.window_, epochs)
            draft._begin(data)
        else:
            draft._go_on(data, brought)
        publish(draft, self)

    def _go_on(self, data: Data, brought: Sequence[int]) -> None:
        """Read the steps that each series has brought."""
        waiting, form = data.waiting(self._form), self._form
        inputs, ends = [], []
        for place, (unit, new) in enumerate(zip(self._units, brought, strict=True)):
            if not new:
                width = self._network.n_features_in_
                inputs.append(np.empty((0, width)))
                ends.append(self._ends[place])
                continue
            known = data.series[place]
            whole = not np.isfinite(known.y).all()  # a gap may reach back to its beginning
            steps = data.steps_of(
                place, form, unit, None if whole else min(len(known), new + waiting + form.reach)
            )
            stop = len(steps.inputs) - waiting
            inputs.append(steps.inputs[max(0, stop - new) : max(0, stop)])
            ends.append(end_of(known, steps))
        self._follower, self._ends, self._data = self._follower.moved(inputs), ends, data


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "differencing": trial.form.differencing,
        "window": trial.length,
        "pinball": trial.loss,
        "mae": trial.error,
        "epochs": trial.epochs,
    }
