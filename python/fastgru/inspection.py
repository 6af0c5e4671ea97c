"""Which features and which time steps a fitted estimator relies on."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_consistent_length, check_random_state

from fastgru._containers import Given, read

__all__ = ["permutation_importance"]


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    over: str = "features",
    n_steps: int = 1,
    scoring: str | Callable[..., Any] | Iterable[str] | dict[str, Any] | None = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Return how much the score falls when one feature, or one time step, is exchanged between samples.

    :func:`sklearn.inspection.permutation_importance` for sequences: a feature moves as a whole series, so
    that its course over time stays what it was, and a time step moves with all its features. Features that
    tell the same share their importance, and each has little.

    Parameters
    ----------
    estimator : object
        A fitted estimator, or a pipeline.
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
        Sequences as the estimator's ``predict`` takes them, best those not seen by ``fit``.
    y : array-like
        Their targets, as the estimator's ``score`` takes them.
    over : {"features", "time"}, default="features"
        What is exchanged. Of sequences of unlike length, only features: one sample's series is brought to
        another's length by repeating or leaving out steps evenly. The steps of time need one length.
    n_steps : int, default=1
        With ``over="time"``: how many consecutive steps are exchanged together. Single steps of a long series
        matter little.
    scoring : str, callable, list, dict or None, default=None
        The score, as in scikit-learn; None: the estimator's own. Several scores are a list or a dict.
    n_repeats : int, default=5
        How many random orders of the samples are tried.
    random_state : int, RandomState instance or None, default=None
        Decides those orders. All features (or steps) are exchanged in the same ones.
    sample_weight : array-like, default=None
        Weights of the score, as its scorer takes them.

    Returns
    -------
    result : sklearn.utils.Bunch, or dict of them by the name of the score
        ``importances`` of shape (n_features, n_repeats), or (ceil(n_timesteps / n_steps), n_repeats): the
        score less the one after the exchange; ``importances_mean`` and ``importances_std`` over the repeats.

    Raises
    ------
    ValueError
        Another `over`, a number below 1, X without samples, or ``over="time"`` for sequences of unlike
        length.
    TypeError
        A number is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru import GRURegressor
    >>> from fastgru.inspection import permutation_importance
    >>> X = np.random.default_rng(0).normal(size=(200, 6, 3))
    >>> y = X[:, 4, 1]
    >>> est = GRURegressor(hidden_size=16, max_iter=40, random_state=0).fit(X, y)
    >>> int(permutation_importance(est, X, y, random_state=0).importances_mean.argmax())
    1
    >>> int(permutation_importance(est, X, y, over="time", random_state=0).importances_mean.argmax())
    4
    """
    if over not in ("features", "time"):
        raise ValueError(f"over must be 'features' or 'time', got {over!r}")
    n_steps, n_repeats = _at_least_one("n_steps", n_steps), _at_least_one("n_repeats", n_repeats)
    check_consistent_length(X, y, sample_weight)
    given = _Sequences(X)
    places = given.features() if over == "features" else given.times(n_steps)
    random = check_random_state(random_state)
    orders = [random.permutation(len(given.tables)) for _ in range(n_repeats)]
    scorer = check_scoring(estimator, scoring=scoring)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}

    def fall(exchanged: Any) -> Any:
        return scorer(estimator, exchanged, y, **weights)

    before = fall(X)
    after = [[fall(given.exchanged(place, order)) for order in orders] for place in places]
    if not isinstance(before, dict):
        return _bunch(before, after)
    return {name: _bunch(before[name], [[score[name] for score in row] for row in after]) for name in before}


def _bunch(before: float, after: list[list[float]]) -> Bunch:
    importances = before - np.array(after, dtype=np.float64)
    return Bunch(
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
        importances=importances,
    )


_Place = tuple[slice, slice]  # steps, features


class _Sequences:
    """An X as a table (n_timesteps, n_features) for each sample, and back in a container like its own."""

    def __init__(self, X: Any) -> None:
        self.given, self.read = X, read(X)
        # Of an array without an axis of features, the columns are the steps.
        parts = [np.asarray(part) for part in self.read.values]
        self.tables = [part[:, np.newaxis] if part.ndim == 1 else part for part in parts]
        self.lengths = [len(table) for table in self.tables]
        if not self.tables:
            raise ValueError("X has no samples")

    def features(self) -> list[_Place]:
        return [(slice(None), slice(f, f + 1)) for f in range(self.tables[0].shape[1])]

    def times(self, n_steps: int) -> list[_Place]:
        length = self.lengths[0]
        if set(self.lengths) != {length}:
            raise ValueError(
                f"over='time' needs sequences of one length, got {min(self.lengths)} to {max(self.lengths)} "
                "time steps: a step of one has no counterpart in another"
            )
        return [(slice(t, t + n_steps), slice(None)) for t in range(0, length, n_steps)]

    def exchanged(self, place: _Place, order: NDArray[np.intp]) -> Any:
        """Return X with sample i's values at `place` taken from sample ``order[i]``."""
        tables = [table.copy() for table in self.tables]
        for i, table in enumerate(tables):
            donor = self.tables[order[i]]
            if len(donor) != len(table):
                donor = donor[np.arange(len(table)) * len(donor) // len(table)]
            table[place] = donor[place]
        if isinstance(self.read.values, list):
            values: Any = tables
        else:
            values = np.stack(tables).reshape(self.read.values.shape)
        if self.read.frame is None:
            return values
        if hasattr(self.given, "iloc") and isinstance(values, np.ndarray) and values.ndim == 2:
            return type(self.given)(
                values, columns=self.given.columns
            )  # other steps of a pipeline read pandas
        return Given(values, self.read.frame)  # with the names of the features


def _at_least_one(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {value!r}")
    return number
