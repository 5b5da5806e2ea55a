"""Fixtures that many tests share."""

import locale
import os
from collections.abc import Generator
from pathlib import Path

import pytest

# Workers of pytest-xdist share the cores: without this each would start as many threads as there are.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

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


@pytest.fixture(autouse=True)
def same_locale() -> Generator[None]:
    """Writers of SimpleITK that tests use leave the process in the locale "C": text is then read as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, before)
