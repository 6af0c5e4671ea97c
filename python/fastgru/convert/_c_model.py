"""What the C files say, as data, and how it is filled into their text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fastgru.convert._c_choices import Pooling

__all__ = ["Layer", "Model", "SelfTest", "filled"]


@dataclass(frozen=True)
class Layer:
    """One direction's weights in the order of the step: a row per input, with the gates side by side.

    Weights of one byte: a row per unit and gate, with a scale for each row.
    """

    w: NDArray[Any]  # (inputs, 3H): n, r, z; of one byte (3H, inputs): r, z, n
    u: NDArray[Any]  # (H, 3H): r, z, n; of one byte (3H, H)
    bias: NDArray[Any]  # (4H): n of the input, r, z, n of the state; of one byte r, z, n and n
    w_scale: NDArray[Any] | None = None  # (3H)
    u_scale: NDArray[Any] | None = None

    @property
    def width(self) -> int:
        """The number of inputs."""
        return self.w.size * 4 // (3 * len(self.bias))


@dataclass(frozen=True)
class SelfTest:
    """A short sequence and one of the answers to it."""

    x: NDArray[Any]  # (steps, features)
    step: int  # whose answer `y` is
    y: NDArray[Any]  # (logits)
    tolerance: NDArray[Any]
    gap: bool  # the first value of the middle step is missing


@dataclass(frozen=True)
class Model:
    """The contents of both files."""

    name: str
    kind: str
    version: str
    real: str  # float or double
    features: int  # raw values of a step
    frame_length: int  # time steps that the first layer reads at once
    frame_step: int  # time steps from one frame to the next
    hidden: int
    directions: int
    reset_after: bool
    layers: list[Layer]  # of a layer of two directions: forward, reverse
    encoder: str  # a key of _c_parts.ENCODERS
    pooling: Pooling
    every_step: bool  # an answer to every step of a whole sequence
    answers: str  # a key of _c_parts.ANSWERS
    outputs: int  # targets: columns of y, classes
    quantiles: int  # of each output
    meaning: list[str]  # of y, line by line
    tensors: dict[str, NDArray[Any]]  # of the embedding, the scaling and the head
    self_test: SelfTest

    @property
    def raw(self) -> str:
        """The type of a raw input."""
        return "int32_t" if self.encoder == "tokens" else self.real

    @property
    def width(self) -> int:
        """Inputs of the first layer."""
        return self.layers[0].width

    @property
    def int8(self) -> bool:
        """Whether the layers have weights of one byte."""
        return self.layers[0].w_scale is not None

    @property
    def framed(self) -> bool:
        """Whether several time steps are one step of the first layer, or some are left out."""
        return self.frame_length > 1 or self.frame_step > 1

    @property
    def each(self) -> int:
        """Inputs of the first layer that come from one time step."""
        return self.width // self.frame_length

    @property
    def top(self) -> int:
        """Inputs of the head, or values of a layer's answer."""
        return self.directions * self.hidden

    @property
    def logits(self) -> int:
        """Values of an answer."""
        return self.top if self.answers == "state" else self.outputs * max(1, self.quantiles)

    @property
    def work(self) -> int:
        """Values that a sequence of two directions needs for each step."""
        return max(self.width, self.top) + self.top

    @property
    def pooled(self) -> bool:
        """Whether a running mean or maximum belongs to the state."""
        return bool(self.pooling.step)


def filled(text: str, model: Model, **values: Any) -> str:
    """Return `text` with each @name@ replaced: by one of `values`, or by what the model says."""
    values = {
        "name": model.name,
        "NAME": model.name.upper(),
        "kind": model.kind,
        "version": model.version,
        "real": model.real,
        "raw": model.raw,
        "features": model.features,
        "frame_length": model.frame_length,
        "frame_step": model.frame_step,
        "each": model.each,
        "hidden": model.hidden,
        "layers": len(model.layers),
        "logits": model.logits,
        "outputs": model.outputs,
        "count": max(1, model.quantiles),
        "top": model.top,
        "width": model.width,
        "work": model.work,
        "vocabulary": len(model.tensors.get("embedding", ())),
        **values,
        "meaning": "".join(f" *   {line}\n" for line in model.meaning),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
