"""The network of an estimator: its configuration, from the constructor's parameters and the data of fit."""

from __future__ import annotations

from typing import Any

from fastgru import _core
from fastgru.estimators._network import Architecture, Network, initial_parameters, make_network
from fastgru.estimators._samples import Samples
from fastgru.estimators._scaling import identity, standard
from fastgru.estimators._tokens import vocabulary_size
from fastgru.estimators._warning import warn_user

_FROM_DATA = ("input_size", "output_size", "vocabulary_size")  # fields of a network that follow from the data

_FRAME_LENGTH, _FRAME_STEP = 8, 4  # "auto" for long sequences
_MANY_STEPS = 1000  # of the network, through which gradients hardly reach


def chosen_frames(length: int | str, step: int | str, *, long: bool) -> tuple[int, int]:
    """Return frame_length and frame_step; where one is "auto", it follows from the other."""
    if length == step == "auto":
        return (_FRAME_LENGTH, _FRAME_STEP) if long else (1, 1)
    if length == "auto":
        return (2 * int(step) if int(step) > 1 else 1), int(step)
    return int(length), (max(1, int(length) // 2) if step == "auto" else int(step))


class NetworkMixin:
    """The methods of an estimator that make its network, or compare it with the parameters."""

    # Sequences are long from this median number of time steps on, and pooled like this where pooling="auto".
    # Measured: docs/decisions.md, "Defaults for long sequences".
    _long_from = 256
    _pooling_of_long = "last"
    _architecture: Architecture
    embedding_dim: int | None
    vocabulary_size: int | None
    frame_length: int | str
    frame_step: int | str
    pooling: str
    bptt: int | None
    missing: str
    output: str
    precision: str
    standardize: bool

    def _settings(self) -> dict[str, Any]:
        """Return the fields of the network that the constructor alone decides."""
        own = vars(self)
        return {
            **{
                name: type(default)(own[name])
                for name, default in _core.network_defaults().items()
                if name in own and name not in _FROM_DATA and own[name] != "auto"
            },
            "missing_mask": self.missing == "mask" and self.embedding_dim is None,
            "sequence": self.output == "sequence",
            # Weights are rounded after training.
            "precision": "highest" if self.precision == "int8" else self.precision,
        }

    def _input_size(self, n_features: int, frame_length: int) -> int:
        if self.embedding_dim is not None:
            return int(self.embedding_dim)
        return frame_length * n_features * (2 if self.missing == "mask" else 1)

    def _chosen_for(self, samples: Samples) -> dict[str, Any]:
        """Return the settings that are "auto", chosen by the length of the samples."""
        long = samples.median_steps >= self._long_from
        long = long and self.output == "last" and self.embedding_dim is None
        length, step = chosen_frames(self.frame_length, self.frame_step, long=long)
        pooling = self._pooling_of_long if long and self.bptt is None else "last"
        chosen = {"frame_length": length, "frame_step": step, "pooling": pooling}
        return {name: value for name, value in chosen.items() if vars(self)[name] == "auto"}

    def _new_network(self, samples: Samples, seed: int) -> Network:
        estimator: Any = self  # subclasses define the head and the scaling of y
        n_features, size = samples.n_features, 0
        if self.embedding_dim is not None:
            size = vocabulary_size(samples.X, self.vocabulary_size)
        settings = {**self._settings(), **self._chosen_for(samples)}
        self._warn_of_many_steps(samples, settings)
        architecture = {
            **_core.network_defaults(),
            "input_size": self._input_size(n_features, settings["frame_length"]),
            "vocabulary_size": size,
            **settings,
            **estimator._head(samples),
        }
        network = make_network(architecture)
        network.set_parameters(initial_parameters(network, architecture, seed))
        inputs = identity(n_features)
        if self.standardize and not size:
            inputs = standard(
                samples.X, samples.weight, name="X", rows=samples.rows, missing=self.missing == "mask"
            )
        outputs = estimator._target_scaling(samples)
        network.set_scaling(inputs.mean, inputs.scale, outputs.mean, outputs.scale)
        self._architecture = architecture
        return network

    def _warn_of_many_steps(self, samples: Samples, settings: dict[str, Any]) -> None:
        steps = samples.most_steps // int(settings["frame_step"])
        if self.bptt is not None or self.frame_step != "auto" or steps <= _MANY_STEPS:
            return
        warn_user(
            f"The longest sequence has {samples.most_steps} time steps, which the network reads in {steps} "
            "steps: gradients hardly reach back so far, and training is slow. frame_length and frame_step "
            "make several time steps one, bptt cuts the way back."
        )

    def _check_same_network(self) -> None:
        if self._architecture["precision"] == "int8":
            raise ValueError(
                "training cannot go on with weights rounded to one byte (precision='int8'): call fit "
                "with warm_start=False to begin anew"
            )
        before = {name: self._architecture[name] for name in self._settings()}
        tokens = self._architecture["vocabulary_size"]
        embedded = self._architecture["input_size"] if tokens else None
        if self.embedding_dim != embedded or (self.vocabulary_size or tokens) != tokens:
            raise ValueError(
                f"embedding_dim={self.embedding_dim!r} and vocabulary_size={self.vocabulary_size!r}, but the "
                f"network that training goes on with has {embedded!r} and {tokens or None!r}: set them back, "
                "or call fit with warm_start=False to begin anew"
            )
        for name, now in self._settings().items():
            if before[name] == now:
                continue
            shown, was = name, before[name]
            if name == "sequence":
                shown, now_shown, was = "output", self.output, "sequence" if was else "last"
            else:
                now_shown = now
            raise ValueError(
                f"{shown}={now_shown!r}, but the network that training goes on with has {shown}={was!r}: set "
                "it back, or call fit with warm_start=False to begin anew"
            )
