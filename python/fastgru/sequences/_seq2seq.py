"""The encoder-decoder estimator's machinery: fitting, answers, scores."""

from __future__ import annotations

from typing import Any, cast

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
from fastgru.estimators._network import orthogonal_gates
from fastgru.estimators._progress import make_progress
from fastgru.estimators._validation import thread_count
from fastgru.metrics import chrf
from fastgru.sequences._answers import Attention, is_unknown, named, symbols_of, with_copies
from fastgru.sequences._pairs import Pairs, Symbols, Targets, held_out, join
from fastgru.sequences._seq2seq_storage import StorageMixin
from fastgru.sequences._vocabulary import END, Vocabulary

_TEXTS = {"char", "word", "tokenizer"}  # levels whose answers are texts


class BaseSeq2Seq(StorageMixin, BaseEstimator):  # type: ignore[misc]
    """The methods of `GRUSeq2Seq` that compute; the public ones have their texts there."""

    _network: _core.Seq2Seq
    _source: Vocabulary
    _target: Vocabulary
    _targets: Targets
    _history: History
    _seed: int
    _architecture: dict[str, Any]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    # ---- fitting

    def _fit(self, X: Any, y: Any) -> None:
        own: Any = self
        own._validate_params()
        sources, targets = check_texts(X, "X"), check_texts(y, "y")
        _check_counts(len(sources), len(targets), " a target for each source,")
        draft: Any = draft_of(self)
        draft.__dict__.pop("_network", None)
        interrupted = draft._train(sources, targets)
        publish(draft, self)
        if interrupted is not None:
            raise interrupted

    def _vocabulary(self, samples: list[Any], level: Any, name: str) -> Vocabulary:
        own: Any = self
        return Vocabulary.fit(
            samples, own.level if level is None else level, own.max_vocabulary, own.min_count, name=name
        )

    def _train(self, sources: list[Any], targets: list[Any]) -> KeyboardInterrupt | None:
        """Fit this draft; return the Ctrl-C that is to be passed on."""
        own: Any = self
        self._seed = int(check_random_state(own.random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
        self._source = self._vocabulary(sources, own.source_level, "X")
        self._target = self._vocabulary(targets, own.target_level, "y")
        pairs = Pairs(
            [self._source.encode(each) for each in sources], [self._target.encode(each) for each in targets]
        )
        self._targets = Targets.of(pairs)
        self._network = self._new_network()
        validate: Validate | None = None
        trainer = self._new_trainer()
        if own.early_stopping:
            kept, unseen = held_out(len(pairs), own.validation_fraction, self._seed)
            validate = self._validation(
                trainer, pairs.chosen(unseen), [sources[i] for i in unseen], [targets[i] for i in unseen]
            )
            pairs = pairs.chosen(kept)
        history = History().continued(early_stopping=bool(own.early_stopping), validated=validate is not None)
        loop = FitLoop(
            cast(Any, self._network),
            cast(Any, trainer),
            own.max_iter,
            own.tol,
            patience(own.n_iter_no_change, len(pairs), own.batch_size),
            make_progress(own.verbose, type(self).__name__, own.max_iter, of_tokens=True),
            validate,
            bool(own.early_stopping),
            Schedule(own.learning_rate, own.learning_rate_init, own.max_iter),
            checked_callbacks(own.callbacks),
            False,
        )
        interrupted = loop.run(pairs, history)
        self._history = history
        self._publish()
        return interrupted

    def _settings(self) -> dict[str, Any]:
        """Return the fields of the network."""
        own: Any = self
        return {
            "source_vocabulary": self._source.size,
            "target_vocabulary": self._target.size,
            "embedding_size": int(own.hidden_size if own.embedding_dim is None else own.embedding_dim),
            "hidden_size": int(own.hidden_size),
            "num_layers": int(own.num_layers),
            "bidirectional": bool(own.bidirectional),
            "attention": "none" if own.attention_score is None else own.attention_score,
            "reset_after": bool(own.reset_after),
            "dropout": float(own.dropout),
        }

    def _new_network(self) -> _core.Seq2Seq:
        self._architecture = self._settings()
        network = _core.Seq2Seq(**self._architecture)
        network.set_parameters(_initial_parameters(network, self._seed))
        return network

    def _new_trainer(self) -> _core.Seq2SeqTrainer:
        own: Any = self
        return _core.Seq2SeqTrainer(
            self._network,
            learning_rate=own.learning_rate_init,
            beta_1=own.beta_1,
            beta_2=own.beta_2,
            epsilon=own.epsilon,
            alpha=own.alpha / own.batch_size,
            clip_norm=0.0 if own.clip_norm is None else own.clip_norm,
            batch_size=int(own.batch_size),
            shuffle=bool(own.shuffle),
            seed=self._seed,
            label_smoothing=own.label_smoothing,
            num_threads=thread_count(own.n_jobs),
        )

    def _validation(
        self, trainer: _core.Seq2SeqTrainer, unseen: Pairs, sources: list[Any], targets: list[Any]
    ) -> Validate:
        own: Any = self
        if own.early_stopping != "chrf":
            return lambda: -unseen.loss(trainer)
        return lambda: self._chrf(targets, self._answers(sources, num_beams=1))

    def _publish(self) -> None:
        """Set the public fitted attributes from the private ones."""
        publish_history(self, self._history)
        self.n_source_symbols_, self.n_target_symbols_ = self._source.size, self._target.size

    # ---- answers

    def _encoded(self, samples: list[Any], vocabulary: Vocabulary, name: str) -> list[Symbols]:
        wanted = "text" if vocabulary.level in _TEXTS else vocabulary.level
        found = next(kind for kind in map(kind_of, samples) if kind is not None)
        if found != wanted:
            shown = {"text": "texts", "tokens": "lists of text tokens", "integers": "lists of integer tokens"}
            raise ValueError(f"{name} has {shown[found]}, and fit had {shown[wanted]}")
        return [vocabulary.encode(each) for each in samples]

    def _answers(
        self,
        X: Any,
        num_beams: int = 1,
        length_penalty: float = 1.0,
        max_length: int | None = None,
        n_best: int = 1,
        no_repeat_ngram_size: int = 0,
        replace_unknown: bool = True,
    ) -> list[Any]:
        own: Any = self
        samples = check_texts(X, "X")
        encoded = self._encoded(samples, self._source, "X")
        most = self._targets.most(encoded)
        if max_length is not None:
            most = np.full(len(encoded), max_length, dtype=np.int64)
        found = self._network.translate(
            *join(encoded),
            most,
            num_beams=num_beams,
            length_penalty=length_penalty,
            no_repeat_ngram_size=no_repeat_ngram_size,
            unknown=self._targets.unknown,
            n_best=n_best,
            num_threads=thread_count(own.n_jobs),
        )
        ids = [[each[0] for each in best] for best in found]
        copies = replace_unknown and self._architecture["attention"] != "none"
        texts = self._texts(samples, encoded, ids) if copies else self._plain(ids)
        return texts if n_best > 1 else [best[0] for best in texts]

    def _plain(self, ids: list[list[Symbols]]) -> list[list[Any]]:
        return [[self._target.decode(each) for each in best] for best in ids]

    def _texts(self, samples: list[Any], encoded: list[Symbols], ids: list[list[Symbols]]) -> list[list[Any]]:
        """Return the texts of answers, unknown symbols copied from the sources."""
        texts = self._plain(ids)
        places = [
            (i, k)
            for i, best in enumerate(ids)
            for k, each in enumerate(best)
            if is_unknown(self._target, each).any()
        ]
        weights = self._weights([encoded[i] for i, _ in places], [ids[i][k] for i, k in places])
        for (i, k), attention in zip(places, weights, strict=True):
            source = symbols_of(self._source, samples[i])
            texts[i][k] = with_copies(self._target, ids[i][k], source, attention)
        return texts

    def _weights(self, sources: list[Symbols], targets: list[Symbols]) -> list[NDArray[np.float32]]:
        """Return the attention weights of pairs, each (symbols of the target + 1, of the source + 1)."""
        own: Any = self
        if not sources:
            return []
        flat = self._network.attend(*join(sources), *join(targets), num_threads=thread_count(own.n_jobs))
        shapes = [(len(y) + 1, len(x) + 1) for x, y in zip(sources, targets, strict=True)]
        ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]

    def _attention(self, X: Any, num_beams: int) -> list[Attention]:
        samples = check_texts(X, "X")
        encoded = self._encoded(samples, self._source, "X")
        own: Any = self
        found = self._network.translate(
            *join(encoded),
            self._targets.most(encoded),
            num_beams=num_beams,
            unknown=self._targets.unknown,
            num_threads=thread_count(own.n_jobs),
        )
        ids = [best[0][0] for best in found]
        end = self._target.symbol(END)
        return [
            Attention(
                with_copies(self._target, each, source, weights),
                [*source, end],
                [*named(self._target, each.tolist()), end],
                weights,
            )
            for each, source, weights in zip(
                ids,
                [symbols_of(self._source, sample) for sample in samples],
                self._weights(encoded, ids),
                strict=True,
            )
        ]

    def _log_likelihoods(self, X: Any, y: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the log-likelihood of every target given its source, and how many symbols each has."""
        own: Any = self
        check_is_fitted(self)
        sources, targets = check_texts(X, "X"), check_texts(y, "y")
        _check_counts(len(sources), len(targets))
        x, wanted = self._encoded(sources, self._source, "X"), self._encoded(targets, self._target, "y")
        found = self._network.score(*join(x), *join(wanted), num_threads=thread_count(own.n_jobs))
        return found, np.array([len(each) + 1 for each in wanted], dtype=np.int64)

    def _checked_targets(self, y: Any, count: int) -> list[Any]:
        targets = check_texts(y, "y")
        _check_counts(count, len(targets))
        self._encoded(targets, self._target, "y")
        return targets

    def _chrf(self, wanted: list[Any], found: list[Any]) -> float:
        if self._target.level in _TEXTS:
            return chrf(wanted, found)
        # A character for each token: n-grams of tokens.
        characters: dict[Any, str] = {}
        for sample in (*wanted, *found):
            for token in sample:
                characters.setdefault(token, chr(0xF0000 + len(characters)))
        true, answers = (
            ["".join(characters[token] for token in sample) for sample in samples]
            for samples in (wanted, found)
        )
        return chrf(true, answers)


def _check_counts(sources: int, targets: int, why: str = "") -> None:
    if sources != targets:
        raise ValueError(f"X and y must have equally many samples,{why} got {sources} and {targets}")


def _initial_parameters(network: _core.Seq2Seq, seed: int) -> NDArray[np.float64]:
    """Draw the initial weights, by the rules of `fastgru.estimators._network.initial_parameters`."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    parts = []
    for name, shape in network.parameter_layout:
        if len(shape) == 1:
            value = np.zeros(shape)
        elif name.startswith("embedding"):
            value = generator.standard_normal(shape)
            value[:1] = 0.0
        elif "weight_hh" in name:
            value = orthogonal_gates(generator, shape[1])
        else:
            fan_out = shape[0] // 3 if "weight_ih" in name else shape[0]
            bound = np.sqrt(6.0 / (shape[1] + fan_out))
            value = generator.uniform(-bound, bound, shape)
        parts.append(value.ravel())
    return np.concatenate(parts)
