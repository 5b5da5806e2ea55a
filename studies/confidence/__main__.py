"""``python -m studies.confidence --out DIR``: calibrate the confidence of Opt-Whole-CT and Opt-Hybrid."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import tomli_w
import tyro

from bench.cli.console import output
from bench.files import write_text
from bench.register.confidence import CALIBRATION
from studies.confidence.answers import collect
from studies.confidence.calibrate import calibrated
from studies.rows import Row


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Register validation phantoms and fit the calibrations; the same command goes on where it was stopped."""

    out: Path
    """Folder of finished answers."""

    into: Path = CALIBRATION
    """Folder of the calibrations."""

    def __call__(self) -> None:
        """Collect, fit, write."""
        found = defaultdict[str, list[Row]](list)
        for done, rows in collect(self.out):
            output.print(f"{done}: {sum(row['right'] for row in rows)} of {len(rows)} right")
            found[rows[0]["method"]] += rows
        for method, rows in found.items():
            people = len({row["patient"] for row in rows})
            wrong = sum(not row["right"] for row in rows)
            day = f"{datetime.now(UTC):%Y-%m-%d}"
            made_of = f"{day}: {len(rows)} answers, {wrong} of them wrong, of {people} validation phantoms"
            text = tomli_w.dumps(calibrated(rows, made_of).model_dump(mode="json"))
            write_text(self.into / f"{method}.toml", text)


if __name__ == "__main__":
    tyro.cli(Calibrate)()
