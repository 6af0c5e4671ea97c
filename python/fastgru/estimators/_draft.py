"""Fitting on a draft: an estimator changes when a fit has succeeded, and then at once."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import BaseEstimator

_Estimator = TypeVar("_Estimator", bound=BaseEstimator)

__all__ = ["draft_of", "publish"]


def draft_of(estimator: _Estimator) -> _Estimator:
    """Return an estimator of the same class with the same attributes, for a fit to write to.

    A fit that fails leaves the draft half-written, and the estimator as it was. What an attribute holds is
    shared: a fit replaces it and never changes it (lists, networks).
    """
    kind: Any = type(estimator)
    draft: _Estimator = kind.__new__(kind)
    draft.__dict__.update(vars(estimator))
    return draft


def publish(draft: BaseEstimator, estimator: BaseEstimator) -> None:
    """Give the fitted state of the draft to the estimator, in one assignment.

    What others set on the estimator during the fit (a callback that calls ``set_params``) stays. Names with a
    trailing underscore are fitted state: those that the draft does not have are gone.
    """
    others: dict[str, Any] = {
        name: value for name, value in vars(estimator).items() if not name.endswith("_")
    }
    parameters = estimator.get_params(deep=False)
    estimator.__dict__ = {**others, **vars(draft), **parameters}
