"""The samples that early stopping holds out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from fastgru.estimators._sequence_list import SequenceList


def held_out_split(
    n_samples: int, fraction: float, seed: int, strata: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples to train on and those to hold out, both sorted.

    With `strata` (n_samples,) every stratum of two samples or more is on both sides where there is room,
    else in proportion to its size. scikit-learn's stratified split only does the latter: of 4 samples among
    80, a tenth is none.

    Raises
    ------
    ValueError
        Nothing would be left to train on, or fewer than two samples held out.
    """
    train, held_out = train_test_split(
        np.arange(n_samples), test_size=fraction, random_state=seed
    )  # depends on the seed alone, so that a warm start holds out the same samples again
    if len(held_out) < 2:
        raise ValueError(
            f"The validation set is too small ({len(held_out)} of {n_samples} samples). Increase "
            "'validation_fraction' or the size of your dataset."
        )
    if strata is not None:
        order = np.random.RandomState(seed).permutation(n_samples)
        codes, counts = np.unique(strata[order], return_inverse=True, return_counts=True)[1:]
        order = order[np.argsort(codes, kind="stable")]  # stratum by stratum, each at random
        place = np.arange(n_samples) - np.repeat(np.cumsum(counts) - counts, counts)  # within its stratum
        taken = place < np.repeat(_shares(counts, len(held_out)), counts)
        train, held_out = order[~taken], order[taken]
    return np.sort(train), np.sort(held_out)


def _shares(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return how many of each stratum are held out, `total` in all."""
    most = np.maximum(counts - 1, 0)  # one stays to train on
    if most.sum() < total:
        most = counts
    wanted = counts * (total / counts.sum())
    taken = np.minimum(np.maximum(np.floor(wanted), counts > 1), most).astype(np.int64)
    while taken.sum() > total:  # more strata than places: those stay that are the furthest below their share
        over = np.where(taken > 0, taken - wanted, -np.inf)
        over[taken > 1] += counts.sum()  # rather one of several than the only one
        taken[np.argmax(over)] -= 1
    while taken.sum() < total:
        taken[np.argmax(np.where(taken < most, wanted - taken, -np.inf))] += 1
    return np.asarray(taken)


def rarest_labels(codes: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return for each sample the rarest of its labels, by the number of samples that have it; -1: none.

    `codes` has the labels of each sample, one or several.
    """
    each = [np.unique(labels) for labels in codes]
    counts = np.bincount(np.concatenate([*each, np.zeros(0, np.int64)]))
    return np.array([labels[np.argmin(counts[labels])] if len(labels) else -1 for labels in each])


def labels_of_steps(y: NDArray[np.float64] | SequenceList) -> list[NDArray[np.int64]]:
    """Return the labels of each sequence from (n_samples, n_timesteps, 1), or a list; NaN is no label."""
    return [steps[np.isfinite(steps)].astype(np.int64) for steps in y]
