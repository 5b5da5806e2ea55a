"""``fluorobench start``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from bench.cli.case import CaseArguments
from bench.cli.console import messages, output, print_table
from bench.errors import FluorobenchError

if TYPE_CHECKING:
    from bench.geometry import Matrix
    from bench.start.clicks import NamedPixel
    from bench.volume import Volume
    from bench.xray.case import XrayCase


class StartError(FluorobenchError):
    """Arguments from which no start can be found."""


@dataclass(frozen=True, kw_only=True)
class Start(CaseArguments):
    """Find a start for register: from clicked landmarks, or by moving the rendering over the X-ray in a browser."""

    landmarks: Path | None = None
    """3D landmarks: .mrk.json or .fcsv of 3D Slicer, or a .csv of name,x,y,z (LPS, mm). Without it a landmark is a
    label of the CT, such as L3: the centre of the vertebral body (of other bones, of their thickest part)."""

    pixel: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A clicked landmark, [VIEW:]NAME=COLUMN,ROW, once for each; pixels of the whole image, from 0; views from 1."""

    pixels: Path | None = None
    """CSV file of clicked landmarks: view,name,column,row (view may be left out)."""

    pixels_of: Literal["seen", "stored"] = "seen"
    """Whether pixels are counted in the image as seen from the source, or as it is stored (then --flip turns them)."""

    start: str | None = None
    """A rough pose: header, AP, PA, LATERAL (with --depth-mm), calibration, or a file; two landmarks then suffice."""

    depth_mm: float | None = None
    """Source to the volume's centre, for AP, PA, LATERAL, and headers that do not state it or are wrong."""

    page: bool = False
    """Open a page for this computer's browser, where the rendering is moved over the X-ray."""

    port: int = 0
    """Of the page; 0 = any that is free."""

    content: str = "bone"
    """Of the CT: bone, body, everything, or a label's name. The page shows it; AP, PA, LATERAL and header stand about
    its centre."""

    out: Path = Path("start.json")
    """The file of the pose, for register --start."""

    def __call__(self) -> None:
        """Find the pose and write it."""
        if self.out.suffix != ".json":
            raise StartError(f"--out must end in .json; got {self.out}")
        case = self.read()
        clicks = self._clicks(case)
        if not clicks and not self.page:
            raise StartError(
                "expected clicked landmarks (--pixel L3=512,300 ... or --pixels FILE), or --page to move the rendering "
                "over the X-ray; got neither"
            )
        found = self._from_clicks(case, clicks) if clicks else None
        if self.page:
            self._show(case, found)
        elif found is not None:
            self._write(found)

    def _clicks(self, case: "XrayCase") -> "list[NamedPixel]":
        from bench.start.clicks import check_clicks, parse_clicks, read_clicks

        clicks = [*parse_clicks(self.pixel), *([] if self.pixels is None else read_clicks(self.pixels))]
        if not clicks:
            return []
        sizes = [(member.camera.height, member.camera.width) for member in case.rig().cameras]
        check_clicks(clicks, sizes)
        if self.pixels_of == "seen":
            return clicks
        flips = [table.flip for table in case.tables.images]
        if any(flip is None for flip in flips):
            raise StartError(
                "--pixels-of stored needs --flip: what turns the stored image into the one seen from the source"
            )
        return [each.turned(str(flips[each.view]), sizes[each.view]) for each in clicks]

    def _from_clicks(self, case: "XrayCase", clicks: "Sequence[NamedPixel]") -> dict[str, Any]:
        from bench.start.clicked import clicked_pose
        from bench.start.landmarks import landmarks_by_name

        volume = case.volume()
        points = landmarks_by_name((each.name for each in clicks), volume, self.landmarks)
        rough = self._rough(case, volume)
        found = clicked_pose(case.rig(), clicks, points, rough=rough)
        rows = [
            (each["name"], str(each["view"]), f"{each['px']:.2f}", f"{each['mm']:.2f}") for each in found["residuals"]
        ]
        print_table("landmarks", ("name", "view", "residual, px", "residual, mm"), rows)
        output.print(f"residual: {found['rms_px']:.2f} px, {found['rms_mm']:.2f} mm (rms)", markup=False)
        for warning in found["warnings"]:
            messages.print(warning, style="yellow", markup=False, soft_wrap=True)
        return found

    def _rough(self, case: "XrayCase", volume: "Volume") -> "Matrix | None":
        """The pose that --start names, about the same centre as register's."""
        from bench.single.problem import content_of, starting_pose

        if self.start is None:
            return None
        centre = content_of(volume, content=self.content, region="whole", margin_mm=0.0).content_centre()
        return starting_pose(case, self.start, centre, self.depth_mm)

    def _write(self, found: dict[str, Any]) -> None:
        from bench.files import write_text

        written = write_text(self.out, json.dumps(found, indent=1))
        output.print(
            f"written: {written}; continue with: fluorobench register ... --start {written}",
            markup=False,
            soft_wrap=True,
        )

    def _show(self, case: "XrayCase", found: dict[str, Any] | None) -> None:
        """Serve the page until the pose is saved or Ctrl-C ends it."""
        from bench.single.problem import build_problem
        from bench.start.landmarks import read_landmarks
        from bench.start.server import PageServer
        from bench.start.session import Session

        start = self.start or "header"
        if found is not None:
            self._write(found)
            start = str(self.out)
        problem = build_problem(case, content=self.content, start=start, depth_mm=self.depth_mm)
        session = Session(problem, None if self.landmarks is None else read_landmarks(self.landmarks))
        with PageServer(session, port=self.port) as server:
            output.print(f"open {server.url}", markup=False, soft_wrap=True)
            messages.print("Save on the page writes the pose and ends this command; Ctrl-C ends it without writing")
            saved = server.serve()
        if saved is None:
            messages.print("ended without saving: the page wrote nothing")
            return
        self._write(saved)
