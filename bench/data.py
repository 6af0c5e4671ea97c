"""Weights and inputs of a case in one file that every library reads, and comparison of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.bounds import layer_sizes, lengths_of
from bench.cases import Case

Arrays = dict[str, np.ndarray]

STREAM_STEPS = 64
FIT_ROWS = 3200
FIT_EPOCHS = 2
FIT_RATE = 1e-3
CLIP_NORM = 1.0  # of epochs

# Largest difference from fastgru's result, relative to its largest magnitude (at least 1 for outputs).
# Of outputs the library has a limit of its own (bench/peers).
TOLERANCE = {"gradient": 2e-4, "prediction": 5e-3, "losses": 1e-4}


def weight_shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Return PyTorch's names and shapes."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, size in enumerate(layer_sizes(case)):
        for suffix in ("", "_reverse")[: case.D]:
            end = f"l{layer}{suffix}"
            shapes[f"weight_ih_{end}"] = (3 * case.H, size)
            shapes[f"weight_hh_{end}"] = (3 * case.H, case.H)
            shapes[f"bias_ih_{end}"] = (3 * case.H,)
            shapes[f"bias_hh_{end}"] = (3 * case.H,)
    return shapes


def weights_of(case: Case, data: Arrays) -> Arrays:
    """Return the weights among the arrays of a data file."""
    return {name: data[name] for name in weight_shapes(case)}


def make_data(case: Case) -> Arrays:
    """Draw weights, inputs and the gradient of the outputs; float32."""
    random = np.random.default_rng(case.T * 31 + case.B * 17 + case.I * 7 + case.H)
    if case.kind == "fit":
        t = random.uniform(0, 20, FIT_ROWS)[:, None] + 0.3 * np.arange(case.T + 1)
        wave = np.sin(t)[:, :, None].astype(np.float32)
        return {"x": wave[:, :-1], "y": wave[:, -1]}
    if case.kind == "epoch":
        return _make_samples(case, random)
    edge = 1.0 / np.sqrt(case.H)
    arrays: Arrays = {
        name: random.uniform(-edge, edge, shape).astype(np.float32)
        for name, shape in weight_shapes(case).items()
    }
    steps = STREAM_STEPS if case.kind == "stream" else case.T
    arrays["x"] = random.standard_normal((steps, case.B, case.I), dtype=np.float32)
    if case.kind in {"train", "memory"}:
        arrays["dy"] = random.standard_normal((case.T, case.B, case.D * case.H), dtype=np.float32)
    lengths = lengths_of(case)
    if lengths is not None:
        arrays["lengths"] = lengths
        beyond = np.arange(case.T)[:, None] >= lengths
        arrays["x"][beyond] = 0.0
        if "dy" in arrays:
            arrays["dy"][beyond] = 0.0
    return arrays


def _make_samples(case: Case, random: np.random.Generator) -> Arrays:
    """Draw sequences and what is to be learnt of them: the next token, a class or a number."""
    rows = case.batches * case.B
    if case.vocabulary:  # token 0 would be padding
        tokens = random.integers(1, case.vocabulary, (rows, case.T + 1))
        return {"x": tokens[:, :-1], "y": tokens[:, 1:] if case.every_step else tokens[:, -1]}
    x = random.standard_normal((rows, case.T, case.I), dtype=np.float32)
    if not case.classes:
        return {"x": x, "y": x.mean(axis=(1, 2))}
    return {"x": x, "y": random.integers(0, case.classes, (rows, case.T) if case.every_step else rows)}


def first_weights(start: Arrays) -> Arrays:
    """Return the weights that training begins with, by PyTorch's names, among fastgru's results."""
    return {name[6:]: array for name, array in start.items() if name.startswith("start.")}


def gates_zrh(array: np.ndarray) -> np.ndarray:
    """Reorder the leading axis from PyTorch's r|z|n to ONNX' and Keras' z|r|h."""
    r, z, n = np.split(array, 3)
    return np.concatenate([z, r, n])


def save(path: Path, arrays: Arrays) -> None:
    """Write a data file."""
    np.savez(path, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})


def load(path: str | Path) -> Arrays:
    """Read a data file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def difference(wanted: Arrays, got: Arrays, limit_of_outputs: float) -> tuple[float, str | None]:
    """Compare a peer's results with fastgru's; of outputs y the limit is the peer's.

    Returns
    -------
    error : float
        The largest difference, relative to the largest magnitude of that array.
    complaint : str or None
        The disagreement, None if all arrays that both have agree.
    """
    common = [name for name in wanted if name in got]
    if not common:
        return float("nan"), "no result to compare"
    worst, complaint = 0.0, None
    for name in common:
        a, b = wanted[name], got[name]
        if a.shape != b.shape:
            return float("nan"), f"{name} has shape {b.shape}, fastgru's {a.shape}"
        scale = max(float(np.abs(a).max()), 1.0 if name == "y" else 1e-30)
        error = float(np.abs(a.astype(np.float64) - b).max()) / scale
        limit = limit_of_outputs if name == "y" else TOLERANCE.get(name, TOLERANCE["gradient"])
        if not error <= limit:
            complaint = f"{name} differs by {error:.1e} (limit {limit:.0e})"
        worst = max(worst, error) if error == error else error  # noqa: PLR0124 (NaN stays)
    return worst, complaint
