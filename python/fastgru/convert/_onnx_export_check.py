"""The self-check of an export: onnxruntime and fastgru on the same random input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgru import _model_file
from fastgru._conversion import ConversionReport, compared
from fastgru.convert._layers import in_float64, in_units
from fastgru.convert._onnx_check import session_of
from fastgru.gru import GRU, GRUNetwork

__all__ = ["checked"]

_ROWS, _STEPS = 3, 9


def checked(
    proto: Any, source: GRUNetwork | _model_file.Content, h0: bool, lengths: bool
) -> ConversionReport | None:
    """Run both; None where onnxruntime cannot."""
    session = session_of(proto)
    if session is None:
        return None
    import onnxruntime

    model: GRU | GRUNetwork | _model_file.Content = source
    if isinstance(source, _model_file.Content) and source.kind == "GRU":
        model = GRU._from_model_file(source)
    feeds = _feeds(model, h0, lengths)
    try:
        y, h_n = session.run(["y", "h_n"], feeds)
    except Exception:  # noqa: BLE001  # without a common base: its GRU takes float32 alone
        return None
    name = f"onnxruntime {onnxruntime.__version__}"
    if isinstance(model, GRU | GRUNetwork):
        call = (feeds["x"], feeds.get("h0"), feeds.get("lengths"))
        return compared(name, model(*call), in_float64(model)(*call), (y, h_n))
    ours_y, exact_y = (_predicted(model, feeds, dtype) for dtype in (None, "float64"))
    if lengths and model.config["network"]["sequence"]:  # ours are of the valid steps alone, row by row
        y = y[np.arange(_STEPS) < feeds["lengths"][:, np.newaxis]]
    return compared(name, (ours_y,), (exact_y,), (y,))


def _feeds(model: Any, h0: bool, lengths: bool) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    if isinstance(model, _model_file.Content):
        config, first = model.config["network"], (_ROWS, _STEPS)
        x = _raw_values(rng, model, config)
    else:
        gru = model.gru if isinstance(model, GRUNetwork) else model
        config = gru._config._asdict()
        first = (_ROWS, _STEPS) if gru.batch_first else (_STEPS, _ROWS)
        table = model.embedding if isinstance(model, GRUNetwork) else None
        if table is not None:
            x = rng.integers(0, len(table), first)
        else:
            x = rng.normal(size=(*first, gru.input_size))
            x = (in_units(x, model) if isinstance(model, GRUNetwork) else x).astype(gru.dtype)
    feeds = {"x": x}
    if h0:
        shape = (config["num_layers"] * (1 + config["bidirectional"]), _ROWS, config["hidden_size"])
        # The network's own predictions start at zero.
        scale = 0.0 if isinstance(model, _model_file.Content) else 1.0
        feeds["h0"] = rng.uniform(-scale, scale, shape).astype(config["dtype"])
    if lengths:
        feeds["lengths"] = np.array([_STEPS, 1, 4], np.int32)
    return feeds


def _raw_values(
    rng: np.random.Generator, content: _model_file.Content, config: dict[str, Any]
) -> NDArray[Any]:
    """Return values that resemble those of the training."""
    if config["vocabulary_size"] > 0:
        return rng.integers(1, config["vocabulary_size"] + 2, (_ROWS, _STEPS))  # some beyond the vocabulary
    mean, scale = content.core.scaling[:2]
    x = (mean + scale * rng.normal(size=(_ROWS, _STEPS, content.core.features))).astype(config["dtype"])
    if config["missing_mask"]:
        x[rng.random(x.shape) < 0.2] = np.nan
    return np.asarray(x)


def _predicted(
    content: _model_file.Content, feeds: dict[str, NDArray[Any]], dtype: str | None
) -> NDArray[Any]:
    """Return the network's predictions, in its own dtype or another one."""
    from fastgru.estimators._network import restored_network

    core = content.core
    if dtype is not None:
        config = {**content.config["network"], "dtype": dtype, "precision": "highest"}
        core = restored_network(config, core.parameters.astype(dtype), core.scaling)
    x = feeds["x"]
    if x.ndim == 2:
        x = x[..., np.newaxis]
    return np.asarray(core.predict(x, feeds.get("lengths")))
