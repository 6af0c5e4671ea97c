"""The self-check against onnxruntime, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgru._conversion import ConversionReport, compared
from fastgru.convert._layers import in_float64, in_units
from fastgru.gru import GRU, GRUNetwork

if TYPE_CHECKING:
    from fastgru.convert._onnx_stages import Stages
    from fastgru.convert.from_onnx import Outputs

__all__ = ["checked", "session_of"]


def session_of(model: Any) -> Any | None:
    """Return a session of onnxruntime for a ModelProto; None if there is none, or it refuses the model."""
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it says is raised, too
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # noqa: BLE001  # its kinds of errors have no common base; operators that it lacks
        return None


def checked(model: Any, ours: GRU | GRUNetwork, stages: Stages, outputs: Outputs) -> ConversionReport | None:
    """Run both models on the same random input; None where onnxruntime cannot run the model."""
    session = session_of(model)
    if session is None:
        return None
    feeds, call = _inputs(model, ours, stages)
    try:
        theirs = dict(
            zip((each.name for each in session.get_outputs()), session.run(None, feeds), strict=True)
        )
    except Exception:  # noqa: BLE001  # as above: fixed shapes that do not fit together, float64
        return None
    import onnxruntime

    exact = in_float64(ours)
    sides = [_selected(model_of(*call), ours, outputs) for model_of in (ours, exact)]
    wanted = tuple(
        _ours(theirs[name], axes)
        for name, axes in ((outputs.y, outputs.y_axes), (outputs.h_n, outputs.h_n_axes))
        if name is not None
    )
    return compared(f"onnxruntime {onnxruntime.__version__}", sides[0], sides[1], wanted)


def _inputs(model: Any, ours: GRU | GRUNetwork, stages: Stages) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return random inputs for onnxruntime, and as the arguments of our call."""
    gru = ours.gru if isinstance(ours, GRUNetwork) else ours
    assert stages.x is not None
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in model.graph.input
    }
    fixed = dict(zip(stages.x.axes, shapes[stages.x.name], strict=True))
    steps, rows = fixed[stages.time] or 6, fixed[stages.rows]  # type: ignore[index]
    for index, each in enumerate(stages.initial):
        if each is not None:
            rows = rows or shapes[each.name][0 if stages.layers[index].batch_first else 1]
    rows = rows or 3
    rng = np.random.default_rng(0)
    first = (rows, steps) if gru.batch_first else (steps, rows)
    if stages.table is not None:
        x: NDArray[Any] = rng.integers(0, len(stages.table), first)
        kind = next(v for v in model.graph.input if v.name == stages.x.name).type.tensor_type.elem_type
        x = x.astype(np.int32 if kind == 6 else np.int64)
    else:
        x = rng.normal(size=(*first, gru.input_size))
        if isinstance(ours, GRUNetwork):
            x = in_units(x, ours)
        x = x.astype(gru.dtype)
    feeds = {stages.x.name: x}
    h0 = lengths = None
    if stages.initial[0] is not None:
        blocks = gru.num_layers * (1 + gru.bidirectional)
        h0 = rng.uniform(-1, 1, (blocks, rows, gru.hidden_size)).astype(gru.dtype)
        for index, each in enumerate(stages.initial):
            assert each is not None
            count = 1 + gru.bidirectional
            own = h0 if each.part is not None else h0[index * count : (index + 1) * count]
            feeds[each.name] = own.swapaxes(0, 1) if stages.layers[index].batch_first else own
    if stages.lengths is not None:
        lengths = rng.integers(1, steps + 1, rows).astype(np.int32)
        feeds[stages.lengths] = lengths
    return feeds, (x, h0, lengths)


def _selected(
    answers: tuple[NDArray[Any], NDArray[Any]], model: GRU | GRUNetwork, outputs: Outputs
) -> tuple[NDArray[Any], ...]:
    """Return those of y and h_n that are outputs of the graph, y with time first."""
    y, h_n = answers
    gru = model.gru if isinstance(model, GRUNetwork) else model
    if y.ndim == 3 and gru.batch_first:
        y = y.swapaxes(0, 1)
    return (*([y] if outputs.y else []), *([h_n] if outputs.h_n else []))


def _ours(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an output of the graph with our order of axes: (T, B, F), (B, F), or (S, B, H)."""
    array = array.reshape([size for size, axis in zip(array.shape, axes, strict=True) if axis != "1"])
    axes = axes.replace("1", "")
    wanted = "".join(sorted(axes, key="STBDHF".index))
    array = array.transpose([axes.index(axis) for axis in wanted])
    return array.reshape(*array.shape[:-2], -1) if "D" in axes else array
