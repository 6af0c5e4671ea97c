"""Missing targets, NaN once y is read: which there are, and where too few are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.utils._missing import is_scalar_nan

from fastgru._targets import read_targets
from fastgru.estimators._steps import StepLayout


def split_labels(y: Any, *, every_step: bool) -> tuple[Any, NDArray[np.bool_] | None]:
    """Return the labels without the missing ones, and where those are (None: nowhere).

    Steps may have no label: they are left out. In a table of 0 and 1 a missing label becomes 0. One label per
    sample may not be missing: it is not looked for.

    Raises
    ------
    ValueError
        Every label is missing.
    """
    if y is None or scipy.sparse.issparse(y):
        return y, None
    labels = read_targets(y)
    if not isinstance(labels, np.ndarray) or (not every_step and (labels.ndim != 2 or labels.shape[1] < 2)):
        return y, None
    missing = _is_nan(labels)
    if not missing.any():
        return y, None
    if missing.all():
        raise ValueError("y has no label: every one is missing")
    if labels.ndim == 2:
        return _of_one_type(np.where(missing, 0, labels)), missing
    return _of_one_type(labels[~missing]), missing


def _is_nan(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind != "O":
        return np.zeros(values.shape, dtype=np.bool_)
    found = (is_scalar_nan(value) for value in values.flat)
    return np.fromiter(found, np.bool_, values.size).reshape(values.shape)


def _of_one_type(labels: NDArray[Any]) -> NDArray[Any]:
    """Return objects that are all numbers as an array of numbers."""
    if labels.dtype != object or any(isinstance(label, str) for label in labels.flat):
        return labels
    return np.array(labels.tolist())


def check_present(
    targets: NDArray[Any], layout: StepLayout | None, weight: NDArray[Any] | None, *, columns: bool
) -> bool:
    """Return whether some targets (n_answers, n_targets) are NaN, after a check that enough are left.

    Parameters
    ----------
    targets : ndarray of shape (n_answers, n_targets)
        One row per sample, or, with a `layout`, one per time step.
    layout : StepLayout or None
        The steps of each sample.
    weight : ndarray of shape (n_samples,) or None
        Samples of weight zero need no target.
    columns : bool
        Whether each column needs a target, too.

    Raises
    ------
    ValueError
        A sample has no target, or a column.
    """
    present = ~np.isnan(targets)
    if present.all():
        return False
    of_sample = np.arange(len(targets)) if layout is None else layout.repeat(np.arange(len(layout.lengths)))
    assert of_sample is not None
    samples = len(targets) if layout is None else len(layout.lengths)
    counts = np.ones(samples, dtype=np.bool_) if weight is None else weight > 0
    found = np.bincount(of_sample, weights=present.any(axis=1), minlength=samples) > 0
    lost = np.flatnonzero(counts & ~found)
    if len(lost):
        where = "in every output" if layout is None else "at every step"
        raise ValueError(
            f"y[{lost[0]}] has no target: it is missing {where}. Leave the sample out, or give it weight zero"
        )
    empty = np.flatnonzero(~present[counts[of_sample]].any(axis=0))
    if columns and len(empty):
        raise ValueError(f"y has no target in column {empty[0]}: it is missing in every sample that counts")
    return True


def mean_over_outputs(
    metric: Callable[..., Any],
    wanted: NDArray[np.float64],
    answers: NDArray[np.float64],
    weight: NDArray[Any] | None,
) -> float:
    """Return ``metric(wanted, answers, sample_weight=weight)``, a mean over columns, without missing targets.

    With NaN in `wanted`, each column is scored on the targets that it has; one with fewer than two is not.

    Raises
    ------
    ValueError
        No column has two targets.
    """
    present = ~np.isnan(wanted)
    if present.all():
        return float(metric(wanted, answers, sample_weight=weight))
    scores = []
    for column, rows in enumerate(present.T):
        if np.count_nonzero(rows) < 2:
            continue
        of_rows = None if weight is None else np.asarray(weight)[rows]
        scores.append(metric(wanted[rows, column], answers[rows, column], sample_weight=of_rows))
    if not scores:
        raise ValueError("y has fewer than two targets in every output, too few to score")
    return float(np.mean(scores))
