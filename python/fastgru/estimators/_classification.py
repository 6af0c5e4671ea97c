"""The classifier's targets and predictions: encoded labels, class weights, heads, model files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags

from fastgru._targets import read_weights
from fastgru.estimators._base import BaseGRU
from fastgru.estimators._class_weight import class_weights, weights_of_tables
from fastgru.estimators._labels import (
    check_labels,
    classes_from_json,
    classes_of,
    classes_to_json,
    encode_labels,
    refuse_mixed_labels,
)
from fastgru.estimators._missing import split_labels
from fastgru.estimators._params import CLASSIFIER_CONSTRAINTS
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import Standard, identity
from fastgru.estimators._split import labels_of_steps, rarest_labels
from fastgru.estimators._steps import StepLayout
from fastgru.estimators._validation import check_weights, weights_of_steps


class Classification(ClassifierMixin, BaseGRU):  # type: ignore[misc]  # scikit-learn has no types
    """The implementation of `GRUClassifier`."""

    _parameter_constraints = CLASSIFIER_CONSTRAINTS
    _long_from = 64
    _pooling_of_long = "max"
    class_weight: dict[Any, float] | list[dict[int, float]] | str | None
    classes_: NDArray[Any]
    multilabel_: bool

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encode_targets(self, y: Any, *, reset: bool) -> NDArray[Any]:
        y, missing = split_labels(y, every_step=self.output == "sequence")
        labels, multilabel = check_labels(self, y)
        if reset:
            self.multilabel_ = multilabel
            known = classes_of(labels, multilabel=multilabel)
            self.classes_ = known if self._first_classes is None else self._first_classes
            if multilabel and not np.array_equal(self.classes_, known):
                raise ValueError(
                    f"classes={self.classes_.tolist()}, but y is a table of labels, whose classes are the "
                    f"numbers of its columns, {known.tolist()}: leave them out"
                )
        if multilabel != self.multilabel_ or (multilabel and labels.shape[1] != len(self.classes_)):
            raise ValueError(
                f"y of shape {labels.shape} does not fit the first call, which had {len(self.classes_)} "
                + ("columns of 0 and 1" if self.multilabel_ else "classes, one label per sample")
            )
        if multilabel:
            return labels.astype(np.float64) if missing is None else np.where(missing, np.nan, labels)
        if self.output == "sequence" and len(self.classes_) < 2:
            raise ValueError(
                f"y has one class alone, {self.classes_[0]!r}: nothing to tell apart at any step"
            )
        codes = encode_labels(labels, self.classes_).astype(np.float64)[:, np.newaxis]
        if missing is None:
            return codes
        targets = np.full((len(missing), 1), np.nan)
        targets[~missing] = codes
        return targets

    def _check_step_targets(self, y: Any) -> None:
        refuse_mixed_labels(y, missing=True)

    def _strata(self, samples: Samples) -> NDArray[np.int64]:
        y = samples.chosen_y
        if not self.multilabel_:
            if isinstance(y, np.ndarray) and y.ndim == 2:
                return np.asarray(y[:, 0], dtype=np.int64)
            return rarest_labels(labels_of_steps(y))
        columns = (labels.reshape(-1, labels.shape[-1]) > 0 for labels in y)
        return rarest_labels([np.flatnonzero(table.any(axis=0)) for table in columns])

    def _step_class_weight(self, targets: NDArray[Any]) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return None
        if self.multilabel_:
            raise ValueError("class_weight is not possible for several labels at every step")
        codes = targets[~np.isnan(targets[:, 0]), 0].astype(np.int64)
        weights = class_weights(self.class_weight, codes, self.classes_)
        if not weights[codes].any():
            raise ValueError(f"class_weight={self.class_weight!r} gives weight 0 to every step of y")
        return weights

    def _all_weights(self, sample_weight: Any, targets: NDArray[Any], X: Any) -> NDArray[np.float64] | None:
        given = check_weights(sample_weight, X)
        if self.class_weight is None or self.output == "sequence" or len(targets) != len(X):
            return given  # the caller raises the error where the lengths differ
        if np.isnan(targets).any():
            raise ValueError("class_weight is not possible where y has missing labels")
        codes = targets.astype(np.int64)
        if self.multilabel_:
            factor = weights_of_tables(self.class_weight, codes)
        else:
            factor = class_weights(self.class_weight, codes[:, 0], self.classes_)[codes[:, 0]]
        weight = factor if given is None else given * factor
        if not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r}, times sample_weight, gives weight 0 to every sample"
            )
        return check_weights(weight, X)

    def _head(self, samples: Samples) -> dict[str, Any]:
        return self._head_of_classes()

    def _head_of_classes(self, *, sequence: bool | None = None) -> dict[str, Any]:
        sequence = self.output == "sequence" if sequence is None else sequence
        several = not self.multilabel_ and (len(self.classes_) > 2 or sequence)
        return {
            "output_size": len(self.classes_) if several or self.multilabel_ else 1,
            "loss": "cross_entropy" if several else "binary_cross_entropy",
        }

    def _target_scaling(self, samples: Samples) -> Standard:
        return identity(int(self._head_of_classes()["output_size"]))

    def _codes(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return the indices into `classes_`, or the table of 0 and 1, for these scores."""
        if self.multilabel_:
            return np.asarray(scores > 0, dtype=np.int64)
        if scores.shape[1] > 1:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        return np.asarray((scores[:, 0] > 0) & (len(self.classes_) > 1), dtype=np.int64)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each sequence; with several labels, those above one half.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, in the units of those that ``fit`` got.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels, or a table of 0 and 1. With ``output="sequence"`` one per time step: an array (n_samples,
            n_timesteps), or a list of arrays if X is one; so it is with the other methods.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            As in :meth:`fit`, and where the features are not those of ``fit``.
        """
        scores, layout = self._answers(X, raw=True)
        return self._shaped(self._decode(scores), layout)

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, or of each label on its own.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`predict`.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Rows sum to 1, but for several labels, whose columns stand for
            themselves.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As in :meth:`predict`.
        """
        p, layout = self._answers(X)
        if not self.multilabel_ and p.shape[1] == 1:
            p = np.hstack([1.0 - p, p]) if len(self.classes_) == 2 else np.ones_like(p)
        return self._shaped(p, layout)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of :meth:`predict_proba`, without its loss of tiny probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`predict`.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As in :meth:`predict`.
        """
        scores, layout = self._answers(X, raw=True)
        if self.multilabel_:
            log_p = log_expit(scores)
        elif scores.shape[1] > 1:
            log_p = log_softmax(scores, axis=1)
        elif len(self.classes_) == 1:
            log_p = np.zeros_like(scores)
        else:
            log_p = np.hstack([log_expit(-scores), log_expit(scores)])
        return self._shaped(log_p, layout)

    def decision_function(self, X: Any) -> Any:
        """Return the scores behind the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`predict`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes one score, above 0 where ``classes_[1]`` is predicted; else one per class, or per
            label.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As in :meth:`predict`.
        """
        scores, layout = self._answers(X, raw=True)
        if not self.multilabel_ and scores.shape[1] == 2:
            scores = np.diff(scores, axis=1)
        if not self.multilabel_ and scores.shape[1] == 1:
            scores = scores[:, 0]
        return self._shaped(scores, layout)

    def _shaped(self, rows: NDArray[Any], layout: StepLayout | None) -> Any:
        return rows if layout is None else layout.split(rows)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of samples, or of time steps, whose class is predicted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences, as in :meth:`predict`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or one per time step
            The true classes, as in :meth:`fit`. Of several labels all must be right; those
            that are missing are left out.
        sample_weight : array-like of shape (n_samples,), or one per time step, default=None
            How much each sample, or step, counts.

        Returns
        -------
        score : float
            Between 0 and 1.
        """
        scores, layout = self._answers(X, raw=True)
        predicted = self._decode(scores)
        if layout is None:
            sample_weight = read_weights(sample_weight)
        else:
            self._check_step_targets(y)
            y = layout.join(y)
            sample_weight = weights_of_steps(sample_weight, layout)
        y, missing = split_labels(y, every_step=layout is not None)
        wanted, _ = check_labels(self, y)
        return _accuracy(wanted, predicted, missing, sample_weight)

    def _decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        codes = self._codes(scores)
        return codes if self.multilabel_ else np.asarray(self.classes_[codes])

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        wanted, missing = split_labels(y if self.multilabel_ else y[:, 0], every_step=True)
        return _accuracy(wanted.astype(np.int64), self._codes(raw), missing, sample_weight)

    def _fitted_config(self) -> dict[str, Any]:
        return {"classes": classes_to_json(self.classes_), "multilabel": self.multilabel_}

    def _restore_fitted(self, fitted: dict[str, Any]) -> None:
        self.classes_ = classes_from_json(fitted["classes"])
        if not isinstance(fitted["multilabel"], bool):
            raise ValueError(f"multilabel must be true or false, got {fitted['multilabel']!r}")
        self.multilabel_ = fitted["multilabel"]
        wanted = self._head_of_classes(sequence=self._architecture["sequence"])
        if any(self._architecture[name] != wanted[name] for name in ("output_size", "loss")):
            raise ValueError("classes do not fit the network's outputs")


def _accuracy(
    wanted: Any, predicted: NDArray[Any], missing: NDArray[np.bool_] | None, weight: NDArray[Any] | None
) -> float:
    """Return the share of right answers; of a row of several labels, the missing ones count as right.

    `wanted` comes from `split_labels`: of one label per row, the missing ones are left out of it.
    """
    if missing is None:
        return float(accuracy_score(wanted, predicted, sample_weight=weight))
    rows = ~missing if missing.ndim == 1 else ~missing.all(axis=1)
    weight = None if weight is None else np.asarray(weight)[rows]
    if missing.ndim == 1:
        return float(accuracy_score(wanted, predicted[rows], sample_weight=weight))
    right = (np.asarray(wanted) == predicted) | missing
    return float(np.average(right.all(axis=1)[rows], weights=weight))
