"""Outputs of a case in float64, by plain NumPy: a reference that owes nothing to the libraries compared."""

from __future__ import annotations

import numpy as np

from bench import data
from bench.cases import Case
from bench.data import Arrays


def outputs(case: Case, arrays: Arrays) -> np.ndarray:
    """Return y (steps, B, H) of a case of one layer and one direction without row lengths.

    Raises
    ------
    ValueError
        The case is another one.
    """
    if case.L != 1 or case.D != 1 or case.ragged:
        raise ValueError(f"{case.name}: one layer, one direction and whole rows only")
    weights = {name: array.astype(np.float64) for name, array in data.weights_of(case, arrays).items()}
    x = arrays["x"].astype(np.float64)
    gx = x @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    h = np.zeros((x.shape[1], case.H))
    y = np.empty((*x.shape[:2], case.H))
    for t, gx_t in enumerate(gx):
        gh = h @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(gx_t, 3, axis=1), np.split(gh, 3, axis=1)
        z = _sigmoid(x_z + h_z)
        n = np.tanh(x_n + _sigmoid(x_r + h_r) * h_n)
        h = y[t] = (1.0 - z) * n + z * h
    return y


def largest_error(exact: np.ndarray, y: np.ndarray) -> float:
    """Return the largest absolute error of outputs."""
    return float(np.abs(exact - y).max())


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * a))
