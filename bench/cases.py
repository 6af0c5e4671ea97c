"""The cases of each suite."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

SUITES = (
    *("core", "training", "streaming", "precision", "deepbench"),
    *("fit", "heads", "stacked", "threads", "memory", "cpp"),
)
OWN_THREADS = ("heads", "threads")  # suites whose cases say themselves on how many threads they run
TRAINED = ("fit", "epoch")  # kinds that train an estimator: no operations are counted, no bound is known


@dataclass(frozen=True)
class Case:
    """One shape and the operation to time.

    `kind`: "infer" (a whole forward call), "train" (forward and backward, gradients of weights and of x),
    "stream" (one step with the state carried on), "fit" (a whole training of an estimator, counted in
    mini-batches), "epoch" (one in the midst of a training, counted in mini-batches), "memory" (the peak of
    "train"). `ragged`: rows of different lengths. `only`: the peers that are asked, None for all that can.

    Of an epoch: `batches` is how many mini-batches it has; `classes` what the head tells apart, 0 for one
    number; `vocabulary` how many tokens there are, embedded in I numbers, 0 for I numbers as they are;
    `every_step`: an answer at every step, not one for a sequence.
    """

    suite: str
    kind: str
    T: int
    B: int
    I: int  # noqa: E741
    H: int
    L: int = 1
    D: int = 1
    ragged: bool = False
    threads: int = 1
    only: tuple[str, ...] | None = None
    batches: int = 0
    classes: int = 0
    vocabulary: int = 0
    every_step: bool = False

    @property
    def shape(self) -> str:
        return f"({self.T},{self.B},{self.I},{self.H})"

    @property
    def label(self) -> str:
        extras = []
        if self.L > 1:
            extras.append(f"{self.L} layers")
        if self.D > 1:
            extras.append("both directions")
        if self.ragged:
            extras.append("ragged")
        if self.suite == "precision" and self.kind == "stream":
            extras.append("step")
        if self.kind == "epoch":
            outputs = f"{self.classes} classes" if self.classes else "1 output"
            extras.append(outputs + (" at every step" if self.every_step else ""))
            if self.threads > 1:
                extras.append(f"on {self.threads} threads")
        return " ".join([self.shape, *extras])

    @property
    def name(self) -> str:
        return f"{self.suite} {self.kind} {self.label}"

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> Case:
        only = fields.get("only")
        return Case(**{**fields, "only": None if only is None else tuple(only)})


INFERENCE = (
    (1, 1, 1, 8),
    (1, 1, 1, 32),
    (1, 1, 64, 128),
    (1, 1, 128, 256),
    (100, 1, 1, 32),
    (100, 1, 32, 64),
    (100, 1, 64, 128),
    (100, 1, 128, 256),
    (100, 1, 512, 512),
    (10, 32, 1, 50),
    (50, 32, 16, 64),
    (100, 32, 64, 128),
    (100, 64, 128, 256),
    (50, 64, 512, 512),
    (25, 32, 1024, 1024),
)
TRAINING = (
    (100, 1, 32, 64),
    (100, 1, 64, 128),
    (50, 32, 16, 64),
    (100, 32, 64, 128),
    (100, 64, 128, 256),
    (50, 64, 512, 512),
    (25, 32, 1024, 1024),
)
# DeepBench's hidden and input sizes are equal. Its hundreds of steps are cut to a few: all cost the same.
DEEPBENCH = (
    (25, 1, 512, 512),
    (10, 1, 1536, 1536),
    (5, 1, 2816, 2816),
    (25, 2, 512, 512),
    (10, 4, 1024, 1024),
    (10, 16, 1536, 1536),
    (10, 32, 1536, 1536),
    (5, 32, 2048, 2048),
    (4, 32, 2816, 2816),
)
PRECISION = (
    (100, 32, 64, 128),
    (100, 64, 128, 256),
    (50, 64, 512, 512),
    (25, 32, 1024, 1024),
    (50, 32, 16, 64),
    (10, 32, 1, 50),
    (100, 1, 128, 256),
    (100, 1, 512, 512),
)
STREAMING = ((1, 8), (1, 16), (1, 32), (32, 32), (1, 64), (64, 64), (64, 128), (128, 256))
THREADED_PEERS = ("torch", "onnxruntime", "openvino", "onednn")


def make_cases(suite: str, threads: int = 1) -> list[Case]:
    """Return the cases of one suite; `threads` is for all suites but those of `OWN_THREADS`."""
    found = _MAKERS[suite]()
    if suite in OWN_THREADS:
        return found
    return [dataclasses.replace(case, threads=threads) for case in found]


def _core() -> list[Case]:
    return [Case("core", "infer", *shape) for shape in INFERENCE]


def _training() -> list[Case]:
    return [Case("training", "train", *shape) for shape in TRAINING]


def _deepbench() -> list[Case]:
    return [Case("deepbench", "infer", *shape) for shape in DEEPBENCH]


def _streaming() -> list[Case]:
    return [Case("streaming", "stream", 1, 1, i, h) for i, h in STREAMING]


def _precision() -> list[Case]:
    """Return whole calls, and a step whose weights in float32 are larger than L2 of many cores."""
    calls = [Case("precision", "infer", *shape) for shape in PRECISION]
    return [*calls, Case("precision", "stream", 1, 1, 200, 320)]


def _fit() -> list[Case]:
    return [Case("fit", "fit", 10, 32, 1, 50)]


def _heads() -> list[Case]:
    """Language models of characters and words, many classes at the end, one number; on one and two threads.

    An epoch has as many mini-batches as take about a second on one thread.
    """

    def language_model(steps: int, words: int, embedded: int, batches: int) -> Case:
        made = Case("heads", "epoch", steps, 32, embedded, 256, batches=batches, only=("torch",))
        return dataclasses.replace(made, classes=words, vocabulary=words, every_step=True)

    def of_numbers(steps: int, classes: int, batches: int) -> Case:
        made = Case("heads", "epoch", steps, 32, 32, 256, batches=batches, only=("torch",))
        return dataclasses.replace(made, classes=classes)

    found = [
        language_model(100, 65, 64, 12),
        language_model(35, 1300, 256, 14),
        language_model(35, 5000, 256, 8),
        language_model(5, 20_000, 256, 10),
        of_numbers(10, 20_000, 24),
        of_numbers(35, 0, 32),
    ]
    return [dataclasses.replace(case, threads=threads) for threads in (1, 2) for case in found]


def _stacked() -> list[Case]:
    return [
        Case("stacked", "infer", 100, 1, 64, 64, L=2),
        Case("stacked", "infer", 50, 32, 128, 128, L=2),
        Case("stacked", "infer", 50, 32, 128, 128, L=4),
        Case("stacked", "train", 50, 32, 128, 128, L=3),
        Case("stacked", "infer", 100, 1, 32, 64, D=2),
        Case("stacked", "infer", 50, 32, 64, 128, D=2),
        Case("stacked", "train", 50, 32, 64, 128, D=2),
        Case("stacked", "infer", 100, 32, 64, 128, ragged=True),
        Case("stacked", "train", 100, 32, 64, 128, ragged=True),
    ]


def _threads() -> list[Case]:
    """Return the core cases on two threads; the peers run, on two as well, where the work is enough."""

    def two(kind: str, shape: tuple[int, int, int, int], directions: int = 1) -> Case:
        rows, hidden = shape[1], shape[3]
        only = THREADED_PEERS if rows >= 32 and 128 <= hidden <= 256 else ()
        return Case("threads", kind, *shape, D=directions, threads=2, only=only)

    found = [two("infer", shape) for shape in INFERENCE] + [two("train", shape) for shape in TRAINING]
    return [*found, two("infer", (100, 1, 64, 128), 2), two("infer", (50, 32, 64, 128), 2)]


def _memory() -> list[Case]:
    asked = ("torch", "jax", "onednn")
    return [
        Case("memory", "memory", *shape, only=asked) for shape in ((100, 32, 64, 128), (100, 64, 128, 256))
    ]


_MAKERS = {
    "core": _core,
    "training": _training,
    "deepbench": _deepbench,
    "streaming": _streaming,
    "precision": _precision,
    "fit": _fit,
    "heads": _heads,
    "stacked": _stacked,
    "threads": _threads,
    "memory": _memory,
    "cpp": list,
}
