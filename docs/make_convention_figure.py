"""Draw the pose convention in one figure, ``pose_convention.png``: ``python docs/make_convention_figure.py``.

Left, the C-arm in AP from the patient's left side; right, the image that it takes. What is drawn is computed with
bench.geometry, so that the figure cannot disagree with the code.
"""

from pathlib import Path
from typing import Any, cast

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from bench.cases.scene import scene_of
from bench.geometry import Matrix, PoseFrame, StandardView, nominal_pose, transform_points

SCENE = scene_of("sopi-sim")
CAMERA, DEPTH = SCENE.camera, SCENE.depth_mm
SDD, SIZE = cast("float", CAMERA.sdd_mm), CAMERA.width
SPACING = SDD / CAMERA.K[0, 0]
POSE = nominal_pose(StandardView.AP, np.zeros(3), DEPTH)
FRAME = PoseFrame(POSE, np.zeros(3))
BOX = np.array([40.0, 32.0, 52.0])
HALF = SIZE * SPACING / 2
INK, RAY, WORLD, ROTATION, TRANSLATION = "#222222", "#c9a227", "#1b6ca8", "#c0392b", "#1e8449"
SKIN, BONE = "#f3d9c4", "#a0724b"
OBLIQUE = np.array([[-0.55, 0, 1], [0.42, 1, 0]])
"""Paper (right, down) from camera (x, y, z): the beam runs right; x, the patient's left, comes to the reader."""


def main() -> None:
    """Write the figure beside this file."""
    pyplot: Any = plt
    figure = pyplot.figure(figsize=(16, 8.6), dpi=110)
    scene: Any = figure.add_axes((0.01, 0.11, 0.66, 0.82))
    screen: Any = figure.add_axes((0.735, 0.33, 0.245, 0.46))
    draw_scene(scene)
    draw_screen(screen)
    figure.suptitle("The pose convention, in the AP view: the source is in front of the patient", fontsize=17, y=0.975)
    equation = r"$x_{cam} = R_x(r_x)\,R_y(r_y)\,R_z(r_z)\,R_{view}\,(x_{world} - c) + (t_x,\ t_y,\ D + t_z)$"
    figure.text(
        0.5, 0.065, f"{equation}      the volume moves, the camera stands; degrees and mm", ha="center", fontsize=15
    )
    lps = "x to the patient's Left, y to the back (Posterior), z to the head (Superior)."
    world = f"World: the CT's patient frame, LPS. {lps}"
    theta = "c: the rotation centre, a world point. At theta = 0 it lies on the axis, D from the source."
    figure.text(0.5, 0.022, f"{world}  {theta}", ha="center", fontsize=11)
    figure.savefig(Path(__file__).with_name("pose_convention.png"))


def on_paper(points_cam: Any) -> Matrix:
    """Camera points (..., 3) in mm on the paper (..., 2)."""
    paper: Matrix = np.asarray(points_cam, dtype=np.float64) @ OBLIQUE.T
    return paper


def line(axes: Any, points_cam: Any, **style: Any) -> None:
    """A polyline given in the camera."""
    axes.plot(*on_paper(points_cam).T, **style)


def arrow(axes: Any, start: Any, end: Any, color: str, width: float = 2.2) -> None:
    """An arrow between two camera points."""
    style = {"arrowstyle": "-|>", "color": color, "lw": width, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 16}
    axes.annotate("", on_paper(end), on_paper(start), arrowprops=style, zorder=6)


def write(axes: Any, at_cam: Any, text: str, color: str = INK, **style: Any) -> None:
    """Text at a camera point."""
    placed = {"fontsize": 12, "ha": "center", "va": "center", "zorder": 9} | style
    axes.text(*on_paper(at_cam), text, color=color, **placed)


def draw_scene(axes: Any) -> None:
    """The C-arm, the volume, both frames, the six parameters and the two distances."""
    draw_beam(axes)
    draw_volume(axes)
    draw_camera_axes(axes)
    draw_parameters(axes)
    draw_distances(axes)
    axes.set_aspect("equal")
    axes.set_xlim(-110, 1150)
    axes.set_ylim(245, -375)
    axes.set_axis_off()


