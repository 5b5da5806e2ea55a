"""The reference kernel is timed beside the cases, and takes a small share of their time."""

import time

import pytest

from bench.run import reference_kernel
from bench.run.reference_kernel import ReferenceKernel


class Clock:
    """A clock that moves when the kernel is timed, and when it is told to."""

    def __init__(self) -> None:
        self.now, self.timed = 100.0, 0

    def kernel(self, repeats: int) -> float:
        self.timed += 1
        self.now += 0.01 * repeats
        return 0.01


@pytest.mark.parametrize("case_s", [0.01, 0.3, 1.0])
def test_it_takes_at_most_half_a_percent_of_a_run(monkeypatch: pytest.MonkeyPatch, case_s: float) -> None:
    clock = Clock()
    monkeypatch.setattr(reference_kernel, "reference_kernel_seconds", clock.kernel)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    kernel = ReferenceKernel()
    began = clock.now
    for _ in range(round(60 / case_s)):
        kernel.seconds()
        clock.now += case_s
    took = 0.05 * clock.timed
    assert clock.timed >= 5
    assert took - 0.05 <= 0.005 * (clock.now - began)


def test_it_is_timed_before_and_after_a_long_case(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(reference_kernel, "reference_kernel_seconds", clock.kernel)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    kernel = ReferenceKernel()
    for _ in range(3):
        kernel.seconds()
        clock.now += 30.0
    assert clock.timed == 3


def test_its_time_is_that_of_a_computation() -> None:
    first, second = (reference_kernel.reference_kernel_seconds() for _ in range(2))
    assert 0 < first < 20 * second
