"""`from_torch` and `to_torch`: the same weights to the bit, both ways, or a refusal by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles import oracle

import fastgru
from fastgru._conversion import ConversionError, compared

torch: Any = oracle("torch")  # without it, one skip for the module
nn = torch.nn

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deep": {"num_layers": 3, "dropout": 0.25},
    "both": {"bidirectional": True, "num_layers": 2},
    "batch_first": {"batch_first": True},
    "no bias": {"bias": False, "bidirectional": True},
    "double": {"dtype": torch.float64, "num_layers": 2},
}


def assert_same_weights(module: Any, gru: fastgru.GRU) -> None:
    theirs = module.state_dict()
    assert list(theirs) == list(gru.state_dict())
    for name, value in gru.state_dict().items():
        assert value.dtype == theirs[name].numpy().dtype
        assert value.tobytes() == theirs[name].numpy().tobytes(), name


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind: str) -> None:
    module = nn.GRU(3, 5, **KINDS[kind])
    gru = fastgru.from_torch(module)
    assert_same_weights(module, gru)
    for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional"):
        assert getattr(gru, name) == getattr(module, name)
    assert gru.conversion_report is not None
    assert gru.conversion_report.largest < (1e-14 if gru.dtype == np.float64 else 1e-6)
    assert "on random input" in str(gru.conversion_report)
    before = torch.get_rng_state()
    back = fastgru.to_torch(gru)
    assert bool((torch.get_rng_state() == before).all())
    assert type(back) is nn.GRU
    assert back.training
    assert repr(back) == repr(module)
    assert_same_weights(back, gru)
    again = fastgru.from_torch(back)
    assert repr(again) == repr(gru)
    assert_same_weights(back, again)


@pytest.mark.parametrize("bias", [True, False])
def test_a_cell(bias: bool) -> None:
    cell = nn.GRUCell(3, 5, bias=bias)
    gru = fastgru.from_torch(cell)
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    y, h_n = gru(x.numpy()[np.newaxis], h.numpy()[np.newaxis])
    with torch.no_grad():
        np.testing.assert_allclose(h_n[0], cell(x, h).numpy(), rtol=0, atol=1e-6)
    assert y.shape == (1, 4, 5)
    of_state = fastgru.from_torch({f"rnn.{k}": v for k, v in cell.state_dict().items()}, "rnn.")
    assert_same_weights(fastgru.to_torch(gru), of_state)


def test_a_layer_within_a_model() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.GRU(3, 5, 2, bidirectional=True, batch_first=True))
    gru = fastgru.from_torch(model.state_dict(), "1.", batch_first=True)
    assert repr(gru) == repr(fastgru.from_torch(model[1]))
    assert_same_weights(model[1], gru)
    assert gru.conversion_report is None
    arrays = {name: value.numpy() for name, value in model[1].state_dict().items()}
    assert_same_weights(model[1], fastgru.from_torch(arrays))


def test_weights_of_16_bits_are_kept_exactly() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        module = nn.GRU(3, 5).to(dtype)
        gru = fastgru.from_torch(module)
        assert_same_weights(module.float(), gru)


def test_parametrized_weights_are_computed() -> None:
    module = nn.GRU(3, 5, 2)
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l1")
    gru = fastgru.from_torch(module)
    wanted = module.weight_hh_l1.detach().numpy()
    np.testing.assert_array_equal(gru.state_dict()["weight_hh_l1"], wanted)


def test_new_weights_have_no_report() -> None:
    gru = fastgru.from_torch(nn.GRU(3, 5))
    gru.load_state_dict(fastgru.GRU(3, 5).state_dict())
    assert gru.conversion_report is None


class Clipped(nn.GRU):  # type: ignore[misc]
    def forward(self, input: Any, hx: Any = None) -> Any:
        y, h_n = super().forward(input, hx)
        return y.clamp(-0.5, 0.5), h_n


def hooked(register: str) -> Any:
    module = nn.GRU(2, 3)
    getattr(module, register)(lambda *_: None)
    return module


def changed(**tensors: Any) -> dict[str, Any]:
    state = {**nn.GRU(2, 3, 2).state_dict(), **tensors}
    return {name: value for name, value in state.items() if value is not None}


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "lstm": (lambda: nn.LSTM(2, 3), ConversionError, "^LSTM is neither nn.GRU nor nn.GRUCell$"),
    "rnn": (lambda: nn.RNN(2, 3), ConversionError, "^RNN is neither"),
    "lstm cell": (lambda: nn.LSTMCell(2, 3), ConversionError, "^LSTMCell is neither"),
    "linear": (lambda: nn.Linear(2, 3), ConversionError, "^Linear is neither"),
    "a model": (
        lambda: nn.Sequential(nn.GRU(2, 3), nn.Linear(3, 1), nn.GRUCell(1, 1)),
        ConversionError,
        "^Sequential is neither .*; it has the layers 0, 2, which can be converted",
    ),
    "own forward": (lambda: Clipped(2, 3), ConversionError, "^Clipped has a forward of its own"),
    "hook": (lambda: hooked("register_forward_hook"), ConversionError, "^GRU has forward hooks"),
    "pre-hook": (lambda: hooked("register_forward_pre_hook"), ConversionError, "has forward pre-hooks"),
    "meta": (lambda: nn.GRU(2, 3, device="meta"), TypeError, "^weight_ih_l0 must hold real numbers"),
    "complex": (lambda: nn.GRU(2, 3).to(torch.complex64), TypeError, "^weight_ih_l0 must hold real numbers"),
    "dropout of all": (lambda: nn.GRU(2, 3, 2, dropout=1.0), ValueError, r"^dropout must be in \[0, 1\)"),
    "lstm state": (lambda: nn.LSTM(2, 3).state_dict(), ConversionError, r"^weight_hh_l0 has .*an LSTM's"),
    "rnn state": (lambda: nn.RNN(2, 3).state_dict(), ConversionError, r"^weight_hh_l0 has .*a plain RNN's"),
    "projection": (
        lambda: changed(weight_hr_l0=torch.zeros(2, 3)),
        ConversionError,
        "^weight_hr_l0 is the projection",
    ),
    "projected lstm": (
        lambda: nn.LSTM(2, 6, proj_size=2).state_dict(),
        ConversionError,
        "^weight_hr_l0 is the projection",
    ),
    "prefix": (
        lambda: {f"rnn.{k}": v for k, v in changed().items()},
        ValueError,
        r"^state_dict has no weight_ih_l0; its names fit with prefix='rnn\.'$",
    ),
    "nothing": (dict, ValueError, "^state_dict has no weight_ih_l0$"),
    "no recurrent weights": (
        lambda: changed(weight_hh_l0=None),
        ValueError,
        "^state_dict has no weight_hh_l0",
    ),
    "a bias is missing": (lambda: changed(bias_hh_l1=None), ValueError, "missing bias_hh_l1"),
    "a layer is missing": (lambda: changed(weight_ih_l1=None), ValueError, "unknown weight_hh_l1"),
    "unknown": (lambda: changed(scale=torch.zeros(1)), ValueError, "unknown scale"),
    "vector": (lambda: changed(weight_ih_l0=torch.zeros(9)), ValueError, "^weight_ih_l0 must be a matrix"),
    "empty": (lambda: changed(weight_hh_l0=torch.zeros(9, 0)), ValueError, "^weight_hh_l0 must be a matrix"),
    "rows": (lambda: changed(weight_hh_l0=torch.zeros(8, 3)), ValueError, "^weight_hh_l0 must have shape"),
    "layers unlike": (
        lambda: changed(weight_ih_l1=torch.zeros(9, 4)),
        ValueError,
        r"^weight_ih_l1 must have shape \(9, 3\), got \(9, 4\)",
    ),
    "text": (lambda: changed(bias_ih_l1="x"), TypeError, "^bias_ih_l1 must hold real numbers"),
    "a path": (
        lambda: "gru.pt",
        TypeError,
        "^source must be an nn.GRU, an nn.GRUCell or a state_dict, got str",
    ),
}


@pytest.mark.filterwarnings("ignore:Complex modules")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_expressed(kind: str) -> None:
    make, error, match = REFUSED[kind]
    with pytest.raises(error, match=match):
        fastgru.from_torch(make())


def test_arguments() -> None:
    with pytest.raises(ValueError, match="prefix and batch_first are for a state_dict"):
        fastgru.from_torch(nn.GRU(2, 3), prefix="gru.")
    with pytest.raises(TypeError, match="prefix must be a str, got int"):
        fastgru.from_torch(changed(), prefix=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="batch_first must be a bool, got int"):
        fastgru.from_torch(changed(), batch_first=1)  # type: ignore[arg-type]


def test_what_pytorch_has_no_words_for() -> None:
    with pytest.raises(ConversionError, match=r"^reset_after=False cannot be expressed"):
        fastgru.to_torch(fastgru.GRU(2, 3, reset_after=False))
    with pytest.raises(ConversionError, match=r'^precision="int8" cannot be expressed'):
        fastgru.to_torch(fastgru.GRU(2, 3, precision="int8"))
    with pytest.raises(TypeError, match=r"gru must be a fastgru\.GRU, got GRURegressor"):
        fastgru.to_torch(fastgru.GRURegressor())  # type: ignore[arg-type]


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    module, state = nn.GRU(2, 3), {k: v.numpy() for k, v in nn.GRU(2, 3).state_dict().items()}
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (lambda: fastgru.from_torch(module), lambda: fastgru.to_torch(fastgru.GRU(2, 3))):
        with pytest.raises(ImportError, match=r'needs torch, .*: pip install "fastgru\[torch\]"'):
            call()
    assert fastgru.from_torch(state).hidden_size == 3


def test_a_conversion_that_is_wrong_is_refused() -> None:
    right = (np.ones((2, 3), np.float32),)
    exact = (np.ones((2, 3)),)
    assert compared("torch", right, exact, (right[0] + np.float32(1e-5),)).largest == pytest.approx(1e-5, 0.1)
    with pytest.raises(ConversionError, match=r"differs from torch by 0\.0001 on random input"):
        compared("torch", right, exact, (right[0] + np.float32(1e-4),))
    with pytest.raises(ConversionError, match="differs from torch by inf"):
        compared("torch", right, exact, (np.where(np.eye(2, 3) > 0, np.nan, right[0]),))
    with pytest.raises(ConversionError, match=r"torch answers with the shape \(2, 2\)"):
        compared("torch", right, exact, (right[0][:, :2],))
    nans = (np.full((2, 3), np.nan, np.float32),)
    assert compared("torch", nans, nans, nans).largest == 0.0
