"""Model files: safetensors with metadata that describe the model (docs/model-file.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgru import _core, _int8

__all__ = ["Content", "ModelFile", "content", "load", "read", "save", "weights"]


class ModelFile(NamedTuple):
    """The contents of a model file, before they are interpreted."""

    version: int
    kind: str
    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


class Content(NamedTuple):
    """The contents of a model file that has passed every check of the core."""

    kind: str
    config: dict[str, Any]
    core: Any  # the layer or network of the extension
    tensors: dict[str, NDArray[np.float64]]  # tensors that are not in `core`
    metadata: dict[str, str]  # the user's own


def save(
    path: str | os.PathLike[str],
    kind: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model file; an existing file is replaced only once the new one is complete.

    Parameters
    ----------
    path : str or path-like
        Where to write. A symbolic link stays; the file that it points to is replaced.
    kind : str
        What `load` makes of it: one of the core's kinds, the name of a public class.
    config : mapping
        Values that JSON can hold, without NaN and infinities; keys are str.
    tensors : mapping of str to ndarray
        Arrays of any shape and of any dtype safetensors and NumPy share.
    metadata : mapping of str to str, optional
        The user's own metadata.

    Raises
    ------
    OSError
        The file cannot be written (FileNotFoundError: its folder is missing; PermissionError; …).
    TypeError, ValueError
        `config`, `tensors` or `metadata` hold something a model file cannot.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastgru import _model_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "m.safetensors"
    ...     _model_file.save(path, "GRU", {"hidden_size": 2}, {"bias_ih_l0": np.zeros(6, np.float32)})
    ...     _model_file.read(path).config
    {'hidden_size': 2}
    """
    path = os.fsdecode(path)
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping of str to str, got {type(metadata).__name__}")
    try:
        text = json.dumps(config, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        kind_of_error = TypeError if isinstance(error, TypeError) else ValueError
        raise kind_of_error(f"config must be what JSON can hold: {error}") from error
    _core.write_model(path, kind, text, tensors, {} if metadata is None else metadata)


def read(path: str | os.PathLike[str]) -> ModelFile:
    """Read a model file, with the checks that do not depend on its kind.

    Raises
    ------
    OSError
        The file cannot be read (FileNotFoundError, IsADirectoryError, PermissionError, …).
    ModelFormatError
        It is not a model file, is damaged, or was written in a newer format.
    """
    path = os.fsdecode(path)
    _core.check_model_file(path)
    metadata, tensors = _core.read_safetensors(path)
    config = json.loads(metadata["config"])  # checked: keys, nesting and numbers
    return ModelFile(int(metadata["format_version"]), metadata["kind"], config, tensors)


def weights(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file of any program; of a model file, without its self-test.

    Raises
    ------
    OSError, ModelFormatError
        As `load`.
    """
    path = os.fsdecode(path)
    metadata, tensors = _core.read_safetensors(path)
    if metadata.get("format") != "fastgru":
        return tensors
    _core.check_model_file(path)  # the checksum
    return _int8.read({name: value for name, value in tensors.items() if not name.startswith("selftest.")})


def content(path: str | os.PathLike[str]) -> Content:
    """Read a model file with all checks of the core, the self-test included.

    Raises
    ------
    OSError, ModelFormatError
        As `load`.
    """
    kind, _, config, core, tensors, metadata = _core.load_model(os.fsdecode(path))
    return Content(kind, json.loads(config), core, tensors, metadata)


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` of a layer or an estimator wrote. Loading never runs code from the file.

    Parameters
    ----------
    path : str or path-like
        A model file (safetensors).

    Returns
    -------
    object
        Of the class that was saved (of a subclass: its base here): `GRU`, `GRURegressor`, `GRUClassifier`,
        `GRUForecaster`, `GRUAnomalyDetector`, `GRULanguageModel`, `GRUTranscriber`,
        `GRUSeq2Seq`.

    Raises
    ------
    OSError
        The file cannot be read: FileNotFoundError, IsADirectoryError, PermissionError, … with the path.
    ModelFormatError
        It is not a model file, is damaged, does not fit together, or was written in a newer format, by a
        newer fastgru that the message names. A ModelFormatError is a ValueError.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import fastgru
    >>> gru = fastgru.GRU(3, 4, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gru.save(Path(folder) / "gru.safetensors")
    ...     again = fastgru.load(Path(folder) / "gru.safetensors")
    >>> again.hidden_size
    4
    """
    return built(path, content(path))


def built(path: str | os.PathLike[str], found: Content) -> Any:
    """Return the object that the contents of a file describe.

    Raises
    ------
    ModelFormatError
        They do not fit together.
    """
    path = os.fsdecode(path)
    try:
        # Imports the module of the class.
        return getattr(import_module("fastgru"), found.kind)._from_model_file(found)
    except _core.ModelFormatError as error:
        raise _core.ModelFormatError(f"{path!r}: {error}") from error
    except KeyError as error:
        raise _core.ModelFormatError(f"{path!r}: a {found.kind} needs {error}, which is missing") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise _core.ModelFormatError(f"{path!r}: not a valid {found.kind}: {error}") from error
