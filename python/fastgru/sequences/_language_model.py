"""How a language model is fitted, scored and saved."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from fastgru import _core
from fastgru._texts import check_texts, kind_of
from fastgru.estimators._draft import draft_of, publish
from fastgru.estimators._fit_loop import (
    FitLoop,
    History,
    Schedule,
    Validate,
    checked_callbacks,
    patience,
    publish_history,
)
from fastgru.estimators._network import (
    Network,
    Trainer,
    copied_network,
    initial_parameters,
    make_network,
    make_trainer,
    solver_options,
)
from fastgru.estimators._persistence import ModelFileMixin
from fastgru.estimators._progress import make_progress
from fastgru.estimators._summary import SummaryMixin
from fastgru.estimators._validation import thread_count
from fastgru.sequences._streams import Streams, Tokens, as_pairs, held_out
from fastgru.sequences._vocabulary import Vocabulary

_EMBEDDED = 64  # values of a symbol's vector, where embedding_dim is None


class BaseLanguageModel(ModelFileMixin, SummaryMixin, BaseEstimator):  # type: ignore[misc]
    """The methods of `GRULanguageModel` that compute; the public ones have their texts there."""

    _vocabulary: Vocabulary
    standardize = False  # tokens have no scale
    # A tokenizer is no JSON: the vocabulary has what a file can hold of it.
    _replaced_in_files: ClassVar[dict[str, Any]] = {"level": None}

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    # ---- fitting

    def _fit(self, X: Any, *, incremental: bool) -> None:
        own: Any = self
        own._validate_params()
        if incremental and own.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        texts = check_texts(X)
        continuing = hasattr(self, "_network") and (incremental or own.warm_start)
        draft: Any = draft_of(self)
        if not continuing:
            draft.__dict__.pop("_network", None)
            draft._vocabulary = own._new_vocabulary(texts)
        interrupted = draft._train(texts, continuing=continuing, incremental=incremental)
        publish(draft, self)
        if interrupted is not None:
            raise interrupted

    def _new_vocabulary(self, texts: list[Any]) -> Vocabulary:
        own: Any = self
        if own.level is None and kind_of(texts[0]) == "text":
            raise ValueError("level must be 'char', 'word' or a tokenizer where X holds texts, got None")
        level = "char" if own.level is None else own.level
        return Vocabulary.fit(texts, level, own.max_vocabulary, own.min_count)

    def _train(self, texts: list[Any], *, continuing: bool, incremental: bool) -> KeyboardInterrupt | None:
        """Fit this draft; return the Ctrl-C that is to be passed on."""
        own: Any = self
        encoded = [self._vocabulary.encode(text) for text in texts]
        if continuing:
            self._check_same_network()
            network = copied_network(self._architecture, self._network)
            seed, history = self._seed, self._history
        else:
            seed = int(check_random_state(own.random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
            network, history = self._new_network(seed), History()
        unseen: list[Tokens] | None = None
        if own.early_stopping:
            encoded, unseen = held_out(encoded, own.validation_fraction, seed)
        streams = Streams(encoded, int(own.batch_size), int(own.bptt), seed, bool(own.shuffle))
        trainer = self._new_trainer(network, seed)
        if continuing and self._trainer_state["solver"] == own.solver:
            trainer.set_state(self._trainer_state["state"])
        validate = None if unseen is None else self._validation(trainer, unseen)
        history = history.continued(early_stopping=own.early_stopping, validated=validate is not None)
        loop = self._loop(network, trainer, streams, validate)
        interrupted: KeyboardInterrupt | None = None
        if incremental:
            try:
                loop.run_one(streams, history)
            except KeyboardInterrupt as error:
                interrupted = error
        else:
            interrupted = loop.run(streams, history)
        self._network, self._seed, self._history = network, seed, history
        self._trainer_state = {"solver": own.solver, "state": trainer.get_state()}
        self._publish()
        return interrupted

    def _settings(self) -> dict[str, Any]:
        """Return the fields of the network that the constructor alone decides."""
        own: Any = self
        width = own.hidden_size if own.tied_embedding else _EMBEDDED
        return {
            "input_size": int(width if own.embedding_dim is None else own.embedding_dim),
            "hidden_size": int(own.hidden_size),
            "num_layers": int(own.num_layers),
            "dropout": float(own.dropout),
            "head_dropout": float(own.dropout),
            "input_dropout": float(own.input_dropout),
            "reset_after": bool(own.reset_after),
            "precision": own.precision,
            "tied_embedding": bool(own.tied_embedding),
            "dtype": own.dtype,
        }

    def _new_network(self, seed: int) -> Network:
        own: Any = self
        size = self._vocabulary.size
        if own.tied_embedding and own.embedding_dim not in (None, own.hidden_size):
            raise ValueError(
                f"embedding_dim={own.embedding_dim!r} must be None or hidden_size={own.hidden_size!r} with "
                "tied_embedding=True: the head's weight is the embedding's"
            )
        architecture = {
            **_core.network_defaults(),
            **self._settings(),
            "vocabulary_size": size,
            "output_size": size,
            "sequence": True,
            "loss": "cross_entropy",
        }
        network = make_network(architecture)
        network.set_parameters(initial_parameters(network, architecture, seed))
        self._architecture = architecture
        return network

    def _check_same_network(self) -> None:
        for name, now in self._settings().items():
            if self._architecture[name] != now:
                raise ValueError(
                    f"{name}={now!r}, but the network that training goes on with has "
                    f"{name}={self._architecture[name]!r}: set it back, or call fit with warm_start=False to "
                    "begin anew"
                )

    def _new_trainer(self, network: Network, seed: int) -> Trainer:
        own: Any = self
        return make_trainer(
            network,
            **solver_options(own, int(own.batch_size)),
            shuffle=False,
            seed=seed,
            num_threads=thread_count(own.n_jobs),
            bptt=int(own.bptt),
            stateful=True,
        )

    def _validation(self, trainer: Trainer, unseen: list[Tokens]) -> Validate:
        own: Any = self
        streams = Streams(unseen, int(own.batch_size), int(own.bptt), 0, False)
        return lambda: -streams.evaluate(trainer)

    def _loop(
        self, network: Network, trainer: Trainer, streams: Streams, validate: Validate | None
    ) -> FitLoop:
        own: Any = self
        return FitLoop(
            network,
            trainer,
            own.max_iter,
            own.tol,
            patience(own.n_iter_no_change, streams.n_updates, 1),
            make_progress(own.verbose, type(self).__name__, own.max_iter, of_tokens=True),
            validate,
            own.early_stopping,
            Schedule(own.learning_rate, own.learning_rate_init, own.max_iter),
            checked_callbacks(own.callbacks),
            False,
        )

    def _publish(self) -> None:
        """Set the public fitted attributes from the private ones."""
        self.n_symbols_ = self._vocabulary.size
        publish_history(self, self._history)

    # ---- scores

    def _log_likelihoods(self, X: Any) -> tuple[list[Any], NDArray[np.float64], NDArray[np.int64]]:
        """Return the checked texts, the log-likelihood of each, and how many tokens each has."""
        own: Any = self
        check_is_fitted(self)
        texts = check_texts(X)
        pairs = [as_pairs(self._vocabulary.encode(text)) for text in texts]
        lengths = np.array([len(inputs) for inputs, _ in pairs], dtype=np.int64)
        losses = self._network.losses(
            [inputs for inputs, _ in pairs],
            [targets for _, targets in pairs],
            num_threads=thread_count(own.n_jobs),
        )
        return texts, -np.add.reduceat(losses, np.cumsum(lengths) - lengths), lengths

    # ---- files

    def _inputs_config(self) -> dict[str, Any]:
        return {"vocabulary": self._vocabulary.to_config()}

    def _restore_inputs(self, fitted: dict[str, Any]) -> None:
        vocabulary = Vocabulary.from_config(fitted["vocabulary"])
        if vocabulary.size != self._architecture["vocabulary_size"]:
            raise ValueError(
                f"vocabulary has {vocabulary.size} ids, and the network "
                f"{self._architecture['vocabulary_size']}"
            )
        self._vocabulary = vocabulary
