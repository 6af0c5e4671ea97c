"""Encoder-decoder estimators in pickles and in model files."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastgru import _core, _model_file
from fastgru.estimators._file_values import finite_or_none, number, whole
from fastgru.estimators._fit_loop import History
from fastgru.estimators._persistence import OwnMetadataMixin, params_for_file, params_from_file
from fastgru.sequences._pairs import Targets
from fastgru.sequences._vocabulary import Vocabulary

_Self = TypeVar("_Self", bound="StorageMixin")

_HISTORY = ("history.loss_curve", "history.validation_scores")


class StorageMixin(OwnMetadataMixin):
    """``save``, the constructor for ``fastgru.load``, and pickling of the network as a plain array."""

    # A tokenizer is no JSON: the vocabularies have what a file can hold of it.
    _replaced_in_files: ClassVar[dict[str, Any]] = {
        "level": "char",
        "source_level": None,
        "target_level": None,
    }

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[misc]  # BaseEstimator's
        network = state.pop("_network", None)
        if network is not None:
            state["_network_state"] = network.parameters.copy()
        if "_own_metadata" in state:
            state["_own_metadata"] = dict(state["_own_metadata"])  # a copy has its own
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        flat = state.pop("_network_state", None)
        super().__setstate__(state)  # type: ignore[misc]  # BaseEstimator's
        if flat is not None:
            me: Any = self
            me._network = _core.Seq2Seq(**me._architecture)
            me._network.set_parameters(flat)

    def save(self, path: str | PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the fitted estimator to a safetensors file; ``fastgru.load`` reads it back.

        The file holds the weights, both vocabularies, the constructor's parameters and the fitted numbers: no
        code and no pickle. Of a tokenizer it holds the model if it is sentencepiece's; any other is left out,
        as are `callbacks` and a `random_state` that is a RandomState instance (stored as None).

        Parameters
        ----------
        path : str or path-like
            Where to write; an existing file is replaced only once the new one is complete.
        metadata : mapping of str to str, optional
            Your own metadata: ``metadata_`` of the loaded estimator.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        OSError
            The file cannot be written.
        TypeError, ValueError
            `metadata` holds something else than texts.
        """
        check_is_fitted(self)
        me: Any = self
        history: History = me._history
        config = {
            "params": params_for_file(self, _kind()),
            "network": {**me._architecture, "dtype": "float32"},
            "fitted": {
                "source_vocabulary": me._source.to_config(),
                "target_vocabulary": me._target.to_config(),
                "length_ratio": me._targets.ratio,
                "longest": me._targets.longest,
                "unknown": me._targets.unknown,
                "seed": me._seed,
                "n_iter": history.n_iter,
                "best_loss": finite_or_none(history.best_loss),
                "best_validation_score": finite_or_none(history.best_score),
            },
        }
        tensors = dict(me._network.tensors)
        for name, curve in zip(_HISTORY, (history.loss_curve, history.validation_scores), strict=True):
            tensors[name] = np.array([] if curve is None else curve, dtype=np.float64)
        _model_file.save(path, _kind().__name__, config, tensors, self._metadata_to_save(metadata))

    @classmethod
    def _from_model_file(cls: type[_Self], content: _model_file.Content) -> _Self:
        """Build the saved estimator; check its parameters and fitted state (the core checked the rest)."""
        new: Any = cls(**params_from_file(content.config["params"]))
        new._validate_params()
        fitted = content.config["fitted"]
        architecture = {name: value for name, value in content.config["network"].items() if name != "dtype"}
        new._source = Vocabulary.from_config(fitted["source_vocabulary"])
        new._target = Vocabulary.from_config(fitted["target_vocabulary"])
        for name, vocabulary in (("source_vocabulary", new._source), ("target_vocabulary", new._target)):
            if vocabulary.size != architecture[name]:
                raise ValueError(
                    f"{name} has {vocabulary.size} symbols, and the network {architecture[name]}"
                )
        new._architecture, new._network = architecture, content.core
        ratio = number(fitted["length_ratio"], "length_ratio")
        if not 0 < ratio < 1e9:
            raise ValueError(f"length_ratio must be above 0, got {ratio}")
        if not isinstance(fitted["unknown"], bool):
            raise ValueError(f"unknown must be a bool, got {fitted['unknown']!r}")
        new._targets = Targets(ratio, whole(fitted["longest"], "longest", 1), fitted["unknown"])
        new._seed = whole(fitted["seed"], "seed", 0)
        scores = content.tensors[_HISTORY[1]].tolist()
        best_loss, best_score = fitted["best_loss"], fitted["best_validation_score"]
        new._history = History(
            content.tensors[_HISTORY[0]].tolist(),
            scores or None,
            None if best_loss is None else number(best_loss, "best_loss"),
            None if best_score is None else number(best_score, "best_validation_score"),
            whole(fitted["n_iter"], "n_iter", 0),
        )
        new._own_metadata = dict(content.metadata)
        new._publish()
        return cast(_Self, new)


def _kind() -> Any:
    from fastgru.sequences.seq2seq import GRUSeq2Seq

    return GRUSeq2Seq