def draw_beam(axes: Any) -> None:
    """Source, rays and the detector with pixel (0, 0)."""
    corners = np.array([[-HALF, -HALF, SDD], [HALF, -HALF, SDD], [HALF, HALF, SDD], [-HALF, HALF, SDD]])
    axes.fill(*on_paper(corners).T, facecolor="#dfe6ec", edgecolor=INK)
    for corner in corners:
        line(axes, [np.zeros(3), corner], color=RAY, linewidth=1, alpha=0.8)
    line(axes, [np.zeros(3), [0, 0, SDD]], color=INK, linewidth=1, linestyle=(0, (6, 4)))
    axes.plot(*on_paper(np.zeros(3)), "o", color=RAY, markeredgecolor=INK, markersize=13, zorder=8)
    axes.plot(*on_paper(corners[0] + [5, 5, 0]), "s", color=INK, markersize=8, zorder=8)
    write(axes, corners[0] + [0, -16, 0], "pixel (0, 0)")
    write(axes, [HALF, HALF + 20, SDD], "detector", fontsize=13)
    arrow(axes, corners[0] + [25, -2, 12], corners[0] + [80, -2, 12], INK, 1.5)
    write(axes, corners[0] + [56, -2, 44], "columns", ha="left", fontsize=11)
    arrow(axes, corners[0] + [0, 25, 14], corners[0] + [0, 80, 14], INK, 1.5)
    write(axes, corners[0] + [0, 55, 22], "rows", ha="left", fontsize=11)
    write(axes, [0, -30, -40], "X-ray source =\ncamera's origin", fontsize=13)


def draw_volume(axes: Any) -> None:
    """The CT's box and its LPS axes, placed by the nominal pose."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = transform_points(POSE, signs * BOX)
    for face in ([0, 1, 3, 2], [2, 3, 7, 6], [0, 2, 6, 4], [0, 1, 5, 4], [1, 3, 7, 5], [4, 5, 7, 6]):
        axes.fill(*on_paper(corners[face]).T, facecolor=SKIN, edgecolor=BONE, alpha=0.45, zorder=3)
    centre = FRAME.centre_in_rig
    axes.plot(*on_paper(centre), "o", color=INK, markersize=7, zorder=8)
    write(axes, centre + np.array([0, -13, -15]), "c", fontsize=15)
    for axis, length in zip(np.eye(3), (105, 92, 100), strict=True):
        arrow(axes, centre, centre + length * POSE[:3, :3] @ axis, WORLD, 2.6)
    blue: dict[str, Any] = {"color": WORLD, "fontsize": 13, "weight": "bold"}
    write(axes, centre + np.array([118, 0, 0]), "L  (world x)", ha="right", **blue)
    write(axes, centre + np.array([0, 14, 98]), "P  (world y)", ha="left", **blue)
    write(axes, centre + np.array([0, -112, 0]), "S, head  (world z)", **blue)
    write(axes, centre + np.array([0, 92, 10]), "CT volume", BONE, fontsize=13, ha="left")


def draw_camera_axes(axes: Any) -> None:
    """The camera's axes at the source."""
    for axis, length in zip(np.eye(3), (90, 75, 105), strict=True):
        arrow(axes, np.zeros(3), length * axis, INK, 2.6)
    write(axes, [112, 12, -8], "camera x\n(columns)")
    write(axes, [0, 92, 12], "camera y (rows)", ha="left")
    write(axes, [0, -13, 112], "camera z", ha="left")


def draw_parameters(axes: Any) -> None:
    """The six parameters: turns about, and shifts along, the camera's axes through c, drawn apart and larger."""
    at = np.array([0, -240.0, 340.0])
    axes.plot(*on_paper(at), "o", color=INK, markersize=7, zorder=8)
    write(axes, at + np.array([0, -12, -14]), "c", fontsize=15)
    write(
        axes,
        at + np.array([0, -112, 0]),
        "theta = (rx, ry, rz, tx, ty, tz) of the volume,\nabout the camera's axes through c",
        fontsize=13,
    )
    for axis, (middle, tip) in enumerate(((135.0, 225.0), (92.0, 150.0), (105.0, 190.0))):
        direction = np.eye(3)[axis]
        arrow(axes, at, at + direction * tip, TRANSLATION, 2.6)
        write(axes, at + direction * (tip + 20), f"+t{'xyz'[axis]}", TRANSLATION, fontsize=14, weight="bold")
        draw_turn(axes, axis, at + direction * middle)


