"""The oracles of others: tests here are skipped, with the reason, where an oracle is not installed."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch, on one thread."""
    module = pytest.importorskip("torch", reason="the oracle torch is not installed (pip install torch)")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="session")
def onnxruntime() -> Any:
    """onnxruntime."""
    return pytest.importorskip(
        "onnxruntime", reason="the oracle onnxruntime is not installed (pip install onnxruntime)"
    )


@pytest.fixture(scope="session")
def onnx() -> Any:
    """onnx, to write the models that onnxruntime runs."""
    return pytest.importorskip("onnx", reason="onnx, which writes the oracle's models, is not installed")
