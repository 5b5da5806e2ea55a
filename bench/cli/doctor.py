"""``fluorobench doctor``."""

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.cli.console import output, print_line, print_table


@dataclass(frozen=True)
class Doctor:
    """Look at the machine, its data and extras, and test the pipeline on one small case.

    Exit status 1 where the self-test fails.
    """

    out: Path = Path("runs")
    """Folder for runs, whose disk is looked at."""

    self_test: bool = True
    """Generate a patient, start a method's process and score the truth and the start as answers."""

    def __call__(self) -> None:
        """Print what was found, and what mends it."""
        from bench.run.machine import examine

        print_table("found", ("what", "found", "to mend it"), [(f.what, f.found, f.remedy) for f in examine(self.out)])
        if self.self_test:
            self._test()

    def _test(self) -> None:
        from bench.score.self_test import self_test

        print_line("self-test: one case, 64 x 64 pixels")
        done = self_test()
        errors = f"truth as answer {done.truth_mm:.1g} mm, start as answer {done.start_mm:.3g} mm"
        if done.passed:
            output.print(f"self-test passed in {done.seconds:.0f} s: {errors}")
            return
        output.print(f"self-test FAILED: {errors}; expected 0 and {done.stated_start_mm:.3g} mm", style="red")
        sys.exit(1)
