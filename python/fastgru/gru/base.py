"""Base of the layer: configuration, weights by name, saving, pickling and copying."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastgru import _core, _int8, _model_file, _self_test
from fastgru._conversion import ConversionReport
from fastgru.gru import parameters
from fastgru.gru.quantization import QuantizationReport

__all__ = ["Config", "Gradients", "Layer", "checked_config"]

_PRECISIONS = _core.layer_choices()["precision"]
_CORES: dict[str, type[_core.GruF32] | type[_core.GruF64]] = {
    "float32": _core.GruF32,
    "float64": _core.GruF64,
}
_Self = TypeVar("_Self", bound="Layer")


@dataclass(frozen=True)
class Gradients:
    """Gradients of a scalar with respect to all inputs of forward, as `GRU.backward` returns them.

    Attributes
    ----------
    x : ndarray
        Gradient of x, with the shape and dtype of the `x` of `GRU.forward_train`; zero beyond a row's length.
    h0 : ndarray of shape (L·D, B, H), or (L·D, H) unbatched
        Gradient of the initial states, also if no `h0` was passed.
    params : dict of str to ndarray
        Gradients of the weights, with the names and shapes of `GRU.state_dict`.
    """

    x: NDArray[Any]
    h0: NDArray[Any]
    params: dict[str, NDArray[Any]]


class Config(NamedTuple):
    """The constructor's checked arguments. The first nine are those of the core."""

    input_size: int
    hidden_size: int
    num_layers: int = 1
    bias: bool = True
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False
    reset_after: bool = True
    precision: str = "highest"
    dtype: str = "float32"


def checked_config(
    *,
    input_size: Any,
    hidden_size: Any,
    num_layers: Any,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    bidirectional: Any,
    reset_after: Any,
    precision: Any,
    dtype: DTypeLike,
) -> Config:
    """Check and convert the arguments; TypeError or ValueError names the first bad one."""
    name = _checked_dtype(dtype)
    if precision == "int8" and name == "float64":
        raise ValueError("precision='int8' needs dtype='float32'; float64 computes everything exactly")
    return Config(
        parameters.check_size("input_size", input_size),
        parameters.check_size("hidden_size", hidden_size),
        parameters.check_size("num_layers", num_layers),
        parameters.check_flag("bias", bias),
        parameters.check_flag("batch_first", batch_first),
        parameters.check_dropout(dropout),
        parameters.check_flag("bidirectional", bidirectional),
        parameters.check_flag("reset_after", reset_after),
        _checked_precision(precision),
        name,
    )


def _checked_precision(precision: Any) -> str:
    if not isinstance(precision, str) or precision not in _PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(_PRECISIONS)}, got {precision!r}")
    return str(precision)


def _checked_dtype(dtype: DTypeLike) -> str:
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:
        raise TypeError(f"dtype must be float32 or float64, got {dtype!r}") from None
    if dtype is None or name not in _CORES:
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    return name


