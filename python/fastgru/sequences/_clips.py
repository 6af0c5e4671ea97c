"""Clips and their targets: checks, frames, and which clips are too short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru._containers import read
from fastgru._tables import is_frame
from fastgru.estimators._sequence_list import SequenceList, check_sequence_list
from fastgru.estimators._validation import check_features
from fastgru.estimators._warning import warn_user
from fastgru.sequences._labels import Labels, least_frames

_MOST_STEP = 4  # of "auto": time steps from one frame to the next
_NAMED = 5  # clips named in a message


def check_clips(estimator: Any, X: Any, *, dtype: str, reset: bool) -> SequenceList:
    """Return `X` as a list of finite arrays (n_timesteps_i, n_features) of one dtype.

    Raises
    ------
    TypeError
        It is no list of clips, or holds objects that are not numbers.
    ValueError
        No clip; one that is not of two axes; other features than the rest, or than at fit; NaN or infinity.
    """
    if is_frame(X) or isinstance(X, (str, bytes, dict)) or not hasattr(X, "__len__"):
        raise TypeError(f"X must be a list of clips (n_timesteps_i, n_features), got {type(X).__name__}")
    if isinstance(X, np.ndarray) and X.ndim != 3 and X.dtype.kind != "O":
        advice = ": pass [X] if it is one clip of rows that are time steps" if X.ndim == 2 else ""
        raise ValueError(
            f"X must be a list of clips (n_timesteps_i, n_features), got an array of shape {X.shape}{advice}"
        )
    if len(X) == 0:
        raise ValueError("X has no clips: at least one is needed")
    given = read(X)
    parts = list(given.values)
    for i, part in enumerate(parts):
        if np.ndim(part) == 1 and len(part):
            raise ValueError(
                f"X[{i}] has shape {np.shape(part)}: a clip is (n_timesteps, n_features). Of a sound, pass "
                "features of its frames, such as the logarithms of a mel filterbank's energies"
            )
    clips = check_sequence_list(estimator, parts, dtype=dtype, allow_nan=True)
    for i, clip in enumerate(clips):
        if np.isnan(clip).any():
            step, feature = np.argwhere(np.isnan(clip))[0]
            raise ValueError(f"X[{i}] has NaN at time step {step}, feature {feature}: fill it in")
    check_features(estimator, given, clips, reset=reset)
    return clips


@dataclass(frozen=True)
class FrameRule:
    """How time steps become frames, as in the core (cpp/nn/data/frames.h)."""

    length: int
    step: int

    def count(self, steps: int) -> int:
        """Return the frames of a clip."""
        return min(steps, 1) + max(0, steps - self.length) // self.step

    def ends(self, steps: int) -> NDArray[np.int64]:
        """Return the time step with which each frame ends."""
        return min(self.length, steps) - 1 + self.step * np.arange(self.count(steps))

    def span(self, first: int, last: int, steps: int) -> tuple[int, int]:
        """Return the time steps that some frames stand for: the middle of each, so that none overlap."""
        count, margin = self.count(steps), (self.length - self.step) // 2
        begin = 0 if first == 0 else first * self.step + margin
        end = steps - 1 if last == count - 1 else (last + 1) * self.step + margin - 1
        return begin, end


def chosen_rule(length: int | str, step: int | str, steps: list[int], targets: list[Labels]) -> FrameRule:
    """Return the frames; where one of both is "auto", it follows from the other or from the data.

    As many time steps as leave 19 of 20 clips with two frames for each of those that their target needs, at
    most four.
    """
    if step == "auto" and length == "auto":
        pairs = zip(steps, targets, strict=True)
        room = [count / max(1, least_frames(labels)) for count, labels in pairs]
        step = int(np.clip(np.quantile(room, 0.05) / 2, 1, _MOST_STEP))
    elif step == "auto":
        step = max(1, int(length) // 2)
    if length == "auto":
        length = 2 * int(step) if int(step) > 1 else 1
    return FrameRule(int(length), int(step))


def without_short(
    clips: SequenceList, targets: list[Labels], rule: FrameRule, too_short: str
) -> NDArray[np.int64]:
    """Return which clips have frames enough for their targets; of the rest warn, or raise.

    Raises
    ------
    ValueError
        ``too_short="error"``, or no clip is long enough.
    """
    frames = np.array([rule.count(len(clip)) for clip in clips])
    needed = np.array([least_frames(labels) for labels in targets])
    short = np.flatnonzero(frames < needed)
    if len(short):
        named = ", ".join(f"X[{i}] ({frames[i]} frames, needs {needed[i]})" for i in short[:_NAMED])
        text = (
            f"{len(short)} of {len(clips)} clips have too few frames of {rule.length} time steps, one every "
            f"{rule.step}, for their targets: {named}{', …' if len(short) > _NAMED else ''}"
        )
        if too_short == "error":
            raise ValueError(f"{text}. too_short='skip' leaves them out")
        if len(short) == len(clips):
            raise ValueError(f"{text}. Fewer time steps a frame (frame_step) make more frames")
        warn_user(f"{text}. They are left out.")
    return np.flatnonzero(frames >= needed)
