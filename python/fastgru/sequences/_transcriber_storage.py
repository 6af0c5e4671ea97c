"""The fitted state of a transcriber in a model file, checked by name when it is read."""

from __future__ import annotations

from typing import Any

from fastgru.estimators._persistence import ModelFileMixin
from fastgru.sequences._labels import LabelSet
from fastgru.sequences._vocabulary import Vocabulary


class TranscriberFileMixin(ModelFileMixin):
    """``save``, the constructor for ``fastgru.load`` and pickling of a transcriber."""

    _labels: LabelSet

    def _fitted_config(self) -> dict[str, Any]:
        return {"vocabulary": self._labels.vocabulary.to_config()}

    def _restore_fitted(self, fitted: dict[str, Any]) -> None:
        vocabulary = Vocabulary.from_config(fitted["vocabulary"])
        if vocabulary.level == "tokenizer":
            raise ValueError("vocabulary of a transcriber must not be a tokenizer's")
        if self._n_dims != 3:
            raise ValueError(f"n_dims must be 3, got {self._n_dims!r}")
        self._labels = LabelSet(vocabulary)
        if self._labels.size != self._architecture["output_size"]:
            raise ValueError(
                f"vocabulary has {self._labels.size - 1} symbols, and the network "
                f"{self._architecture['output_size']} outputs: the blank and one of each symbol are wanted"
            )

    def _publish(self) -> None:
        """Set the public fitted attributes from the private ones."""
        history = self._history
        self.frame_length_ = self._architecture["frame_length"]
        self.frame_step_ = self._architecture["frame_step"]
        self.symbols_ = list(self._labels.vocabulary.symbols)
        self.n_iter_ = history.n_iter
        self.loss_curve_ = list(history.loss_curve)
        scores = history.validation_scores
        self.validation_scores_ = None if scores is None else list(scores)
        self.best_validation_score_ = history.best_score
