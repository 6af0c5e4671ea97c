"""The GRU node tests of the onnx package, run by its own runner on a backend of `from_onnx`."""

from __future__ import annotations

import unittest
import warnings
from typing import Any

import numpy as np
from oracles import oracle

onnx: Any = oracle("onnx")  # without it, one skip for the module

from onnx.backend.base import Backend, BackendRep  # noqa: E402

import fastgru  # noqa: E402

WEIGHTS = ("W", "R", "B")  # which these tests pass as inputs, and a layer has


class Layer(BackendRep):  # type: ignore[misc]
    def __init__(self, model: Any) -> None:
        self.model = model

    def run(self, inputs: Any, **_: Any) -> tuple[np.ndarray, ...]:
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        (node,) = model.graph.node
        given = dict(zip((value.name for value in model.graph.input), inputs, strict=True))
        kept = [value for value in model.graph.input if value.name not in WEIGHTS]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        for name in WEIGHTS:
            if name in given:
                model.graph.initializer.append(onnx.numpy_helper.from_array(given[name], name))
        layer = fastgru.from_onnx(model)
        h0 = given.get("initial_h")
        batchwise = any(each.name == "layout" and each.i == 1 for each in node.attribute)
        y, h_n = layer(given["X"], h0, given.get("sequence_lens"))
        first, second, width = y.shape
        hidden = h_n.shape[-1]
        if batchwise:
            found = y.reshape(first, second, width // hidden, hidden), h_n.swapaxes(0, 1)
        else:
            found = y.reshape(first, second, width // hidden, hidden).swapaxes(1, 2), h_n
        return tuple(array for name, array in zip(node.output, found, strict=False) if name)


class FastgruBackend(Backend):  # type: ignore[misc]
    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **_: Any) -> Layer:
        return Layer(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


def test_every_node_test_of_the_gru() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other operators' data, which the package makes on import
        from onnx.backend.test import BackendTest

        runner = BackendTest(FastgruBackend, __name__)
        runner.include(r"^test_gru_.*_cpu$")
        cases = runner.test_cases
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases.values()
    )
    result = unittest.TestResult()
    suite.run(result)
    assert not result.failures, result.failures[0][1]
    assert not result.errors, result.errors[0][1]
    ran = result.testsRun - len(result.skipped)
    print(f"{ran} node tests of the GRU passed")
    assert ran >= 6  # defaults, initial_bias, seq_length, batchwise, reverse, bidirectional
