"""The libraries compared: one module each, imported only in that library's own process."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from bench.peers.base import Peer

OURS = "fastgru"
EXACT, REDUCED = 2e-5, 0.05  # limits of outputs computed in float32, and of rounded weights or states


@dataclass(frozen=True)
class Library:
    """How a library is asked.

    `module` has a class `Library`, which is made with the number of threads and `options`. `suites`: the ones
    it takes part in, None for all. `limit`: the largest difference of its outputs from fastgru's.
    """

    module: str
    options: dict[str, Any] = field(default_factory=dict)
    suites: tuple[str, ...] | None = None
    limit: float = EXACT


def _reduced(module: str, limit: float = REDUCED, **options: Any) -> Library:
    return Library(module, options, ("precision",), limit)


# name on the command line and in the report
LIBRARIES = {
    OURS: Library("bench.peers.fastgru_layer"),
    "fastgru high": _reduced("bench.peers.fastgru_layer", EXACT, precision="high"),
    "fastgru int8": _reduced("bench.peers.fastgru_layer", precision="int8"),
    "torch": Library("bench.peers.torch_eager"),
    "torch.compile": Library("bench.peers.torch_compiled"),
    "onnxruntime": Library("bench.peers.onnx_runtime"),
    "openvino": Library("bench.peers.openvino_cpu"),
    "jax": Library("bench.peers.jax_scan"),
    "jax-vmap": Library("bench.peers.jax_models"),
    "keras": Library("bench.peers.keras_jax"),
    "onednn": Library("bench.peers.onednn"),
    "onednn-newer": Library("bench.peers.onednn", {"newer": True}),
    "onednn-fpmath-bf16": _reduced("bench.peers.onednn", arithmetic="fpmath-bf16"),
    "onednn-bf16": _reduced("bench.peers.onednn", arithmetic="bf16"),
}
PEERS = tuple(name for name in LIBRARIES if not name.startswith(OURS))
OUR_PRECISIONS = tuple(name for name in LIBRARIES if name.startswith(OURS + " "))


def library_of(name: str) -> Library:
    """Return how a library is asked; a name that is not in `LIBRARIES` is taken as a module's."""
    return LIBRARIES.get(name) or Library(name)


def make_peer(name: str, threads: int) -> Peer:
    """Import a library's module and return its `Library`; errors of the import are not caught."""
    library = library_of(name)
    peer: Peer = import_module(library.module).Library(threads, **library.options)
    return peer
