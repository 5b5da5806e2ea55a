"""Every benchmark knows how fast the reference kernel was beside it, so that load and machine cancel."""

from collections.abc import Generator
from typing import Any

import pytest

from bench.run.reference_kernel import reference_kernel_seconds


@pytest.fixture(autouse=True)
def reference_seconds(benchmark: Any) -> Generator[None]:
    """Processor time of the reference kernel, the mean of before and after; ``compare.py`` divides by it."""
    before = reference_kernel_seconds()
    yield
    benchmark.extra_info["reference_seconds"] = (before + reference_kernel_seconds()) / 2
