"""``fluorobench info DATASET --sheet FILE``: its first patients on one picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import output
from bench.cli.progress import tracked
from bench.errors import FluorobenchError, describe_error

if TYPE_CHECKING:
    from bench.contract import Split

PATIENTS = 24
# Of more than this the picture is so tall that few programs open it.
MAX_PATIENTS = 300


class SheetError(FluorobenchError):
    """A contact sheet that cannot be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSheet:
    """Patients of a dataset on one picture.

    Attributes:
        dataset: Plug-in name.
        split: Which of its splits.
        patients: How many, from the first.
        path: The PNG to write.
        fresh: Overwrite an existing file.
    """

    dataset: str
    split: "Split"
    patients: int
    path: Path
    fresh: bool

    def __post_init__(self) -> None:
        if self.path.suffix.lower() != ".png":
            raise SheetError(f"a contact sheet is a PNG; got --sheet {self.path}")
        if self.patients < 1:
            raise SheetError(f"a contact sheet shows at least 1 patient; got --patients {self.patients}")
        if self.patients > MAX_PATIENTS:
            raise SheetError(f"a contact sheet shows at most {MAX_PATIENTS} patients; got --patients {self.patients}")
        if self.path.is_dir():
            raise SheetError(f"--sheet names a PNG to write; {self.path} is a folder")
        if self.path.exists() and not self.fresh:
            raise SheetError(f"{self.path} exists already; add --fresh to overwrite it, or name another file")

    def draw(self) -> None:
        """Make the patients, write the picture, print its path."""
        from bench import registry
        from bench.report.contact_sheet import write_sheet

        self._require_folder()

        dataset = registry.build("datasets", self.dataset, {})
        names = list(dataset.patient_ids(self.split)[: self.patients])
        if not names:
            raise SheetError(f"{self.dataset} has no {self.split} patients; name another --split")
        patients = (dataset.patient(name) for name in tracked(names, "drawing patients"))
        write_sheet(self.path, patients, count=len(names))
        output.print(f"{len(names)} {self.split} patients of {self.dataset}: {self.path}", markup=False)

    def _require_folder(self) -> None:
        """Refuse an unusable path before minutes are spent on patients."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SheetError(
                f"--sheet {self.path}: its folder cannot be made ({describe_error(error)}); name another place"
            ) from error
