"""Perplexity and bits of a language model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-5  # a logarithm of a probability of 1 may come out so far above 0 in float32


def perplexity(log_likelihoods: ArrayLike, n_tokens: float | None = None) -> float:
    """Return the perplexity of a language model: exp(−mean log likelihood of a token).

    A model that is as uncertain as one that draws from k equally likely tokens has the perplexity k.

    Parameters
    ----------
    log_likelihoods : array-like
        The natural logarithm of the probability that the model gave each token: an array of any shape, or a
        list of arrays, one a sequence. Of sums over sequences, `n_tokens` tells how many tokens they are of.
    n_tokens : int, default=None
        How many tokens there are. None: as many as values.

    Returns
    -------
    float
        At least 1; infinite if a token had the probability 0.

    Raises
    ------
    TypeError, ValueError
        No numbers, none at all, NaN, logarithms above 0, or `n_tokens` not above 0.

    References
    ----------
    Jelinek, Mercer, Bahl and Baker, Perplexity – a measure of the difficulty of speech recognition tasks,
    Journal of the Acoustical Society of America 62, 1977.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru.metrics import perplexity
    >>> perplexity(np.log([0.25, 0.25, 0.25]))
    4.0
    """
    mean = _mean(log_likelihoods, n_tokens)
    with np.errstate(over="ignore"):
        return float(np.exp(-mean))


def bits_per_token(log_likelihoods: ArrayLike, n_tokens: float | None = None) -> float:
    """Return the bits that a language model needs for a token: −mean log likelihood, to base 2.

    It is the logarithm of the perplexity to base 2. With characters as tokens, or their number as `n_tokens`,
    it is bits per character, which compares models of words and of characters.

    Parameters
    ----------
    log_likelihoods : array-like
        The natural logarithm of the probability that the model gave each token, as `perplexity` takes them.
    n_tokens : int, default=None
        How many tokens there are. None: as many as values.

    Returns
    -------
    float
        At least 0; infinite if a token had the probability 0.

    Raises
    ------
    TypeError, ValueError
        As `perplexity`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgru.metrics import bits_per_token
    >>> bits_per_token(np.log([0.25, 0.25, 0.25]))
    2.0
    """
    return abs(_mean(log_likelihoods, n_tokens)) / math.log(2)


def _mean(log_likelihoods: Any, n_tokens: float | None) -> float:
    if isinstance(log_likelihoods, (list, tuple)) and any(np.ndim(part) for part in log_likelihoods):
        parts = [np.ravel(part) for part in log_likelihoods]
        given = np.concatenate(parts)
    else:
        given = np.ravel(np.asarray(log_likelihoods))
    if given.dtype.kind not in "iuf":
        raise TypeError(f"log_likelihoods must be real numbers, got dtype {given.dtype}")
    if not given.size:
        raise ValueError("log_likelihoods has no values")
    if np.isnan(given).any():
        raise ValueError(f"log_likelihoods has NaN at position {int(np.flatnonzero(np.isnan(given))[0])}")
    if given.max() > _ROUNDING:
        place = int(given.argmax())
        raise ValueError(
            f"log_likelihoods has {given[place]} at position {place}: a logarithm of a probability is not "
            "above 0"
        )
    if n_tokens is None:
        n_tokens = given.size
    elif isinstance(n_tokens, bool) or not isinstance(n_tokens, (int, float, np.number)):
        raise TypeError(f"n_tokens must be a number, got {n_tokens!r}")
    elif not 0 < n_tokens < np.inf:
        raise ValueError(f"n_tokens must be above 0 and finite, got {n_tokens}")
    return min(0.0, float(given.sum(dtype=np.float64)) / float(n_tokens))
