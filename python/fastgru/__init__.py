"""fastgru: a fast GRU for the CPU."""

from fastgru._version import __version__

__all__ = ["__version__"]
