"""The constraints of the encoder-decoder estimator's constructor parameters."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastgru.estimators._params import PARAMETER_CONSTRAINTS

# What they are of the other estimators.
_SHARED = (
    "hidden_size",
    "num_layers",
    "bidirectional",
    "embedding_dim",
    "dropout",
    "reset_after",
    "alpha",
    "batch_size",
    "learning_rate",
    "learning_rate_init",
    "max_iter",
    "shuffle",
    "random_state",
    "tol",
    "verbose",
    "validation_fraction",
    "beta_1",
    "beta_2",
    "epsilon",
    "n_iter_no_change",
    "clip_norm",
    "callbacks",
    "n_jobs",
)

CONSTRAINTS: dict[str, Any] = {
    **{name: PARAMETER_CONSTRAINTS[name] for name in _SHARED},
    "level": "no_validation",
    "source_level": "no_validation",
    "target_level": "no_validation",
    "max_vocabulary": [Interval(Integral, 4, None, closed="left"), None],
    "min_count": [Interval(Integral, 1, None, closed="left")],
    "attention_score": [StrOptions({"general", "dot"}), None],
    "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean", StrOptions({"loss", "chrf"})],
}
