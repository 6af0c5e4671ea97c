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
    before = dict(vars(estimator))
    draft.__dict__.update(before, _before=before)
    return draft


def publish(draft: BaseEstimator, estimator: BaseEstimator) -> None:
    """Give what the fit changed in the draft to the estimator, in one assignment.

    What others set on the estimator during the fit stays (a callback that calls ``set_params``).
    """
    after = dict(vars(draft))
    before = after.pop("_before")
    changed = {name: value for name, value in after.items() if before.get(name, before) is not value}
    kept = {name: value for name, value in vars(estimator).items() if name in after or name not in before}
    estimator.__dict__ = {**kept, **changed}
