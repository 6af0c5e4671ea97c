"""The compiled extension. tests/python/test_stubs.py holds this file against the built module."""

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, Generic, TypeVar, type_check_only

import numpy as np
from numpy.typing import ArrayLike, NDArray

_S = TypeVar("_S", np.float32, np.float64)

version: str
openmp: bool
compiler: str
eigen_version: str
model_format_version: int

max_threads: int

def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def available_cores() -> int: ...
def isa_names() -> list[str]: ...
def compiled_isa_names() -> list[str]: ...
def isa() -> str: ...
def isa_warning() -> str: ...
def set_isa(name: str) -> None: ...
def recipes() -> dict[str, str]: ...
def reproducible() -> bool: ...
def set_reproducible(on: bool) -> None: ...
def check_model_file(path: str | PathLike[str]) -> None: ...
def load_model(
    path: str | PathLike[str],
) -> tuple[
    str,
    int,
    str,
    GruF32 | GruF64 | NetworkF32 | NetworkF64,
    dict[str, NDArray[np.float64]],
    dict[str, str],
]: ...
def round_to_int8(matrix: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.float32]]: ...
def model_kinds() -> list[str]: ...
def network_defaults() -> dict[str, Any]: ...
def network_choices() -> dict[str, list[str]]: ...
def layer_choices() -> dict[str, list[str]]: ...
def training_fields() -> list[str]: ...
def losses() -> dict[str, str]: ...
def read_safetensors(
    source: str | PathLike[str] | bytes,
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]: ...
def write_model(
    path: str | PathLike[str],
    kind: str,
    config: str,
    tensors: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str] = {},
) -> None: ...
def write_safetensors(
    path: str | PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None: ...
def ctc_best_path(log_proba: ArrayLike) -> list[int]: ...
def ctc_beam_search(
    log_proba: ArrayLike,
    beam_width: int,
    lexicon: CtcLexicon | None = None,
    scorer: Any = None,
    scorer_weight: float = 1.0,
    label_bonus: float = 0.0,
) -> tuple[list[int], float, float]: ...
def ctc_align(log_proba: ArrayLike, labels: list[int]) -> tuple[list[int], list[int], float]: ...

class CtcLexicon:
    def __init__(self, words: list[list[int]], separator: int) -> None: ...

class ModelFormatError(ValueError): ...

@type_check_only
class _Tape(Generic[_S]): ...

@type_check_only
class _Stream(Generic[_S]):
    @property
    def batch_size(self) -> int: ...
    @property
    def state(self) -> NDArray[_S]: ...
    @state.setter
    def state(self, value: ArrayLike) -> None: ...
    def step(self, x: ArrayLike, out: NDArray[_S] | None = None) -> NDArray[_S]: ...
    def reset(self) -> None: ...

class StreamPool:
    def acquire(self, count: int | None = None) -> Any: ...
    def release(self, ids: ArrayLike) -> None: ...
    def reset(self, ids: ArrayLike) -> None: ...
    def step(self, ids: ArrayLike, x: Any, out: NDArray[Any] | None = None) -> NDArray[Any]: ...
    def save(self, ids: ArrayLike) -> NDArray[np.uint8]: ...
    def restore(self, ids: ArrayLike, states: NDArray[np.uint8]) -> None: ...
    def answered(self, ids: ArrayLike) -> NDArray[np.bool_]: ...
    @property
    def ids(self) -> NDArray[np.int64]: ...
    @property
    def capacity(self) -> int: ...
    def __len__(self) -> int: ...

@type_check_only
class _Gru(Generic[_S]):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        reset_after: bool = True,
        precision: str = "highest",
    ) -> None: ...
    @property
    def parameter_layout(self) -> list[tuple[str, tuple[int, ...]]]: ...
    @property
    def parameters(self) -> NDArray[_S]: ...
    def set_parameters(self, flat: ArrayLike) -> None: ...
    def set_tensors(self, tensors: list[NDArray[Any]]) -> None: ...
    def has_tensors(self, tensors: list[NDArray[Any]], every: int = 1) -> bool: ...
    def forward(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        out: NDArray[_S] | None = None,
    ) -> tuple[NDArray[_S], NDArray[_S]]: ...
    def explain(self, T: int, B: int) -> str: ...

