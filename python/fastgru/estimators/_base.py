"""The base class of the GRU estimators: constructor, fitting and raw predictions. Subclasses encode y."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state

from fastgru.estimators._architecture import NetworkMixin
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
from fastgru.estimators._network import Network, Trainer, copied_network, make_trainer, solver_options
from fastgru.estimators._params import PARAMETER_CONSTRAINTS
from fastgru.estimators._persistence import ModelFileMixin
from fastgru.estimators._progress import make_progress
from fastgru.estimators._quantize import QuantizeMixin, rounded_network
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import Standard
from fastgru.estimators._stepwise import StepwiseMixin
from fastgru.estimators._summary import SummaryMixin
from fastgru.estimators._validation import check_weights, thread_count
from fastgru.estimators._validation_data import ValidationMixin


class BaseGRU(
    StepwiseMixin,
    QuantizeMixin,
    NetworkMixin,
    ValidationMixin,
    ModelFileMixin,
    SummaryMixin,
    BaseEstimator,  # type: ignore[misc]  # scikit-learn has no types
    metaclass=ABCMeta,
):
    """A GRU with a dense head, trained in C++.

    A concrete estimator says what y means: `_encode_targets`, `_head`, `_target_scaling`,
    `_validation_score`, and decodes `_answers`. Targets and answers are one row each per sample; with
    ``output="sequence"`` one per time step, those of one sequence after those of the other.
    """

    _parameter_constraints: dict[str, list[Any]] = PARAMETER_CONSTRAINTS
    _passes_interrupts_on = False  # Ctrl-C ends a fit, and what was learnt until then is kept
    _first_classes: NDArray[Any] | None = None  # the `classes` of a classifier's partial_fit

    def __init__(
        self,
        hidden_size: int = 64,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        embedding_dim: int | None = None,
        vocabulary_size: int | None = None,
        frame_length: int | str = "auto",
        frame_step: int | str = "auto",
        output: str = "last",
        pooling: str = "auto",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        precision: str = "highest",
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int = 32,
        learning_rate: str = "constant",
        learning_rate_init: float = 5e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float | str = "auto",
        clip_norm: float | None = 1.0,
        bptt: int | None = None,
        standardize: bool = True,
        missing: str = "error",
        callbacks: Callable[..., Any] | list[Callable[..., Any]] | None = None,
        dtype: str = "float32",
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.embedding_dim = embedding_dim
        self.vocabulary_size = vocabulary_size
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.output = output
        self.pooling = pooling
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.recurrent_dropout = recurrent_dropout
        self.reset_after = reset_after
        self.precision = precision
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.bptt = bptt
        self.standardize = standardize
        self.missing = missing
        self.callbacks = callbacks
        self.dtype = dtype
        self.n_jobs = n_jobs

    @abstractmethod
    def _encode_targets(self, y: Any, *, reset: bool) -> NDArray[Any]:
        """Check `y` and return the encoded targets of the head: (n_answers, n_targets)."""

    @abstractmethod
    def _head(self, samples: Samples) -> dict[str, Any]:
        """Return the fields of a new network that follow from the encoded targets."""

    @abstractmethod
    def _target_scaling(self, samples: Samples) -> Standard:
        """Return the scaling of the encoded targets."""

    @abstractmethod
    def _validation_score(
        self, y: NDArray[Any], raw: NDArray[Any], sample_weight: NDArray[Any] | None
    ) -> float:
        """Return the score (higher is better) of the network's raw predictions for encoded targets `y`.

        One row per answer, each with its weight.
        """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "mask"
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _step_class_weight(self, targets: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return the weight of each class, if every step has a class."""
        return None

    def _check_step_targets(self, y: Any) -> None:
        """Refuse targets of steps that would change their meaning when they are joined."""

    def _strata(self, samples: Samples) -> NDArray[np.int64] | None:
        """Return the stratum of each sample, all of which early stopping wants on both sides."""
        return None

    def _all_weights(self, sample_weight: Any, targets: NDArray[Any], X: Any) -> NDArray[np.float64] | None:
        """Return the weight of each sample, with mean 1, or None."""
        return check_weights(sample_weight, X)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool,
        classes: NDArray[Any] | None = None,
        validation_data: Any = None,
    ) -> None:
        """Fit a draft of the estimator, and publish it: an error on the way leaves the estimator as it was.

        `classes`: the labels that a first call of a classifier's ``partial_fit`` was given.
        """
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        continuing = hasattr(self, "_network") and (self.warm_start or incremental)
        if continuing:
            self._check_same_network()
        draft = draft_of(self)
        draft._first_classes = classes
        draft.__dict__.pop("quantization_report_", None)
        if not continuing:
            draft.__dict__.pop("_network", None)
        interrupted = draft._train(
            X, y, sample_weight, validation_data, continuing=continuing, incremental=incremental
        )
        publish(draft, self)
        if interrupted is not None:
            raise interrupted  # for the caller's loop, now that the weights are kept

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any,
        *,
        continuing: bool,
        incremental: bool,
    ) -> KeyboardInterrupt | None:
        """Fit this draft; return the Ctrl-C that is to be passed on."""
        samples = self._check_samples(X, y, sample_weight, reset=not continuing)
        unseen = None if validation_data is None else self._check_validation_data(validation_data)
        if continuing:
            network, seed, history = (
                copied_network(self._architecture, self._network),
                self._seed,
                self._history,
            )
        else:
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int64).max, dtype=np.int64))
            network, history = self._new_network(samples, seed), History()
            if self.precision == "int8":  # an error now, not after training
                rounded_network(self._architecture, network)
        trainer = self._new_trainer(network, len(samples), seed)
        if continuing and self._trainer_state["solver"] == self.solver:
            trainer.set_state(self._trainer_state["state"])
        if self.early_stopping and unseen is None:
            samples, unseen = self._held_out(samples, seed)
        validate = None if unseen is None else self._validation(network, unseen)
        history = history.continued(early_stopping=self.early_stopping, validated=validate is not None)
        interrupted: KeyboardInterrupt | None = None
        if incremental:
            try:
                self._loop(network, trainer, samples).run_one(samples, history)
            except KeyboardInterrupt as error:
                interrupted = error
        else:
            interrupted = self._loop(network, trainer, samples, validate).run(samples, history)
        if self.precision == "int8":
            self._architecture, network = rounded_network(self._architecture, network)
        self._network, self._seed, self._history = network, seed, history
        self._trainer_state = {"solver": self.solver, "state": trainer.get_state()}
        if self.precision == "int8":
            self._trainer_state = {"solver": None, "state": {}}  # training cannot go on
        self._publish()
        return interrupted

    def _loop(
        self, network: Network, trainer: Trainer, samples: Samples, validate: Validate | None = None
    ) -> FitLoop:
        progress = make_progress(self.verbose, type(self).__name__, self.max_iter)
        return FitLoop(
            network,
            trainer,
            self.max_iter,
            self.tol,
            patience(self.n_iter_no_change, len(samples), self.batch_size),
            progress,
            validate,
            self.early_stopping,
            Schedule(self.learning_rate, self.learning_rate_init, self.max_iter),
            checked_callbacks(self.callbacks),
            self._passes_interrupts_on,
        )

    def _new_trainer(self, network: Network, n_samples: int, seed: int) -> Trainer:
        batch_size = min(int(self.batch_size), n_samples)
        return make_trainer(
            network,
            **solver_options(self, batch_size),
            shuffle=bool(self.shuffle),
            seed=seed,
            num_threads=thread_count(self.n_jobs),
            bptt=self.bptt or 0,
        )

    def _publish(self) -> None:
        """Set the public fitted attributes from the private ones."""
        for name in ("frame_length", "frame_step", "pooling"):
            setattr(self, f"{name}_", self._architecture[name])
        publish_history(self, self._history)


def shared_parameters(values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of BaseGRU's constructor among the local variables of a subclass' constructor."""
    return {name: values[name] for name in signature(BaseGRU.__init__).parameters if name != "self"}
