"""``python -m studies.realism``: compare a dataset's patients with a real CT."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from bench.cli.execute import execute
from bench.cli.settings import setting
from bench.contract import Split

PROGRAM = "python -m studies.realism"


@dataclass(frozen=True)
class Compare:
    """Compare a dataset's patients with a real CT: tissues, projections, dimensions, success of registrations.

    Writes comparison.md, comparison.csv and figures. After an interruption the same command continues.
    """

    ct: Annotated[Path, tyro.conf.Positional]
    """The real CT: a file or a DICOM folder."""

    dataset: str = "phantom"
    """Plug-in name of the dataset."""

    set: tuple[str, ...] = ()
    """Settings of the dataset as field=value, such as size=96."""

    labels: Path | None = None
    """Label map on the CT's grid that holds L1 to L5."""

    label_scheme: str | None = None
    """Its numbering: verse, totalsegmentator, phantom, or the path of a TOML file."""

    box: tuple[float, float, float, float, float, float] | None = None
    """For a CT without labels: the box round L1 to L5, low x y z, high x y z, world LPS mm."""

    patients: int | None = None
    """Number of the dataset's patients to register; the protocol's number if not given."""

    pool: int | None = None
    """Number of patients measured to find those most like the CT; eight for each if not given, 0 = no matching."""

    split: Split = Split.TEST
    """Which of the dataset's splits."""

    profile: Literal["smoke", "quick", "full"] = "full"
    """Number of patients and starts: about a quarter of an hour with full, minutes with quick, a trial with smoke."""

    out: Path = Path("runs")
    """Folder of the report and its runs."""

    fresh: bool = False
    """Delete the runs of an earlier comparison of the same kind."""

    def __call__(self) -> None:
        """Compare and report."""
        from studies.realism.comparison import Comparison
        from studies.realism.request import Request

        request = Request(
            dataset=self.dataset,
            settings=dict(setting(each) for each in self.set),
            ct=self.ct,
            labels=self.labels,
            label_scheme=self.label_scheme,
            box=self.box,
            patients=self.patients,
            pool=self.pool,
            split=self.split,
            profile=self.profile,
        )
        Comparison(request=request, out=self.out, fresh=self.fresh).report()


def main() -> None:
    """Parse the command line and compare."""
    execute(tyro.cli(Compare, prog=PROGRAM), PROGRAM)


if __name__ == "__main__":
    main()
