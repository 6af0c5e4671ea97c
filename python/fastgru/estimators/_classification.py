"""What the classifier trains on: labels as numbers and back, class weights, heads, model files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags, compute_sample_weight
from sklearn.utils.validation import _check_sample_weight

from fastgru.estimators._base import BaseGRU
from fastgru.estimators._labels import (
    check_labels,
    classes_from_json,
    classes_of,
    classes_to_json,
    encode_labels,
)
from fastgru.estimators._network import Head
from fastgru.estimators._params import CLASSIFIER_CONSTRAINTS
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import Standard, identity
from fastgru.estimators._validation import check_weights


class Classification(ClassifierMixin, BaseGRU):  # type: ignore[misc]  # scikit-learn has no types
    """The inside of `GRUClassifier`."""

    _parameter_constraints = CLASSIFIER_CONSTRAINTS
    _first_classes: NDArray[Any] | None = None  # what partial_fit was told that labels there are
    class_weight: dict[Any, float] | list[dict[int, float]] | str | None
    classes_: NDArray[Any]
    multilabel_: bool

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encode_targets(self, y: Any, *, reset: bool) -> NDArray[Any]:
        labels, multilabel = check_labels(self, y)
        if reset:
            self.multilabel_ = multilabel
            given = None if multilabel else self._first_classes
            self.classes_ = classes_of(labels, multilabel=multilabel) if given is None else given
        if multilabel != self.multilabel_ or (multilabel and labels.shape[1] != len(self.classes_)):
            raise ValueError(
                f"y of shape {labels.shape} does not fit the first call, which had {len(self.classes_)} "
                + ("columns of 0 and 1" if self.multilabel_ else "classes, one label per sample")
            )
        if multilabel:
            return labels.astype(np.float64)
        return encode_labels(labels, self.classes_).astype(np.float64)[:, np.newaxis]

    def _all_weights(self, sample_weight: Any, targets: NDArray[Any], X: Any) -> NDArray[np.float64] | None:
        if self.class_weight is None:
            return check_weights(sample_weight, X)
        if len(targets) != len(X):
            return None  # refused by the caller, by name
        labels = (
            targets.astype(np.int64) if self.multilabel_ else self.classes_[targets[:, 0].astype(np.int64)]
        )
        factor = compute_sample_weight(self.class_weight, labels)
        given = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if np.any(factor < 0):
            raise ValueError(f"class_weight must not be negative, got {self.class_weight!r}")
        check_weights(given, X)
        return check_weights(given * factor, X)

    def _head(self, samples: Samples) -> Head:
        return self._head_of_classes()

    def _head_of_classes(self) -> Head:
        several = not self.multilabel_ and len(self.classes_) > 2
        return {
            "output_size": len(self.classes_) if several or self.multilabel_ else 1,
            "loss": "cross_entropy" if several else "binary_cross_entropy",
            "huber_delta": 1.0,
            "quantiles": [],
        }

    def _target_scaling(self, samples: Samples) -> Standard:
        return identity(self._head_of_classes()["output_size"])

    def _codes(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return the places in `classes_`, or the table of 0 and 1, that scores stand for."""
        if self.multilabel_:
            return np.asarray(scores > 0, dtype=np.int64)
        if len(self.classes_) > 2:
            return np.asarray(scores.argmax(axis=1), dtype=np.int64)
        return np.asarray((scores[:, 0] > 0) & (len(self.classes_) > 1), dtype=np.int64)

    def _decode(self, scores: NDArray[Any]) -> NDArray[Any]:
        codes = self._codes(scores)
        return codes if self.multilabel_ else np.asarray(self.classes_[codes])

    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        if not np.isfinite(raw).all():
            return float("nan")
        wanted = y.astype(np.int64) if self.multilabel_ else y[:, 0].astype(np.int64)
        return float(accuracy_score(wanted, self._codes(raw), sample_weight=sample_weight))

    def _fitted_config(self) -> dict[str, Any]:
        return {"classes": classes_to_json(self.classes_), "multilabel": self.multilabel_}

    def _restore_fitted(self, fitted: dict[str, Any]) -> None:
        self.classes_ = classes_from_json(fitted["classes"])
        if not isinstance(fitted["multilabel"], bool):
            raise ValueError(f"multilabel must be true or false, got {fitted['multilabel']!r}")
        self.multilabel_ = fitted["multilabel"]
        wanted = self._head_of_classes()
        if any(self._architecture[name] != wanted[name] for name in ("output_size", "loss")):
            raise ValueError("classes do not fit the network's outputs")
