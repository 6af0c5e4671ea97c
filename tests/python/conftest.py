"""What the tests of the benchmark share."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def bench(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import modules of bench/ by name."""
    monkeypatch.syspath_prepend(str(repo))

    def module(name: str) -> ModuleType:
        return import_module(f"bench.{name}")

    return module


@pytest.fixture
def run(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the benchmark on the given cases, in one short round."""
    runner = bench("runner")

    def with_cases(cases: list[Any], *peers: str, **fields: Any) -> dict[str, Any]:
        monkeypatch.setattr(runner, "make_cases", lambda suite, threads: cases)
        settings = runner.Settings(("core",), peers, rounds=2, batch_seconds=1e-3, **fields)
        runs = runner.Runner(settings)
        runs.run()
        return json.loads(json.dumps(runs.found()))

    return with_cases
