"""Estimators in pickles and in model files."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from numbers import Integral, Real
from os import PathLike
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from fastgru import _int8, _model_file, _self_test
from fastgru.estimators._file_values import finite_or_none
from fastgru.estimators._fit_loop import History
from fastgru.estimators._network import Architecture, Network, restored_network

_Self = TypeVar("_Self", bound="ModelFileMixin")

_HISTORY = ("history.loss_curve", "history.validation_scores")


class OwnMetadataMixin:
    """The user's own metadata of what can be saved."""

    _own_metadata: dict[str, str]

    @property
    def metadata_(self) -> dict[str, str]:
        """Your own metadata: what `fastgru.load` found, or what you put here; `save` writes them."""
        check_is_fitted(self)
        if "_own_metadata" not in vars(self):
            self._own_metadata = {}
        return self._own_metadata

    def _metadata_to_save(self, given: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return what ``save`` was given, or else what there is."""
        return vars(self).get("_own_metadata") if given is None else given


class ModelFileMixin(OwnMetadataMixin):
    """``save``, the constructor for ``fastgru.load``, and pickling of the network as plain arrays."""

    _network: Network
    _architecture: Architecture
    _history: History
    _seed: int
    _n_dims: int
    _trainer_state: dict[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[misc]  # BaseEstimator's
        network = state.pop("_network", None)
        if network is not None:
            state["_network_state"] = (network.parameters.copy(), network.scaling)
        if "_own_metadata" in state:
            state["_own_metadata"] = dict(state["_own_metadata"])  # a copy has its own
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = {"precision": "highest", **state}  # pickles of earlier versions have none
        saved = state.pop("_network_state", None)
        if saved is not None:
            state["_architecture"] = {"precision": "highest", **state["_architecture"]}
            state["_network"] = restored_network(state["_architecture"], saved[0], saved[1])
        super().__setstate__(state)  # type: ignore[misc]  # BaseEstimator's

    def _inputs_config(self) -> dict[str, Any]:
        """Return what the estimator knows of X, for a file."""
        return {
            "n_features_in": self.n_features_in_,
            "n_dims": self._n_dims,
            "feature_names_in": [str(name) for name in getattr(self, "feature_names_in_", ())],
        }

    def _restore_inputs(self, fitted: dict[str, Any]) -> None:
        """Restore what `_inputs_config` returned."""
        self._n_dims = _whole(fitted, "n_dims", 2, 3)
        self.n_features_in_ = _whole(fitted, "n_features_in", 1, 2**63 - 1)
        if self._network.features != (1 if self._n_dims == 2 else self.n_features_in_):
            raise ValueError("n_features_in does not fit the network's input_size")
        names = fitted["feature_names_in"]
        if names:
            if not all(isinstance(name, str) for name in names) or len(names) != self.n_features_in_:
                raise ValueError("feature_names_in must be one text per feature")
            self.feature_names_in_ = np.array(names, dtype=object)

    def _fitted_config(self) -> dict[str, Any]:
        """Return the rest of the fitted state for a file, as JSON values."""
        return {}

    def _restore_fitted(self, fitted: dict[str, Any]) -> None:
        """Restore the state that `_fitted_config` returned."""

    def save(self, path: str | PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the fitted estimator to a safetensors file; ``fastgru.load`` reads it back.

        The file holds the weights, the scaling, the constructor's parameters and the fitted numbers: no code
        and no pickle. It leaves out four things: a `random_state` that is a RandomState instance and
        `callbacks` (stored as None), the optimiser's moments (training that goes on from a loaded estimator
        starts them anew), and the report of `quantize`. An object of a subclass of your own is saved as the
        class of this package that it is, with the parameters of that class; pickle keeps your class.

        Parameters
        ----------
        path : str or path-like
            Where to write; an existing file is replaced only once the new one is complete.
        metadata : mapping of str to str, optional
            Your own metadata, such as a sample rate, at most 1000 keys: ``metadata_`` of the loaded
            estimator, and readable in C and C++. The estimator's ``metadata_`` if not given.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        OSError
            The file cannot be written.
        TypeError, ValueError
            `metadata` holds something else than texts, or a zero byte.
        """
        check_is_fitted(self)
        config, tensors = self._file_content()
        own = self._metadata_to_save(metadata)
        _model_file.save(path, self._kind().__name__, config, tensors, own)

    def _file_content(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the configuration and the tensors of a file: `_from_model_file` reads them."""
        history = self._history
        config = {
            "params": params_for_file(self, self._kind()),
            "network": dict(self._architecture),
            "fitted": {
                **self._inputs_config(),
                "n_iter": history.n_iter,
                "best_loss": finite_or_none(history.best_loss),
                "best_validation_score": finite_or_none(history.best_score),
                "early_stopped": history.validation_scores is not None,
                "seed": self._seed,
                **self._fitted_config(),
            },
        }
        tensors = self._network.tensors
        if self._architecture["precision"] == "int8":
            tensors = _int8.stored(tensors)
        for name, values in zip(_HISTORY, (history.loss_curve, history.validation_scores or []), strict=True):
            tensors[name] = np.array(values, dtype=np.float64)
        tensors.update(self._self_test())
        return config, tensors

    @classmethod
    def _kind(cls) -> Any:
        """Return the class of this package that a file names: of a subclass, its nearest base among them."""
        return next(each for each in cls.__mro__ if each.__module__.partition(".")[0] == "fastgru")

    def _self_test(self) -> dict[str, NDArray[Any]]:
        x, unit = self._self_test_input()
        exact = functools.partial(self._self_test_answers, dtype="float64")
        return _self_test.make(self._self_test_answers, exact, x, unit, self._architecture["precision"])

    def _self_test_input(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return a sequence (steps, features), and the unit of each output."""
        x_mean, x_scale, _, y_scale = self._network.scaling
        frame = self._architecture["frame_length"], self._architecture["frame_step"]
        x = _self_test.sample(x_mean, x_scale, *frame)
        if self._architecture["vocabulary_size"] > 0:
            ids = 1 + np.arange(len(x)) % (self._architecture["vocabulary_size"] - 1)
            x = ids[:, None].astype(np.float64)
        return x, np.repeat(y_scale, max(1, len(self._architecture["quantiles"])))

    def _self_test_answers(self, x: NDArray[np.float64], dtype: str | None = None) -> NDArray[Any]:
        """Return the network's predictions (1 or steps, outputs) for x (steps, features)."""
        network = self._network
        if dtype is not None and dtype != self._architecture["dtype"]:
            flat = network.parameters.astype(dtype)
            exact = {**self._architecture, "dtype": dtype, "precision": "highest"}
            network = restored_network(exact, flat, network.scaling)
        tokens = self._architecture["vocabulary_size"] > 0
        answers = network.predict((x.astype(np.int64) if tokens else x)[None])
        return answers.reshape(-1, answers.shape[-1])

    @classmethod
    def _from_model_file(cls: type[_Self], content: _model_file.Content) -> _Self:
        """Build the saved estimator; check its parameters and fitted state (the core checked the rest)."""
        estimator: Any = cls(**params_from_file(content.config["params"]))
        estimator._validate_params()
        estimator._restore(content)
        estimator._publish()
        return cast(_Self, estimator)

    def _restore(self, content: _model_file.Content) -> None:
        """Restore the fitted state from the contents of a file."""
        fitted = content.config["fitted"]
        self._own_metadata = dict(content.metadata)
        self._architecture, self._network = content.config["network"], content.core
        self._seed = _whole(fitted, "seed", 0, 2**64 - 1)
        self._trainer_state = {"solver": None, "state": {}}
        self._restore_inputs(fitted)
        losses, scores = (content.tensors[name].tolist() for name in _HISTORY)
        self._history = History(
            loss_curve=losses,
            validation_scores=scores if fitted["early_stopped"] else None,
            best_loss=_number_or_none(fitted, "best_loss"),
            best_score=_number_or_none(fitted, "best_validation_score"),
            n_iter=_whole(fitted, "n_iter", 0, 2**63 - 1),
        )
        self._restore_fitted(fitted)


def params_for_file(estimator: Any, kind: Any) -> dict[str, Any]:
    """Return the constructor's parameters that the class `kind` knows, as JSON values.

    ``kind._replaced_in_files`` names parameters that may be objects, and what a file has in their place.
    """
    replaced = getattr(kind, "_replaced_in_files", {})
    values = {name: getattr(estimator, name) for name in kind._get_param_names()}
    for name, instead in replaced.items():
        if not isinstance(values[name], (str, type(None))):
            values[name] = instead
    return {name: _plain(name, value) for name, value in values.items()}


def _plain(name: str, value: Any) -> Any:
    """Return a constructor parameter as a JSON value."""
    if name == "callbacks" or (name == "random_state" and not isinstance(value, Integral)):
        return None
    if isinstance(value, dict):  # JSON's keys are texts; pairs keep the type of the keys
        return {"pairs": [[_plain(name, part) for part in pair] for pair in value.items()]}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(name, part) for part in value]
    return _plain_scalar(name, value)


def _plain_scalar(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return "inf" if value == np.inf else float(value)
    raise ValueError(f"{name}={value!r} cannot be written to a model file")


def _unpaired(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_unpaired(name, part) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"pairs"} or not isinstance(value["pairs"], list):
        raise ValueError(f"{name} must be a list of pairs, got {value!r}")
    return dict(value["pairs"])


def params_from_file(params: dict[str, Any]) -> dict[str, Any]:
    """Invert `params_for_file`. Only one parameter may be infinite; dicts are stored as pairs."""
    infinite = {"n_iter_no_change": np.inf} if params.get("n_iter_no_change") == "inf" else {}
    return {**{name: _unpaired(name, value) for name, value in params.items()}, **infinite}


def _number_or_none(fitted: dict[str, Any], name: str) -> float | None:
    value = fitted[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def _whole(values: dict[str, Any], name: str, least: int, most: int) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be an integer from {least} to {most}, got {value!r}")
    return value
