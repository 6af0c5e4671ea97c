"""The weight of each class: "balanced", or a dict by label."""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_class_weight

# The estimator's parameter: by label, one dict for each column of a table, or "balanced".
ClassWeight: TypeAlias = dict[Any, float] | list[dict[int, float]] | str


def class_weights(
    class_weight: ClassWeight, codes: NDArray[np.int64], classes: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the weight of every class; of one that a dict does not name it is 1.

    Parameters
    ----------
    class_weight : dict or "balanced"
        ``{label: weight}``. "balanced" counts the classes in `codes`.
    codes : ndarray of int of shape (n,)
        The classes of the samples (or steps), as indices into `classes`.
    classes : ndarray of shape (n_classes,)
        All labels of the estimator: a batch may lack some of them.

    Raises
    ------
    ValueError
        A label of the dict is no class, while a class has no weight; or a weight is no finite number from 0
        on.
    """
    weights = np.ones(len(classes))
    if isinstance(class_weight, str):
        present = np.unique(codes)
        weights[present] = compute_class_weight(class_weight, classes=present, y=codes)
        return weights
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight must be a dict or 'balanced' where a sample has one label, got {class_weight!r}"
        )
    labels = classes.tolist()
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                f"class_weight must hold finite numbers that are not negative, got {weight!r} for {label!r}"
            )
    unknown = [label for label in class_weight if label not in labels]
    # A dict for all classes may name more: a fold of cross-validation can lack a rare one.
    if unknown and any(label not in class_weight for label in labels):
        raise ValueError(
            f"class_weight has {unknown[0]!r}, which is not among the classes: "
            + ", ".join(repr(label) for label in labels[:10])
        )
    for place, label in enumerate(labels):
        weights[place] = class_weight.get(label, 1.0)
    return weights


def weights_of_tables(class_weight: ClassWeight, table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of every row of a 0/1 table: the product over its labels.

    Raises
    ------
    ValueError
        Not one dict per column; or as `class_weights`.
    """
    columns = table.shape[1]
    if isinstance(class_weight, str):
        each: list[ClassWeight] = [class_weight] * columns
    elif isinstance(class_weight, list) and len(class_weight) == columns:
        each = [*class_weight]
    else:
        raise ValueError(
            f"class_weight must be 'balanced' or a list of {columns} dicts, one for each column of y, got "
            f"{class_weight!r}"
        )
    both = np.array([0, 1])
    factors = [class_weights(each[k], table[:, k], both)[table[:, k]] for k in range(columns)]
    return np.asarray(np.prod(factors, axis=0))
