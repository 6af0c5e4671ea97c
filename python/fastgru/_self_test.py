"""The self-test of a model file: a short input and the model's own predictions for it.

C++ runs the self-test when it loads a file. It finds damaged weights that pass every check of the format, and
machines or builds whose results differ, before the first prediction is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["make", "sample"]

_STEPS = 8
# Of a unit: what an answer that is close to float64 by chance may change by, for one state of all.
_NEXT_NUMBER = 2e-3

Run = Callable[[NDArray[np.float64]], NDArray[Any]]


def sample(
    mean: NDArray[Any], scale: NDArray[Any], frame_length: int = 1, frame_step: int = 1
) -> NDArray[np.float64]:
    """Return a sequence (steps, features) that resembles data of this mean and spread.

    It has three frames or more, and whole ones: a stream's last answer is then the one to the sequence.
    """
    frames = max(2, -(-(_STEPS - frame_length) // frame_step))  # behind the first one
    steps = frame_length + frames * frame_step
    t, feature = np.arange(steps)[:, None], np.arange(len(mean))[None, :]
    wave = np.sin(0.7 * t + 1.3 * feature + 0.2 * t * feature)
    return np.asarray(mean + 1.5 * scale * wave.astype(np.float32), dtype=np.float64)


def make(
    run: Run, run_exact: Run, x: NDArray[np.float64], unit: NDArray[Any], precision: str = "highest"
) -> dict[str, NDArray[np.float64]]:
    """Return the tensors of a self-test.

    Parameters
    ----------
    run : callable
        The model: from x (steps, features) to (answers, outputs), in its own precision.
    run_exact : callable
        The same in float64. The difference of the two bounds the deviation of other instruction sets.
    x : ndarray of shape (steps, features)
        What `run` reads without rounding.
    unit : ndarray of shape (outputs,)
        The unit of each output: the scale of its values.
    precision : str, default="highest"
        That of `run`. With "int8" the difference of the two is that of the rounding, which all instruction
        sets share; where a last bit differs, a state may become the next whole number. With "high" it is that
        of two digits, which other machines do without.

    Returns
    -------
    dict of str to ndarray
        Empty if the predictions are not finite. Such a model is saved without a self-test.
    """
    answers = run(x)
    y, exact = np.asarray(answers, np.float64), np.asarray(run_exact(x), np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(exact).all()):
        return {}
    eps = float(np.finfo(answers.dtype).eps)
    with np.errstate(over="ignore"):
        error = np.abs(y - exact).max(axis=0)
        if precision == "int8":
            error = (3 * (error / unit).max() + _NEXT_NUMBER) * unit
        else:
            error = (100 if precision == "highest" else 3) * error
        tolerance = error + 16 * eps * np.abs(y).max(axis=0) + 1000 * eps * unit
    if not np.isfinite(tolerance).all():
        return {}
    return {"selftest.x": x, "selftest.y": y, "selftest.tolerance": tolerance}
