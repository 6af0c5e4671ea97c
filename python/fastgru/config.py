"""Configuration of the build and the machine, and settings of the whole process."""

from __future__ import annotations

import operator
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, overload

from fastgru import _core
from fastgru._version import __version__

__all__ = ["set_num_threads", "set_reproducible", "show_config"]


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, dict[str, Any]]: ...


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, dict[str, Any]] | None:
    """Show versions, instruction sets, threads and precision, for problem reports.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default="stdout"
        Print the configuration, or return it, as ``numpy.show_config`` does.

    Returns
    -------
    dict of str to dict, or None
        With ``mode="dicts"``, the sections "Versions", "Build", "Instruction sets", "Threads", "Precision"
        and "Reproducible".

    Raises
    ------
    ValueError
        If `mode` is neither.

    Examples
    --------
    >>> import fastgru
    >>> fastgru.show_config("dicts")["Threads"]["cores this process may use"] >= 1
    True
    """
    if mode not in {"stdout", "dicts"}:
        raise ValueError(f"mode must be 'stdout' or 'dicts', got {mode!r}")
    config = _collect()
    if mode == "dicts":
        return config
    print(_as_text(config))
    return None


def set_num_threads(n: int) -> None:
    """Set how many threads calls may use that do not say it themselves (``num_threads``, ``n_jobs``).

    Parameters
    ----------
    n : int
        From 0 to 4096. 0 takes the setting back: OMP_NUM_THREADS decides, else the cores of this process.
        Small calls use fewer threads, and so do calls to which the system refuses them.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is not from 0 to 4096.

    Examples
    --------
    >>> import fastgru
    >>> fastgru.set_num_threads(2)
    >>> fastgru.get_num_threads()
    2
    >>> fastgru.set_num_threads(0)
    """
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"n must be an int, got {type(n).__name__}") from None
    if isinstance(n, bool):
        raise TypeError("n must be an int, got bool")
    _core.set_num_threads(min(max(count, -(2**63)), 2**63 - 1))


def set_reproducible(enabled: bool) -> None:
    """Ask for results whose bits depend neither on the batch nor on the number of threads.

    Parameters
    ----------
    enabled : bool
        True: a sample's result has the same bits alone or in any batch, at any number of threads and on every
        instruction set with fused multiply-add (AVX2, AVX-512); faster plans that break this are not chosen.
        False (the default): a precision may choose the arithmetic that is fastest on this machine: integer
        digits for "high", and on CPUs with AMX for "highest", too (as exact as float32, with other bits).
        Under True both compute in float32. It holds for layers that are made, and estimators that are fitted
        or loaded, afterwards. The "baseline" instruction set has no fused multiply-add on x86-64: its bits
        differ from those of the others.

    Raises
    ------
    TypeError
        If `enabled` is not a bool.

    Examples
    --------
    >>> import fastgru
    >>> fastgru.set_reproducible(True)
    >>> fastgru.show_config("dicts")["Reproducible"]["asked for"]
    True
    >>> fastgru.set_reproducible(False)
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool, got {type(enabled).__name__}")
    _core.set_reproducible(enabled)


def _collect() -> dict[str, dict[str, Any]]:
    return {
        "Versions": {
            "fastgru": __version__,
            "Python": platform.python_version(),
            "NumPy": _version_of("numpy"),
            "scikit-learn": _version_of("scikit-learn"),
            "platform": f"{platform.system()} {platform.machine()}",
        },
        "Build": {
            "compiler": _core.compiler,
            "Eigen": _core.eigen_version,
            "OpenMP": _core.openmp,
        },
        "Instruction sets": _instruction_sets(),
        "Threads": {
            "used": _core.get_num_threads(),
            "cores this process may use": _core.available_cores(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "Precision": {**_core.recipes(), "float64": "reference engine (Eigen)"},
        "Reproducible": {"asked for": _core.reproducible()},
    }


def _instruction_sets() -> dict[str, Any]:
    usable = _core.isa_names()
    sets: dict[str, Any] = {
        "compiled in": _core.compiled_isa_names(),
        "usable here": usable,
        "active": _core.isa(),
        "FASTGRU_ISA": os.environ.get("FASTGRU_ISA"),
    }
    if warning := _core.isa_warning():
        sets["warning"] = warning
    return sets


def _version_of(package: str) -> str | None:
    module = sys.modules.get(package)
    if module is not None:
        return str(module.__version__)
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _as_text(config: dict[str, dict[str, Any]]) -> str:
    width = max(len(key) for section in config.values() for key in section)
    lines = []
    for title, section in config.items():
        lines.append(f"{title}:")
        lines.extend(f"  {key:<{width}}  {_shown(value)}" for key, value in section.items())
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "-" if value is None else str(value)
