"""Changed copies of the training clips, drawn anew for every epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru.estimators._network import Trainer
from fastgru.estimators._samples import Samples
from fastgru.sequences._clips import FrameRule
from fastgru.sequences._labels import least_frames

_MOST_OF_A_CLIP = 5  # a time mask hides at most a fifth of a clip


@dataclass(frozen=True)
class Augmentation:
    """Masks of time steps and of features (Park et al., 2019), and joined clips."""

    time_masks: int
    time_mask_length: int
    feature_masks: int
    feature_mask_width: int
    join_clips: float
    mean: NDArray[np.float64]  # what a mask shows
    space: int  # the label between two joined targets; 0: none
    rule: FrameRule
    seed: int

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        masks = self.time_masks * self.time_mask_length + self.feature_masks * self.feature_mask_width
        return bool(masks or self.join_clips)

    def __call__(self, samples: Samples, epoch: int) -> Samples:
        """Return the samples of an epoch. They depend on the seed and the epoch alone."""
        random = np.random.Generator(np.random.Philox(key=self.seed + (epoch << 64)))
        rows = np.arange(len(samples)) if samples.rows is None else samples.rows
        X, y = [samples.X[row] for row in rows], [samples.y[row] for row in rows]
        for _ in range(round(self.join_clips * len(rows))):
            self._join(X, y, *random.integers(0, len(rows), 2))
        return replace(samples, X=[self._masked(clip, random) for clip in X], y=y, rows=None)

    def _join(self, X: list[Any], y: list[Any], a: int, b: int) -> None:
        between = [np.full((1, 1), self.space, y[a].dtype)] if self.space else []
        labels = np.concatenate([y[a], *between, y[b]])
        clip = np.concatenate([X[a], X[b]])
        if self.rule.count(len(clip)) >= least_frames(labels[:, 0]):
            X.append(clip)
            y.append(labels)

    def _masked(self, clip: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        steps, features = clip.shape
        widest = min(self.time_mask_length, steps // _MOST_OF_A_CLIP)
        if not (self.time_masks and widest) and not (self.feature_masks and self.feature_mask_width):
            return clip
        clip = clip.copy()
        for _ in range(self.time_masks if widest else 0):
            width = random.integers(0, widest + 1)
            first = random.integers(0, steps - width + 1)
            clip[first : first + width] = self.mean
        for _ in range(self.feature_masks):
            width = random.integers(0, min(self.feature_mask_width, features) + 1)
            first = random.integers(0, features - width + 1)
            clip[:, first : first + width] = self.mean[first : first + width]
        return clip


@dataclass(frozen=True)
class AugmentedSamples:
    """Samples of which every epoch trains on changed copies."""

    samples: Samples
    augmentation: Augmentation

    def run_epoch(self, trainer: Trainer) -> float:
        """Train one epoch; return the mean loss."""
        return self.augmentation(self.samples, trainer.epoch).run_epoch(trainer)
