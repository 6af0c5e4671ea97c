"""Checks for NaN, infinity and numbers too large for the dtype of the computation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array


def check_finite(array: NDArray[Any], computed_in: str, name: str, *, allow_nan: bool = False) -> None:
    """Raise ValueError where `array` holds what a network of dtype `computed_in` cannot take."""
    try:
        check_array(
            array,
            dtype=None,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite="allow-nan" if allow_nan else True,
            ensure_min_samples=0,
            ensure_min_features=0,
            input_name=name,
        )
    except ValueError as error:
        if name.startswith("X") and "NaN" in str(error):
            # Without scikit-learn's advice to take another estimator: this one can handle NaN.
            raise ValueError(
                f"{error} Fill missing values in, or fit with missing='mask': the network then reads the "
                "mean in their place, and which they are"
            ) from None
        raise
    limit = np.finfo(computed_in).max
    # fmax and fmin ignore NaN.
    if array.size and (np.fmax.reduce(array, axis=None) > limit or np.fmin.reduce(array, axis=None) < -limit):
        raise ValueError(f"Input {name} contains a value too large for dtype('{computed_in}').")
