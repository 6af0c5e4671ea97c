"""The libraries that answers are compared with. Where one is missing, a module that needs it is one skip."""

from __future__ import annotations

from typing import Any

import pytest

HOW_TO = {
    "jax": "JAX, a peer of the benchmark alone, is not installed (pip install jax)",
    "torch": "PyTorch is not installed (pip install torch; too large for the extra 'test')",
    "keras": "Keras is not installed (pip install keras h5py; its backend here is PyTorch)",
    "onnx": "onnx, which writes the oracle's models, is not installed (pip install onnx)",
    "onnxruntime": "onnxruntime is not installed (pip install onnxruntime)",
}


def oracle(name: str) -> Any:
    """Import an oracle. To be called by a module that is all about it, or by one test."""
    module = pytest.importorskip(name, reason=HOW_TO[name])
    if name == "torch":
        module.set_num_threads(1)
    return module
