"""Compare benchmarks with the stored ones of this kind of processor; exit status 1 if one became slower.

    pytest benchmarks --benchmark-timer=time.process_time --benchmark-json=build/benchmarks.json
    python benchmarks/compare.py build/benchmarks.json [--update]

What is compared is the smallest processor time of a call in units of the reference kernel's, which is measured before
and after every benchmark: a busy machine slows both.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.files import slug, write_text
from bench.run.environment import describe_environment

# A clean repeat on a busy machine reached 1.54, for a call of a few milliseconds; a kernel at half speed takes 2.
LIMIT = 1.7
BASELINES = Path(__file__).parents[1] / "tests" / "baselines" / "benchmarks"


def ratios(measured: Mapping[str, Any]) -> dict[str, float]:
    """Times in reference kernels by name, of a file that pytest-benchmark wrote."""
    return {
        str(each["name"]): float(each["stats"]["min"]) / float(each["extra_info"]["reference_seconds"])
        for each in measured["benchmarks"]
    }


def slower(now: Mapping[str, float], before: Mapping[str, float], limit: float = LIMIT) -> list[str]:
    """A line for each benchmark that became slower than by the limit, and for each that is missing."""
    lines = [f"{name}: missing" for name in before if name not in now]
    grown = {name: now[name] / old for name, old in before.items() if name in now}
    return lines + [f"{name}: {ratio:.2f} times slower" for name, ratio in grown.items() if not ratio <= limit]


def main() -> int:
    """Compare, or store with ``--update``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, help="file of pytest-benchmark")
    parser.add_argument("--update", action="store_true", help="store the times as the new baseline")
    given = parser.parse_args()
    now = ratios(json.loads(given.measured.read_text(encoding="utf-8")))
    stored = BASELINES / f"{slug(describe_environment().processor)}.json"
    if given.update:
        write_text(stored, json.dumps(dict(sorted(now.items())), indent=1) + "\n")
        sys.stdout.write(f"stored: {stored}\n")
        return 0
    if not stored.is_file():
        sys.stdout.write(f"not compared: no times of this processor in {stored}; store them with --update\n")
        return 0
    lines = slower(now, json.loads(stored.read_text(encoding="utf-8")))
    sys.stdout.write("\n".join(lines or [f"no benchmark of {len(now)} became slower"]) + "\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
