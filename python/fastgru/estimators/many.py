"""Many independent fits of one estimator, over all cores."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from fastgru.estimators._warning import warn_user

__all__ = ["FittedModels", "fit_many"]

_REPORT = 1.0  # seconds between two lines of progress


class FittedModels(list[Any]):
    """The estimators that `fit_many` returns, in the order of the data.

    Attributes
    ----------
    errors : dict of int to Exception
        The error of each model that could not be fitted, by its place in the list, where None stands.
    not_converged : list of int
        The places of the models whose training ended at `max_iter`, before it had converged (on threads,
        where such warnings cannot be told apart: that took `max_iter` epochs).
    """

    def __init__(self, models: Iterable[Any] = ()) -> None:
        super().__init__(models)
        self.errors: dict[int, Exception] = {}
        self.not_converged: list[int] = []


def fit_many(
    estimator: Any,
    Xs: Sequence[Any],
    ys: Sequence[Any] | None = None,
    *,
    sample_weights: Sequence[Any] | None = None,
    n_jobs: int | None = -1,
    on_error: str = "warn",
    verbose: bool = False,
) -> FittedModels:
    """Fit a copy of an estimator to each of many data sets, at once on several cores.

    A shop has one small model for each product, a plant one for each machine. Each fit runs on one thread of
    one process, and has the bits of ``clone(estimator).fit(X, y)``.

    Parameters
    ----------
    estimator : estimator
        Any estimator of this package, or another of scikit-learn; it stays as it is.
    Xs : sequence of array-like
        The data of each model, as ``fit`` takes them.
    ys : sequence of array-like, optional
        Their targets; without them ``fit(X)`` is called, as of `GRUForecaster` with a series.
    sample_weights : sequence of array-like, optional
        The weights of each model's samples; an item may be None.
    n_jobs : int or None, default=-1
        Processes: -1 for one on each core, 1 for this process alone, None for 1 or what
        ``joblib.parallel_config`` says, whose backends (Dask, Ray) are used, too.
    on_error : {"warn", "raise"}, default="warn"
        What follows when a fit fails: the others go on, and a FitFailedWarning at the end says which failed
        and why; or the error is raised at once.
    verbose : bool, default=False
        Print how many fits are done, about once a second (with Ray, at the end alone).

    Returns
    -------
    FittedModels
        A list of the fitted estimators in the order of the data, None where a fit failed; its `errors` maps
        such places to their errors, its `not_converged` lists the models that `max_iter` ended.

    Raises
    ------
    ValueError
        The sequences have unlike lengths, or `on_error` is something else.
    TypeError
        `estimator` has no ``fit``, or `Xs` no length.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru import GRURegressor, fit_many
    >>> rng = np.random.default_rng(0)
    >>> Xs = [rng.normal(size=(50, 6, 1)) for _ in range(3)]
    >>> ys = [X[:, -1, 0] for X in Xs]
    >>> models = fit_many(GRURegressor(4, random_state=0), Xs, ys, n_jobs=1)
    >>> [model.predict(X).shape for model, X in zip(models, Xs)]
    [(50,), (50,), (50,)]
    """
    if not hasattr(estimator, "fit"):
        raise TypeError(f"estimator must have a fit method, got {type(estimator).__name__}")
    if on_error not in {"warn", "raise"}:
        raise ValueError(f"on_error must be 'warn' or 'raise', got {on_error!r}")
    count = _length("Xs", Xs)
    for name, given in (("ys", ys), ("sample_weights", sample_weights)):
        if given is not None and _length(name, given) != count:
            raise ValueError(f"{name} must have as many items as Xs, {count}, got {_length(name, given)}")
    jobs = _jobs(estimator, Xs, ys, sample_weights, raises=on_error == "raise")
    results = _parallel(n_jobs)(jobs)
    models = FittedModels()
    for place, (model, error, converged) in enumerate(_reported(results, count, verbose)):
        models.append(model)
        if error is not None:
            models.errors[place] = error
        if not converged:
            models.not_converged.append(place)
    _warn(models)
    return models


def _parallel(n_jobs: int | None) -> joblib.Parallel:
    try:
        return joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # "multiprocessing" and Ray give all results at the end
        return joblib.Parallel(n_jobs=n_jobs)


def _length(name: str, given: Any) -> int:
    if isinstance(given, Mapping):
        raise TypeError(f"{name} must be a sequence, got {type(given).__name__}: pass list({name}.values())")
    try:
        return len(given)
    except TypeError:
        raise TypeError(f"{name} must be a sequence, got {type(given).__name__}") from None


def _jobs(
    estimator: Any, Xs: Any, ys: Any, sample_weights: Any, *, raises: bool
) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    targets = repeat(()) if ys is None else ((y,) for y in ys)
    weights = repeat(None) if sample_weights is None else sample_weights
    for X, y, weight in zip(Xs, targets, weights, strict=False):  # of one length, or endless
        yield joblib.delayed(_fit_one)(clone(estimator), (X, *y), weight, raises)


def _fit_one(
    model: Any, data: tuple[Any, ...], weight: Any, raises: bool
) -> tuple[Any, Exception | None, bool]:
    """Fit a model on one thread; return it, or None and its error, and whether its training converged."""
    options = {} if weight is None else {"sample_weight": weight}
    with _recorded() as caught:
        try:
            with _as_one_of_many(model):
                model.fit(*data, **options)
        except Exception as error:  # the other models go on
            sendable = _sendable(error)
            if raises and sendable is error:
                raise
            if raises:
                raise sendable from None
            return None, sendable, True
    for each in caught or ():
        if not issubclass(each.category, ConvergenceWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if caught is None:
        return model, None, getattr(model, "n_iter_", None) != getattr(model, "max_iter", 0)
    return model, None, not any(issubclass(each.category, ConvergenceWarning) for each in caught)


@contextlib.contextmanager
def _recorded() -> Iterator[list[warnings.WarningMessage] | None]:
    """Record warnings; None on a thread beside others, where Python cannot."""
    if threading.current_thread() is not threading.main_thread():
        yield None
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


@contextlib.contextmanager
def _as_one_of_many(model: Any) -> Iterator[None]:
    """Let a model train on one thread, and pass the first Ctrl-C on, which ends the other fits, too."""
    params = model.get_params()
    if "n_jobs" in params:
        model.set_params(n_jobs=1)
    model._passes_interrupts_on = True
    try:
        yield
    finally:
        del model._passes_interrupts_on
        if "n_jobs" in params:
            model.set_params(n_jobs=params["n_jobs"])


def _sendable(error: Exception) -> Exception:
    """Return an error that can come from another process; some cannot be unpickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PickleError, TypeError, ValueError, AttributeError, ImportError):
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _reported(results: Iterable[Any], count: int, verbose: bool) -> Iterator[Any]:
    """Pass results on, and print how many there are."""
    last, failed = time.monotonic(), 0
    for done, result in enumerate(results, 1):
        failed += result[1] is not None
        now = time.monotonic()
        if verbose and (now - last >= _REPORT or done == count):
            print(f"fit_many: {done} of {count} done" + (f", {failed} failed" if failed else ""), flush=True)
            last = now
        yield result


def _warn(models: FittedModels) -> None:
    """Say once for all models what went wrong with some."""
    if models.errors:
        place, error = next(iter(models.errors.items()))
        warn_user(
            f"{len(models.errors)} of {len(models)} fits failed, the first at {place}: "
            f"{type(error).__name__}: {error}. The list's errors has all.",
            FitFailedWarning,
        )
    if models.not_converged:
        warn_user(
            f"{len(models.not_converged)} of {len(models)} models reached the maximum of iterations before "
            "they had converged: see the list's not_converged.",
            ConvergenceWarning,
        )
