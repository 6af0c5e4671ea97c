"""Standardization of sequences, for scaling in a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config
from sklearn.utils.validation import check_is_fitted

from fastgru._containers import read
from fastgru.estimators._draft import draft_of, publish
from fastgru.estimators._scaling import standard
from fastgru.estimators._sequence_list import require_steps
from fastgru.estimators._validation import (
    as_sequences,
    check_features,
    check_sequences,
    check_weights,
)

__all__ = ["SequenceScaler"]

_Self = TypeVar("_Self", bound="SequenceScaler")


class SequenceScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc, call-arg]  # scikit-learn has no types; its wrapper of outputs knows tables alone
    """Subtract from every feature of sequences its mean and divide by its standard deviation.

    Mean and deviation of a feature are taken over all samples and time steps, so that a sequence keeps its
    course; :class:`sklearn.preprocessing.StandardScaler` takes tables only, and would scale every
    time step by itself. The estimators of this package do the same inside (``standardize=True``); this is for
    other estimators, and for those who want the step to be seen in the pipeline.

    Parameters
    ----------
    with_mean : bool, default=True
        Subtract the mean.
    with_std : bool, default=True
        Divide by the standard deviation.
    missing : {"error", "keep"}, default="error"
        NaN: refused; or left where it is, and left out of mean and deviation.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float64
        The means; zeros with ``with_mean=False``. An X of shape (n_samples, n_timesteps) has one feature.
    scale_ : ndarray of shape (n_features,), float64
        The deviations; 1 for a feature that does not vary, and with ``with_std=False``.
    n_features_in_ : int
        Time steps of an X of shape (n_samples, n_timesteps), features of other X: as the estimators count.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, where X was a frame, or a list of frames, whose column names are all texts.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru import GRURegressor, SequenceScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(loc=1000, scale=[1, 50], size=(100, 12, 2))
    >>> Z = SequenceScaler().fit_transform(X)
    >>> np.allclose(Z.mean(axis=(0, 1)), 0), np.allclose(Z.std(axis=(0, 1)), 1)
    (True, True)

    Sequences of unlike length, in a pipeline:

    >>> X = [rng.normal(loc=1000, size=(rng.integers(3, 30), 2)) for _ in range(100)]
    >>> y = [sequence[-1, 0] for sequence in X]
    >>> pipe = make_pipeline(SequenceScaler(), GRURegressor(hidden_size=8, max_iter=60, random_state=0))
    >>> pipe.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  # scikit-learn's own name and form
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
        "missing": [StrOptions({"error", "keep"})],
    }

    def __init__(self, *, with_mean: bool = True, with_std: bool = True, missing: str = "error") -> None:
        self.with_mean = with_mean
        self.with_std = with_std
        self.missing = missing

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = self.missing == "keep"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def fit(self: _Self, X: Any, y: Any = None, sample_weight: Any = None) -> _Self:
        """Compute the mean and standard deviation of every feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or list
            The sequences; of unlike length as a list of arrays (n_timesteps_i, n_features) or
            (n_timesteps_i,). Read in blocks, never copied as a whole.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each sample counts, not negative.

        Returns
        -------
        self : SequenceScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            Bad shapes, NaN (see `missing`) or infinity, or values whose squares leave float64.
        TypeError
            Sparse X, or objects that are not numbers.
        """
        X = read(X)
        array = self._checked(X)
        require_steps(array)
        weight = check_weights(sample_weight, array)
        draft = draft_of(self)
        check_features(draft, X, array, reset=True)
        found = standard(as_sequences(array), weight, name="X", missing=self.missing == "keep")
        draft.mean_ = found.mean if self.with_mean else np.zeros_like(found.mean)
        draft.scale_ = found.scale if self.with_std else np.ones_like(found.scale)
        publish(draft, self)
        return self

    def transform(self, X: Any) -> Any:
        """Standardize sequences.

        Parameters
        ----------
        X : array-like or list
            As for ``fit``, with the same features; lengths may differ.

        Returns
        -------
        ndarray, or list of ndarray
            New arrays of X's shape (of each sequence's, for a list): float32 if X is, else float64. Frames
            instead after :meth:`set_output`.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            As ``fit``; or other features than there.
        """
        scaled = self._each(X, lambda part: (part - self.mean_) / self.scale_)
        container = _get_output_config("transform", self)["dense"]
        return scaled if container == "default" else self._framed(scaled, X, container)

    def set_output(self: _Self, *, transform: str | None = None) -> _Self:
        """Choose the container that ``transform`` and ``fit_transform`` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Arrays; or frames with the columns :meth:`get_feature_names_out`: one for a table (n_samples,
            n_timesteps), else a list with a frame (n_timesteps_i, n_features) per sequence, which the
            estimators take. None: no change.

        Returns
        -------
        self : SequenceScaler
            The scaler.

        Raises
        ------
        ValueError
            There is no such container.

        Examples
        --------
        >>> import numpy as np
        >>> from fastgru import SequenceScaler
        >>> X = np.arange(12.0).reshape(2, 3, 2)
        >>> SequenceScaler().set_output(transform="pandas").fit_transform(X)[0].shape
        (3, 2)
        """
        if transform is None:
            return self
        if transform not in ADAPTERS_MANAGER.supported_outputs:
            known = ", ".join(sorted(ADAPTERS_MANAGER.supported_outputs))
            raise ValueError(f"transform must be one of {known}, got {transform!r}")
        self._sklearn_output_config = {"transform": transform}  # scikit-learn's own name
        return self

    def inverse_transform(self, X: Any) -> Any:
        """Convert standardized sequences back to their units.

        Parameters
        ----------
        X : array-like or list
            What ``transform`` returns.

        Returns
        -------
        ndarray, or list of ndarray
            New arrays of X's shape, as ``transform`` returns them.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            As ``transform``.
        """
        return self._each(X, lambda part: part * self.scale_ + self.mean_)

    def _framed(self, scaled: Any, X: Any, container: str) -> Any:
        """Return arrays as frames of a container, with the index of X's own frames."""
        create = ADAPTERS_MANAGER.adapters[container].create_container
        names = self.get_feature_names_out()
        if self._n_dims == 2:
            return create(scaled, X, columns=names)
        given = X if isinstance(X, (list, tuple)) else [None] * len(scaled)
        return [
            create(part.reshape(len(part), -1), own, columns=names)
            for part, own in zip(scaled, given, strict=True)
        ]

    def _checked(self, X: Any) -> Any:
        return check_sequences(self, X, dtype="float64", allow_nan=self.missing == "keep")

    def _each(self, X: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Any:
        check_is_fitted(self)
        X = read(X)
        array = self._checked(X)
        check_features(self, X, array, reset=False)
        if isinstance(array, list):
            return [
                change(part).astype(part.dtype).reshape(np.shape(given))
                for part, given in zip(array, X.values, strict=True)
            ]
        sequences = np.asarray(as_sequences(array))
        return change(sequences).astype(array.dtype).reshape(array.shape)
