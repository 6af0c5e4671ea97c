"""Class labels: finding, encoding and decoding them, and storing them in model files."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from fastgru._targets import read_targets


def refuse_mixed_labels(y: Any, *, missing: bool = False) -> None:
    """Raise ValueError where lists or objects in `y` hold texts beside other values.

    NumPy turns numbers among texts into texts: 1 and "1" would be one class, and NaN the class "nan".
    `missing`: NaN, None and pandas' NA are no labels, and may stand beside texts.
    """
    texts, others = _first_of_each(y, missing)
    if texts and others:
        raise ValueError(
            f"y mixes texts with other values, {texts[0]!r} with {others[0]!r}: labels are all texts or all "
            "numbers" + ("" if missing else ", and none is missing")
        )


def _first_of_each(y: Any, missing: bool) -> tuple[list[Any], list[Any]]:
    """Return the first text in `y` and the first other value: lists of one item or none."""
    if isinstance(y, np.ndarray) and y.dtype != object:
        one = [item.item() for item in y.flat[:1]]
        return (one, []) if y.dtype.kind == "U" else ([], one)
    if not isinstance(y, (list, tuple, np.ndarray)):
        y = read_targets(y)  # a Series, for example
        return _first_of_each(y, missing) if isinstance(y, (list, np.ndarray)) else ([], [])
    items = list(y)
    if any(_is_part(kind) for kind in set(map(type, items))):
        parts = [_first_of_each(item, missing) for item in items]
        return [text for part in parts for text in part[0]][:1], [o for part in parts for o in part[1]][:1]
    first_text = next(([item] for item in items if isinstance(item, str)), [])
    others = (item for item in items if not isinstance(item, str))
    return first_text, next(([item] for item in others if not (missing and _is_missing(item))), [])


def _is_missing(item: Any) -> bool:
    return item is None or is_scalar_nan(item) or is_pandas_na(item)


def _is_part(kind: type) -> bool:
    """Tell whether objects of a class hold several labels."""
    arrays = hasattr(kind, "__array__") and not issubclass(kind, np.generic)
    return arrays or issubclass(kind, (list, tuple))


def check_labels(estimator: BaseEstimator, y: Any) -> tuple[NDArray[Any], bool]:
    """Return `y` as labels (n_samples,), or as a 0/1 table (n_samples, n_labels), and whether it is one.

    A column vector becomes labels, with the usual warning.

    Raises
    ------
    ValueError
        No `y`, NaN, wrong rank, texts among numbers, or values that are no classes: real numbers, or a table
        of anything but 0 and 1.
    """
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    if scipy.sparse.issparse(y):
        y = y.toarray()
    refuse_mixed_labels(y)
    labels = check_array(
        read_targets(y),
        dtype=None,
        ensure_2d=False,
        ensure_min_samples=0,
        estimator=estimator,
        input_name="y",
    )
    if labels.ndim not in (1, 2) or labels.size == 0:
        raise ValueError(f"y should be of shape (n_samples,) or (n_samples, n_labels), got {labels.shape}")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    labels = _without_objects(labels)
    check_classification_targets(labels)
    kind = type_of_target(labels, input_name="y")
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y is a table of several classes a column (multiclass-multioutput): fit one estimator per "
            "column; several labels at once are a table of 0 and 1"
        )
    if kind == "multilabel-indicator" and not np.isin(labels, (0, 1)).all():
        values = ", ".join(str(value) for value in np.unique(labels))
        raise ValueError(
            f"y is a table of the values {values}: a table of labels holds 1 where a sample has the label "
            f"and 0 where it has not, as (y == {labels.max()}).astype(int) does"
        )
    return labels, kind == "multilabel-indicator"


def _without_objects(labels: NDArray[Any]) -> NDArray[Any]:
    """Return objects that are numbers or bool as an array of these; refuse numbers among texts."""
    if labels.dtype != object:
        return labels
    refuse_mixed_labels(labels)
    if all(isinstance(label, (bool, np.bool_, int, float, np.number)) for label in labels.flat):
        return np.array(labels.tolist())
    return labels


def check_classes(classes: Any, *, name: str = "classes") -> NDArray[Any]:
    """Return the labels that a caller announces, sorted and each once.

    Raises
    ------
    ValueError
        They are no list of labels: another rank, none, missing values, texts among numbers.
    """
    classes = list(classes) if isinstance(classes, Set) else classes  # keys of a dict, too
    refuse_mixed_labels(classes)
    labels = _without_objects(np.asarray(classes))
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"{name} must be a list of labels, (n_classes,), got {classes!r}")
    texts = all(isinstance(label, str) for label in labels)
    if not texts and (labels.dtype.kind not in "biufM" or np.any(labels != labels)):  # noqa: PLR0124  # NaN
        raise ValueError(f"{name} must be numbers or texts, got {classes!r}")
    return np.unique(labels)


def classes_of(labels: NDArray[Any], *, multilabel: bool) -> NDArray[Any]:
    """Return the sorted classes, or the column numbers of a table."""
    return np.arange(labels.shape[1]) if multilabel else np.asarray(unique_labels(labels))


def encode_labels(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of every label in the sorted `classes`.

    Raises
    ------
    ValueError
        A label is not one of them.
    """
    try:
        places = np.searchsorted(classes, labels)
        known = classes[np.minimum(places, len(classes) - 1)] == labels
    except TypeError:  # numbers compared with texts
        known = np.zeros(len(labels), dtype=bool)
    if not np.all(known):
        unseen = sorted({str(label) for label in labels[~np.asarray(known)]})
        known_ones = ", ".join(str(label) for label in classes[:10])
        raise ValueError(
            f"y has the labels {', '.join(unseen[:5])}{', …' if len(unseen) > 5 else ''}, which are not "
            f"among the classes of the first call: {known_ones}"
        )
    return np.asarray(places, dtype=np.int64)


def classes_to_json(classes: NDArray[Any]) -> dict[str, Any]:
    """Return the classes in the form of a model file.

    Raises
    ------
    ValueError
        They are neither numbers nor texts.
    """
    kind = classes.dtype.kind
    if kind == "O":
        if not all(isinstance(label, str) for label in classes):
            raise ValueError("classes_ cannot be written to a model file: they are neither numbers nor texts")
        return {"dtype": "object", "values": list(classes)}
    if kind not in "biufU":
        raise ValueError(f"classes_ of dtype {classes.dtype} cannot be written to a model file")
    return {"dtype": classes.dtype.str, "values": classes.tolist()}


def classes_from_json(saved: Any) -> NDArray[Any]:
    """Invert `classes_to_json`; nothing in a file is trusted.

    Raises
    ------
    ValueError
        It is not what `classes_to_json` returns, or the classes do not rise.
    """
    if not isinstance(saved, dict) or set(saved) != {"dtype", "values"}:
        raise ValueError(f"classes must have dtype and values, got {saved!r}")
    values = saved["values"]
    if not isinstance(values, list) or not values:
        raise ValueError(f"classes must be a list, got {values!r}")
    kinds = {bool: "b", int: "iu", float: "f", str: "UO"}
    dtype = np.dtype(object if saved["dtype"] == "object" else str(saved["dtype"]))
    if any(dtype.kind not in kinds.get(type(value), "") for value in values):
        raise ValueError(f"classes are not of dtype {saved['dtype']!r}")
    classes = np.array(values, dtype=dtype)
    if not np.all(classes[:-1] < classes[1:]) or classes.tolist() != values:
        raise ValueError("classes must rise")
    return classes