@type_check_only
class _Network(Generic[_S]):
    def __init__(self, **kwargs: Any) -> None: ...  # fields: network_defaults()
    @property
    def features(self) -> int: ...
    def summary(self, standardized: bool) -> list[tuple[str, tuple[str, ...], int]]: ...
    @property
    def parameter_layout(self) -> list[tuple[str, tuple[int, ...]]]: ...
    @property
    def parameters(self) -> NDArray[_S]: ...
    @property
    def scaling(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
    @property
    def tensors(self) -> dict[str, NDArray[Any]]: ...
    def set_parameters(self, flat: ArrayLike) -> None: ...
    def set_scaling(
        self, x_mean: ArrayLike, x_scale: ArrayLike, y_mean: ArrayLike, y_scale: ArrayLike
    ) -> None: ...
    def inputs(self, x: ArrayLike | list[NDArray[Any]]) -> NDArray[_S]: ...
    def losses(
        self,
        x: ArrayLike | list[NDArray[Any]],
        y: ArrayLike | list[NDArray[Any]],
        lengths: ArrayLike | None = None,
        num_threads: int = 0,
    ) -> NDArray[np.float64]: ...
    def predict(
        self,
        x: ArrayLike | list[NDArray[Any]],
        lengths: ArrayLike | None = None,
        rows: ArrayLike | None = None,
        raw: bool = False,
        num_threads: int = 0,
    ) -> NDArray[_S]: ...

@type_check_only
class _Trainer(Generic[_S]):
    learning_rate: float
    @property
    def batch_losses(self) -> list[float]: ...
    @property
    def epoch(self) -> int: ...
    @property
    def step_count(self) -> int: ...
    def run_epoch(
        self,
        x: ArrayLike | list[NDArray[Any]],
        y: ArrayLike | list[NDArray[Any]],
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        rows: ArrayLike | None = None,
        class_weight: ArrayLike | None = None,
        step_weight: ArrayLike | list[NDArray[Any]] | None = None,
    ) -> float: ...
    def evaluate(
        self,
        x: ArrayLike | list[NDArray[Any]],
        y: ArrayLike | list[NDArray[Any]],
        sample_weight: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        rows: ArrayLike | None = None,
        class_weight: ArrayLike | None = None,
        step_weight: ArrayLike | list[NDArray[Any]] | None = None,
    ) -> float: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: Mapping[str, Any]) -> None: ...

class TapeF32(_Tape[np.float32]): ...
class TapeF64(_Tape[np.float64]): ...

class StreamF32(_Stream[np.float32]):
    def copy(self) -> StreamF32: ...
    def __copy__(self) -> StreamF32: ...
    def __deepcopy__(self, memo: Any) -> StreamF32: ...

class StreamF64(_Stream[np.float64]):
    def copy(self) -> StreamF64: ...
    def __copy__(self) -> StreamF64: ...
    def __deepcopy__(self, memo: Any) -> StreamF64: ...

class GruF32(_Gru[np.float32]):
    def forward_train(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        seed: int = 0,
        low_memory: bool = False,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], TapeF32]: ...
    def backward(
        self,
        tape: TapeF32,
        dy: ArrayLike | None = None,
        dh_n: ArrayLike | None = None,
        wants_dx: bool = True,
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32], NDArray[np.float32]]: ...
    def stream(self, batch_size: int = 1) -> StreamF32: ...
    def stream_pool(self, capacity: int, num_threads: int = 1) -> StreamPool: ...

class GruF64(_Gru[np.float64]):
    def forward_train(
        self,
        x: ArrayLike,
        h0: ArrayLike | None = None,
        lengths: ArrayLike | None = None,
        seed: int = 0,
        low_memory: bool = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], TapeF64]: ...
    def backward(
        self,
        tape: TapeF64,
        dy: ArrayLike | None = None,
        dh_n: ArrayLike | None = None,
        wants_dx: bool = True,
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64], NDArray[np.float64]]: ...
    def stream(self, batch_size: int = 1) -> StreamF64: ...
    def stream_pool(self, capacity: int, num_threads: int = 1) -> StreamPool: ...

class NetworkStreamF32(_Stream[np.float32]):
    @property
    def answered(self) -> bool: ...
    def copy(self) -> NetworkStreamF32: ...
    def __copy__(self) -> NetworkStreamF32: ...
    def __deepcopy__(self, memo: Any) -> NetworkStreamF32: ...

class NetworkStreamF64(_Stream[np.float64]):
    @property
    def answered(self) -> bool: ...
    def copy(self) -> NetworkStreamF64: ...
    def __copy__(self) -> NetworkStreamF64: ...
    def __deepcopy__(self, memo: Any) -> NetworkStreamF64: ...

@type_check_only
class _Generator(Generic[_S]):
    @property
    def rows(self) -> int: ...
    @property
    def logits(self) -> NDArray[_S]: ...
    def feed(self, tokens: NDArray[np.int64]) -> None: ...
    def generate(
        self,
        count: int,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        end: int = -1,
    ) -> NDArray[np.int64]: ...
    def probabilities(
        self, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
    ) -> NDArray[np.float64]: ...

