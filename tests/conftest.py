"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest

import bench

# Importing it sets the thread behaviour; that must come before any test imports torch.
assert bench.__file__


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real cases; tests that need it skip without it."""
    folder = os.environ.get("FLUOROBENCH_DATA")
    if not folder:
        pytest.skip("FLUOROBENCH_DATA is not set: no real data on this machine")
    return Path(folder)
