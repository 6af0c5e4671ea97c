"""The libraries compared: one module each, imported only in that library's own process."""

from __future__ import annotations

from importlib import import_module

from bench.peers.base import Peer

OURS = "fastgru"
# name on the command line and in the report -> module with a class `Library`
MODULES = {
    OURS: "bench.peers.fastgru_layer",
    "torch": "bench.peers.torch_eager",
    "torch.compile": "bench.peers.torch_compiled",
    "onnxruntime": "bench.peers.onnx_runtime",
    "openvino": "bench.peers.openvino_cpu",
    "jax": "bench.peers.jax_scan",
    "keras": "bench.peers.keras_jax",
    "onednn": "bench.peers.onednn",
}
PEERS = tuple(name for name in MODULES if name != OURS)


def make_peer(name: str, threads: int) -> Peer:
    """Import a library's module and return its `Library`; errors of the import are not caught.

    A name that is not in `MODULES` is taken as a module name.
    """
    library: Peer = import_module(MODULES.get(name, name)).Library(threads)
    return library
