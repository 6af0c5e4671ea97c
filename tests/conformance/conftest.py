"""The oracles as fixtures."""

from __future__ import annotations

from typing import Any

import pytest
from oracles import oracle


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch, on one thread."""
    return oracle("torch")


@pytest.fixture(scope="session")
def onnxruntime() -> Any:
    """onnxruntime."""
    return oracle("onnxruntime")


@pytest.fixture(scope="session")
def onnx() -> Any:
    """onnx, to write the models that onnxruntime runs."""
    return oracle("onnx")
