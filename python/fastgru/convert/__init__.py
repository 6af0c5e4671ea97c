"""Converters of models to other formats: C source."""

from fastgru.convert.to_c import to_c

__all__ = ["to_c"]
