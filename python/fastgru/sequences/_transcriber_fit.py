"""Fitting a transcriber: clips, labels, the network, and the loop over epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from fastgru import _core
from fastgru._texts import check_texts
from fastgru.estimators._draft import draft_of, publish
from fastgru.estimators._fit_loop import FitLoop, History, Schedule, checked_callbacks, patience
from fastgru.estimators._network import Network, Trainer, initial_parameters, make_network, make_trainer
from fastgru.estimators._progress import make_progress
from fastgru.estimators._quantize import rounded_network
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import identity, standard
from fastgru.estimators._split import held_out_split
from fastgru.estimators._validation import thread_count
from fastgru.sequences._augmentation import Augmentation, AugmentedSamples
from fastgru.sequences._clips import FrameRule, check_clips, chosen_rule, without_short
from fastgru.sequences._decoding import best_paths, probabilities
from fastgru.sequences._labels import LabelSet
from fastgru.sequences._transcriber_storage import TranscriberFileMixin
from fastgru.sequences._vocabulary import Vocabulary


class FittingMixin(TranscriberFileMixin):
    """The implementation of a transcriber's ``fit``."""

    def _fit(self, X: Any, y: Any, validation_data: Any) -> None:
        """Fit a draft of the transcriber, and publish it: an error on the way changes nothing."""
        draft: Any = draft_of(self)
        draft.__dict__.pop("_network", None)
        interrupted = draft._train(X, y, validation_data)
        publish(draft, self)
        if interrupted is not None:
            raise interrupted  # for the caller's loop, now that the weights are kept

    def _train(self, X: Any, y: Any, validation_data: Any) -> KeyboardInterrupt | None:
        """Fit this draft; return the Ctrl-C that is to be passed on."""
        own: Any = self
        callbacks = checked_callbacks(own.callbacks)
        clips, targets = self._checked(X, y, reset=True)
        unseen = None if validation_data is None else self._checked_validation(validation_data)
        self._labels = LabelSet(Vocabulary.fit(targets, own.level, name="y"))
        encoded = [self._labels.encode(target, f"y[{i}]") for i, target in enumerate(targets)]
        rule = chosen_rule(own.frame_length, own.frame_step, list(map(len, clips)), encoded)
        kept = without_short(clips, encoded, rule, own.too_short)
        self._seed = int(check_random_state(own.random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
        if own.early_stopping and unseen is None:
            train, held = held_out_split(len(kept), own.validation_fraction, self._seed % 2**32, None)
            unseen = [clips[i] for i in kept[held]], [targets[i] for i in kept[held]]
            kept = kept[train]
        samples = Samples([clips[i] for i in kept], [_column(encoded[i]) for i in kept], None)
        network = self._new_network(samples, rule)
        trainer = self._new_trainer(network, len(samples))
        history = History().continued(early_stopping=own.early_stopping, validated=unseen is not None)
        validate = None if unseen is None else lambda: self._validation_score(network, rule, *unseen)
        augmentation = self._augmentation(network, rule)
        loop = FitLoop(
            network,
            trainer,
            own.max_iter,
            own.tol,
            patience(own.n_iter_no_change, len(samples), own.batch_size),
            make_progress(own.verbose, type(self).__name__, own.max_iter),
            validate,
            own.early_stopping,
            Schedule(own.learning_rate, own.learning_rate_init, own.max_iter),
            callbacks,
            False,
        )
        interrupted = loop.run(
            AugmentedSamples(samples, augmentation) if augmentation.changes else samples, history
        )
        if own.precision == "int8":
            self._architecture, network = rounded_network(self._architecture, network)
        self._network, self._history = network, history
        self._trainer_state = {"solver": None, "state": {}}
        self._publish()
        return interrupted

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[list[Any], list[Any]]:
        """Return clips and targets, after every check of both."""
        own: Any = self
        clips = check_clips(self, X, dtype=own.dtype, reset=reset)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        targets = check_texts(y, "y", allow_empty=True)
        check_consistent_length(clips, targets)
        return clips, targets

    def _checked_validation(self, validation_data: Any) -> tuple[list[Any], list[Any]]:
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
            got = type(validation_data).__name__
            raise ValueError(f"validation_data must be (X, y), got {got}")
        try:
            return self._checked(*validation_data, reset=False)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"validation_data: {error}") from error

    def _new_network(self, samples: Samples, rule: FrameRule) -> Network:
        own: Any = self
        defaults = _core.network_defaults()
        settings = {name: type(value)(vars(own)[name]) for name, value in defaults.items() if name in _OWN}
        self._architecture = {
            **defaults,
            **settings,
            "precision": "highest" if own.precision == "int8" else own.precision,
            "input_size": rule.length * samples.n_features,
            "output_size": self._labels.size,
            "frame_length": rule.length,
            "frame_step": rule.step,
            "sequence": True,
            "loss": "ctc",
        }
        network = make_network(self._architecture)
        network.set_parameters(initial_parameters(network, self._architecture, self._seed))
        inputs = identity(samples.n_features)
        if own.standardize:
            inputs = standard(samples.X, None, name="X", rows=None, missing=False)
        outputs = identity(self._labels.size)
        network.set_scaling(inputs.mean, inputs.scale, outputs.mean, outputs.scale)
        if own.precision == "int8":  # an error now, not after training
            rounded_network(self._architecture, network)
        return network

    def _new_trainer(self, network: Network, n_samples: int) -> Trainer:
        own: Any = self
        return make_trainer(
            network,
            solver="adam",
            learning_rate=own.learning_rate_init,
            clip_norm=0.0 if own.clip_norm is None else own.clip_norm,
            batch_size=min(int(own.batch_size), n_samples),
            shuffle=True,
            seed=self._seed,
            num_threads=thread_count(own.n_jobs),
            recurrent_dropout=own.recurrent_dropout,
        )

    def _augmentation(self, network: Network, rule: FrameRule) -> Augmentation:
        own: Any = self
        return Augmentation(
            int(own.time_masks),
            int(own.time_mask_length),
            int(own.feature_masks),
            int(own.feature_mask_width),
            float(own.join_clips),
            network.scaling[0],
            self._labels.space,
            rule,
            self._seed,
        )

    def _validation_score(self, network: Network, rule: FrameRule, X: list[Any], y: list[Any]) -> float:
        own: Any = self
        answers = best_paths(probabilities(network, X, rule, thread_count(own.n_jobs)))
        return 1.0 - self._labels.error_rate(y, [self._labels.decode(labels) for labels in answers])


# Fields of the network that parameters of the same name decide.
_OWN = frozenset(
    {
        "hidden_size",
        "num_layers",
        "bidirectional",
        "dropout",
        "input_dropout",
        "reset_after",
        "dtype",
    }
)


def _column(labels: Any) -> Any:
    return labels.astype(np.float32)[:, np.newaxis]
