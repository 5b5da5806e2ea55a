"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest

import bench  # noqa: F401  sets the thread behaviour before any test imports torch


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real cases; tests that need it skip without it."""
    folder = os.environ.get("FLUOROBENCH_DATA")
    if not folder:
        pytest.skip("FLUOROBENCH_DATA is not set: no real data on this machine")
    return Path(folder)