class Layer:
    """The part of `GRU` without computations."""

    _config: Config
    _core: _core.GruF32 | _core.GruF64
    _random: np.random.Generator
    _metadata: dict[str, str]
    quantization_report: QuantizationReport | None = None  # of a layer that `quantize` made
    conversion_report: ConversionReport | None = None  # of a layer that came from another library

    def _configure(self, config: Config) -> None:
        self._config = config
        self._metadata = {}
        self._core = _CORES[config.dtype](*config[:9])

    @property
    def input_size(self) -> int:
        """Features of `x` per step."""
        return self._config.input_size

    @property
    def hidden_size(self) -> int:
        """Size of the state."""
        return self._config.hidden_size

    @property
    def num_layers(self) -> int:
        """Layers stacked."""
        return self._config.num_layers

    @property
    def bias(self) -> bool:
        """Whether the gates have biases."""
        return self._config.bias

    @property
    def batch_first(self) -> bool:
        """Whether sequences are (B, T, ·) instead of (T, B, ·)."""
        return self._config.batch_first

    @property
    def dropout(self) -> float:
        """Probability of dropout between layers, in `forward_train`."""
        return self._config.dropout

    @property
    def bidirectional(self) -> bool:
        """Whether there are two directions."""
        return self._config.bidirectional

    @property
    def reset_after(self) -> bool:
        """Whether the reset gate acts after the recurrent product."""
        return self._config.reset_after

    @property
    def precision(self) -> str:
        """How exactly products are computed."""
        return self._config.precision

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of weights, states and results."""
        return np.dtype(self._config.dtype)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the weights with PyTorch's names and shapes.

        Returns
        -------
        dict of str to ndarray
            ``weight_ih_l0`` (3H, I), ``weight_hh_l0`` (3H, H), ``bias_ih_l0`` (3H,), ``bias_hh_l0`` (3H,),
            with row blocks in the gate order r, z, n. With two directions, ``…_l0_reverse`` follows; then
            layer 1, whose weight_ih is (3H, D·H). The arrays are read-only views of this version of the
            weights: a later `load_state_dict` does not change them.

        Examples
        --------
        >>> import fastgru
        >>> [*fastgru.GRU(3, 4, bias=False).state_dict()]
        ['weight_ih_l0', 'weight_hh_l0']
        """
        return parameters.named(self._core.parameters, self._core.parameter_layout)

    def load_state_dict(
        self, state_dict: Mapping[str, Any] | str | os.PathLike[str], prefix: str = ""
    ) -> None:
        """Replace all weights.

        Parameters
        ----------
        state_dict : mapping of str to array-like, or path
            Arrays or PyTorch tensors with the names and shapes of `state_dict`; or a file of safetensors.
        prefix : str, default=""
            What the names begin with: ``"encoder.gru."`` for a GRU within a larger model. Names that begin
            otherwise are then left alone; without a prefix every name must be one of this layer's.

        Raises
        ------
        TypeError
            `state_dict` is neither a mapping nor a path, or a value does not hold real numbers.
        ValueError
            A name is missing or unknown, a shape is wrong, or a value is beyond the range of the layer's
            dtype. Where another prefix would fit, the message names it. The weights are then unchanged.
        OSError, ModelFormatError
            The file cannot be read, or is no safetensors file.

        Examples
        --------
        >>> import fastgru
        >>> one, other = fastgru.GRU(3, 4), fastgru.GRU(3, 4)
        >>> other.load_state_dict(one.state_dict())
        >>> whole = {f"encoder.{name}": value for name, value in one.state_dict().items()}
        >>> other.load_state_dict(whole, prefix="encoder.")
        """
        if isinstance(state_dict, (str, os.PathLike)):
            state_dict = _model_file.weights(state_dict)
        layout = self._core.parameter_layout
        self._core.set_parameters(parameters.flatten(state_dict, layout, self.dtype, prefix))
        self.quantization_report = self.conversion_report = None  # they spoke of the weights before

    @property
    def metadata(self) -> dict[str, str]:
        """Your own metadata: what `load` found, or what you put here; `save` writes them."""
        return self._metadata

    def save(self, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write the layer to a model file (safetensors) that `fastgru.load` reads.

        An object of a subclass is saved as the `GRU` that it is; pickle keeps its class.

        Parameters
        ----------
        path : str or path-like
            Where to write; an existing file is replaced only once the new one is complete.
        metadata : mapping of str to str, optional
            Your own metadata, such as a sample rate, at most 1000 keys: `metadata` of the loaded layer, and
            readable in C and C++. The layer's `metadata` if not given.

        Raises
        ------
        OSError
            The file cannot be written.
        TypeError, ValueError
            `metadata` holds something else than texts, or a zero byte.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import fastgru
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "gru.safetensors"
        ...     fastgru.GRU(3, 4).save(path, metadata={"sample_rate": "16000"})
        ...     gru = fastgru.load(path)
        >>> gru, gru.metadata
        (GRU(input_size=3, hidden_size=4), {'sample_rate': '16000'})
        """
        exact = functools.partial(self._self_test_answers, dtype="float64")
        self_test = _self_test.make(self._self_test_answers, exact, *self._self_test_input(), self.precision)
        weights = self.state_dict()
        tensors = {**(_int8.stored(weights) if self.precision == "int8" else weights), **self_test}
        own = self._metadata if metadata is None else metadata
        _model_file.save(path, "GRU", self._config._asdict(), tensors, own)

    def _self_test_input(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return a sequence (steps, input_size), and the unit of the states."""
        features = np.zeros(self.input_size)
        return _self_test.sample(features, features + 1), np.ones(1)

    def _self_test_answers(self, x: NDArray[np.float64], dtype: str | None = None) -> NDArray[Any]:
        """Return the states of the top layer, (steps, D·H), for x (steps, input_size)."""
        dtype = dtype or self._config.dtype
        core = self._core
        if dtype != self._config.dtype:
            core = _CORES[dtype](*self._config[:8])
            core.set_parameters(self._core.parameters.astype(dtype))
        return core.forward(x.astype(dtype))[0]

    @classmethod
    def _from_model_file(cls: type[_Self], content: _model_file.Content) -> _Self:
        layer = cls.__new__(cls)
        layer._random = parameters.generator(None)
        layer._config = Config(**content.config)
        layer._core = content.core
        layer._metadata = dict(content.metadata)
        return layer

    def __getstate__(self) -> dict[str, Any]:
        return {
            "config": self._config._asdict(),
            "parameters": self._core.parameters,
            "random": self._random,
            "metadata": self._metadata,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._random = state["random"]
        self._configure(Config(**state["config"]))
        self._core.set_parameters(state["parameters"])
        self._metadata = dict(state.get("metadata", {}))  # pickles of earlier versions have none

    def __repr__(self) -> str:
        defaults = Config._field_defaults
        shown = [
            f"{name}={value!r}"
            for name, value in self._config._asdict().items()
            if name not in defaults or value != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"
