"""ONNX Runtime on the CPU. Inference only."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnxruntime

from bench.cases import Case
from bench.data import Arrays
from bench.peers.base import Peer, Prepared
from bench.peers.onnx_model import make_model


class Library(Peer):
    kinds: tuple[str, ...] = ("infer", "stream")

    def versions(self) -> dict[str, str]:
        return {"onnxruntime": onnxruntime.__version__}

    def prepare(self, case: Case, data: Arrays, start: Arrays | None) -> Prepared:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            make_model(case, data), options, providers=["CPUExecutionProvider"]
        )
        if case.kind == "stream":
            return _prepare_stream(session, case, data["x"])
        call = partial(session.run, ["y"], {"x": data["x"]})
        return Prepared(call, lambda: {"y": call()[0]})


def _prepare_stream(session: onnxruntime.InferenceSession, case: Case, x: np.ndarray) -> Prepared:
    first = np.zeros((1, 1, case.H), dtype=np.float32)
    state = [first]
    inputs = [x_t[None] for x_t in x]

    def step(x_t: np.ndarray) -> np.ndarray:
        (state[0],) = session.run(["h_n"], {"x": x_t, "h0": state[0]})
        return state[0]

    def outputs() -> Arrays:
        state[0] = first
        return {"y": np.concatenate([step(x_t) for x_t in inputs])}

    return Prepared(step, outputs, inputs)
