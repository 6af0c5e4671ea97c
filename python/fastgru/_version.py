"""The version: this line is the only place that holds it (CMake and the package's metadata read it)."""

__version__ = "0.1.0"
