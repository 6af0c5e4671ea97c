"""What every Python test shares: the hypothesis profile and a header that says what is being tested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

import fastgru

# No deadline: no test here is about how long an example takes. Derandomised: a run can be repeated.
settings.register_profile("fastgru", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("fastgru")


def pytest_report_header() -> list[str]:
    from fastgru import _core

    return [
        f"fastgru {fastgru.__version__} from {Path(fastgru.__file__).parent}",
        f"isa: {_core.isa()} of {', '.join(_core.isa_names())}"
        f" (FASTGRU_ISA={os.environ.get('FASTGRU_ISA', 'unset')}); openmp: {_core.openmp};"
        f" threads: {_core.get_num_threads()} of {_core.available_cores()} cores",
    ]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the source tree these tests belong to."""
    return Path(__file__).resolve().parents[1]
