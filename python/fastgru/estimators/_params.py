"""The constraints of the constructor parameters, which scikit-learn checks at the start of ``fit``."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastgru import _core

# An estimator may offer only some of the network's losses.
_CHOICES = {name: values for name, values in _core.network_choices().items() if name != "loss"}

PARAMETER_CONSTRAINTS: dict[str, list[Any]] = {
    **{name: [StrOptions(set(values))] for name, values in _CHOICES.items()},
    "hidden_size": [Interval(Integral, 1, None, closed="left")],
    "num_layers": [Interval(Integral, 1, None, closed="left")],
    "bidirectional": ["boolean"],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "vocabulary_size": [Interval(Integral, 2, None, closed="left"), None],
    "frame_length": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "frame_step": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "pooling": [StrOptions({*_CHOICES["pooling"], "auto"})],
    "output": [StrOptions({"last", "sequence"})],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "input_dropout": [Interval(Real, 0, 1, closed="left")],
    "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
    "reset_after": ["boolean"],
    "solver": [StrOptions({"adam", "sgd"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "cosine", "plateau"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
        StrOptions({"auto"}),
    ],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "bptt": [Interval(Integral, 1, None, closed="left"), None],
    "standardize": ["boolean"],
    "missing": [StrOptions({"error", "mask"})],
    "callbacks": [callable, list, None],
    "n_jobs": [
        Interval(Integral, 1, None, closed="left"),
        Interval(Integral, None, -1, closed="right"),
        None,
    ],
}

REGRESSOR_CONSTRAINTS: dict[str, list[Any]] = {
    **PARAMETER_CONSTRAINTS,
    "loss": [StrOptions({name for name, answers in _core.losses().items() if answers == "values"})],
    "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    "huber_delta": [Interval(Real, 0, None, closed="neither")],
}

CLASSIFIER_CONSTRAINTS: dict[str, list[Any]] = {
    **PARAMETER_CONSTRAINTS,
    "class_weight": [dict, list, StrOptions({"balanced"}), None],
}
