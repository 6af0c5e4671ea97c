"""OpenVINO's CPU plugin, on the same ONNX model. Inference, in float32 (its own choice may be bfloat16)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import openvino

from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared
from bench.peers.onnx_model import make_model


class Library(Peer):
    kinds: tuple[str, ...] = ("infer", "stream")

    def versions(self) -> dict[str, str]:
        return {"openvino": openvino.__version__.split("-")[0]}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(core.read_model(make_model(case, data)), "CPU", options)
        request = compiled.create_infer_request()
        if case.kind == "stream":
            return _prepare_stream(request, case, data["x"])
        # Inputs are used in place and outputs are views: no copies.
        call = partial(request.infer, {"x": data["x"]}, share_inputs=True, share_outputs=True)
        return Prepared(call, lambda: {"y": np.array(call()["y"])})


def _prepare_stream(request: Any, case: Case, x: np.ndarray) -> Prepared:
    # A copy of the new state, because the next step overwrites it.
    state = [np.zeros((1, 1, case.H), dtype=np.float32)]
    inputs = [x_t[None] for x_t in x]

    def step(x_t: np.ndarray) -> np.ndarray:
        answer = request.infer({"x": x_t, "h0": state[0]}, share_inputs=True, share_outputs=True)
        state[0] = answer["h_n"].copy()
        return state[0]

    def outputs() -> Arrays:
        state[0] = np.zeros_like(state[0])
        return {"y": np.concatenate([step(x_t) for x_t in inputs])}

    return Prepared(step, outputs, inputs)