def draw_turn(axes: Any, axis: int, at: Matrix) -> None:
    """An arc with an arrow head: what a positive angle about the axis does, computed by PoseFrame."""
    start = np.roll(np.eye(3)[axis], 1) * 34
    theta = np.zeros((60, 6))
    theta[:, axis] = np.linspace(-70, 215, 60)
    turns = FRAME.pose(theta)[:, :3, :3] @ POSE[:3, :3].T
    arc = at + turns @ start
    line(axes, arc, color=ROTATION, linewidth=2.4, zorder=7)
    arrow(axes, arc[-6], arc[-1], ROTATION, 2.4)
    beside = ([0, 0, -62], [0, 6, 62], [0, -58, 0])[axis]
    write(axes, at + beside, f"+r{'xyz'[axis]}", ROTATION, fontsize=14, weight="bold")


def draw_distances(axes: Any) -> None:
    """D to the rotation centre and SDD to the detector, below the beam."""
    for level, reach, name in (
        (165, DEPTH, f"D, source to c: {DEPTH:g} mm"),
        (205, SDD, f"SDD, source to detector: {SDD:g} mm"),
    ):
        line(axes, [[0, level, 0], [0, level, reach]], color=INK, linewidth=1.3)
        for end in (0, reach):
            line(axes, [[0, level - 10, end], [0, level + 10, end]], color=INK, linewidth=1.3)
            line(axes, [[0, 0, end], [0, level, end]], color=INK, linewidth=0.6, linestyle=":")
        write(axes, [0, level - 14, 330], name, fontsize=13)


def draw_screen(axes: Any) -> None:
    """The image as it is stored: seen from the source."""
    axes.set_title("The image as stored: seen from the source", fontsize=14, pad=14)
    axes.set_xlim(-0.5, SIZE - 0.5)
    axes.set_ylim(SIZE - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_facecolor("#eef2f5")
    axes.set_xticks([0, 127.5, 255])
    axes.set_yticks([0, 127.5, 255])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("column", fontsize=12)
    axes.set_ylabel("row", fontsize=12)
    outline = np.array([[1, 0, 1], [1, 0, -1], [-1, 0, -1], [-1, 0, 1]]) * BOX
    axes.fill(*CAMERA.project(transform_points(POSE, outline)).T, facecolor=SKIN, edgecolor=BONE, alpha=0.8)
    axes.plot(0, 0, "s", color=INK, markersize=9, clip_on=False)
    axes.text(9, 9, "pixel (0, 0)", fontsize=11, va="center")
    for offset, name in (([54, 0, 0], "L"), ([-54, 0, 0], "R"), ([0, 0, 60], "S (head)"), ([0, 0, -60], "I (feet)")):
        at = CAMERA.project(transform_points(POSE, offset))
        axes.text(*at, name, color=WORLD, ha="center", va="center", fontsize=14, weight="bold")
    draw_screen_parameters(axes)
    meaning = "\n".join(
        (
            "+rx   tips the head towards the source",
            "+ry   turns the patient's left towards the source",
            "+rz   turns clockwise on the screen",
            "+tx   moves right     +ty   moves down",
            "+tz   moves away from the source",
        )
    )
    axes.text(-0.05, -0.06, meaning, transform=axes.transAxes, va="top", fontsize=12.5, linespacing=1.5)


def draw_screen_parameters(axes: Any) -> None:
    """The three parameters that act in the image's plane."""
    centre = CAMERA.project(FRAME.centre_in_rig)
    axes.plot(*centre, "o", color=INK)
    axes.text(*(centre - 9), "c", fontsize=14, ha="center", va="center")
    for step, name, where in (([45, 0], "+tx", [30, -10]), ([0, 45], "+ty", [16, 34])):
        style = {"arrowstyle": "-|>", "color": TRANSLATION, "lw": 2.4, "shrinkA": 0, "mutation_scale": 16}
        axes.annotate("", centre + step, centre, arrowprops=style)
        axes.text(*(centre + where), name, color=TRANSLATION, fontsize=13, ha="center", va="center", weight="bold")
    angle = np.radians(np.linspace(-85, -20, 30))
    arc = centre + 58 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    axes.plot(*arc.T, color=ROTATION, lw=2.4)
    style = {"arrowstyle": "-|>", "color": ROTATION, "lw": 2.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 16}
    axes.annotate("", arc[-1], arc[-4], arrowprops=style)
    axes.text(
        *(centre + np.array([30, -33])), "+rz", color=ROTATION, fontsize=13, ha="center", va="center", weight="bold"
    )


if __name__ == "__main__":
    main()