class GeneratorF32(_Generator[np.float32]):
    def spread(self, row: int, count: int) -> GeneratorF32: ...
    def copy(self) -> GeneratorF32: ...

class GeneratorF64(_Generator[np.float64]):
    def spread(self, row: int, count: int) -> GeneratorF64: ...
    def copy(self) -> GeneratorF64: ...

class NetworkF32(_Network[np.float32]):
    def stream(
        self, batch_size: int = 1, reader: Callable[[Any], NDArray[Any]] | None = None
    ) -> NetworkStreamF32: ...
    def stream_pool(
        self,
        capacity: int,
        num_threads: int = 1,
        reader: Callable[[Any], NDArray[Any]] | None = None,
    ) -> StreamPool: ...
    def generator(self, rows: int = 1) -> GeneratorF32: ...

class NetworkF64(_Network[np.float64]):
    def stream(
        self, batch_size: int = 1, reader: Callable[[Any], NDArray[Any]] | None = None
    ) -> NetworkStreamF64: ...
    def stream_pool(
        self,
        capacity: int,
        num_threads: int = 1,
        reader: Callable[[Any], NDArray[Any]] | None = None,
    ) -> StreamPool: ...
    def generator(self, rows: int = 1) -> GeneratorF64: ...

class TrainerF32(_Trainer[np.float32]):
    def __init__(
        self,
        network: NetworkF32,
        *,
        solver: str = "adam",
        learning_rate: float = 5e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        momentum: float = 0.9,
        nesterov: bool = False,
        alpha: float = 0.0,
        clip_norm: float = 1.0,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        num_threads: int = 0,
        bptt: int = 0,
        recurrent_dropout: float = 0.0,
        stateful: bool = False,
    ) -> None: ...

class TrainerF64(_Trainer[np.float64]):
    def __init__(
        self,
        network: NetworkF64,
        *,
        solver: str = "adam",
        learning_rate: float = 5e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        momentum: float = 0.9,
        nesterov: bool = False,
        alpha: float = 0.0,
        clip_norm: float = 1.0,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        num_threads: int = 0,
        bptt: int = 0,
        recurrent_dropout: float = 0.0,
        stateful: bool = False,
    ) -> None: ...

class Seq2Seq:
    def __init__(self, **fields: Any) -> None: ...
    @property
    def parameter_layout(self) -> list[tuple[str, tuple[int, ...]]]: ...
    @property
    def parameters(self) -> NDArray[np.float32]: ...
    def set_parameters(self, flat: ArrayLike) -> None: ...
    @property
    def tensors(self) -> dict[str, NDArray[np.float32]]: ...
    def translate(
        self,
        sources: NDArray[np.int64],
        source_starts: NDArray[np.int64],
        max_lengths: NDArray[np.int64],
        *,
        num_beams: int = 1,
        length_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        unknown: bool = True,
        n_best: int = 1,
        num_threads: int = 0,
    ) -> list[list[tuple[NDArray[np.int64], float, float]]]: ...
    def score(
        self,
        sources: NDArray[np.int64],
        source_starts: NDArray[np.int64],
        targets: NDArray[np.int64],
        target_starts: NDArray[np.int64],
        num_threads: int = 0,
    ) -> NDArray[np.float64]: ...
    def attend(
        self,
        sources: NDArray[np.int64],
        source_starts: NDArray[np.int64],
        targets: NDArray[np.int64],
        target_starts: NDArray[np.int64],
        num_threads: int = 0,
    ) -> NDArray[np.float32]: ...

class Seq2SeqTrainer:
    def __init__(
        self,
        network: Seq2Seq,
        *,
        learning_rate: float = 0.005,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        alpha: float = 0.0,
        clip_norm: float = 1.0,
        batch_size: int = 64,
        shuffle: bool = True,
        seed: int = 0,
        label_smoothing: float = 0.0,
        num_threads: int = 0,
    ) -> None: ...
    learning_rate: float
    @property
    def batch_losses(self) -> list[float]: ...
    @property
    def epoch(self) -> int: ...
    def run_epoch(
        self,
        sources: NDArray[np.int64],
        source_starts: NDArray[np.int64],
        targets: NDArray[np.int64],
        target_starts: NDArray[np.int64],
    ) -> float: ...
    def evaluate(
        self,
        sources: NDArray[np.int64],
        source_starts: NDArray[np.int64],
        targets: NDArray[np.int64],
        target_starts: NDArray[np.int64],
    ) -> float: ...
