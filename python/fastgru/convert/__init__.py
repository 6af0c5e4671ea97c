"""Converters: models as C source, and between fastgru, PyTorch, ONNX and Keras."""

from fastgru.convert.to_c import to_c

__all__ = ["to_c"]
