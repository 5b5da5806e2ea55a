"""One self-contained HTML page of registrations: labelled panels of every view, pose, and how far to trust it."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.contract import Problem
from bench.geometry import Matrix
from bench.report.outlines import outlined
from bench.report.overlay import Colours, grey
from bench.report.registration import save_png, shown
from bench.single.trust import MEANING, Trust, in_words

_SIDE = 420
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 96rem; padding: 0 1rem; }
h2 { margin-top: 2.2rem; } table { border-collapse: collapse; margin: .8rem 0; }
td, th { border: 1px solid #8888; padding: .2rem .7rem; text-align: right; } th { text-align: left; }
.panels { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1rem; margin: .8rem 0; }
figure { margin: 0; } img { display: block; width: 100%; } caption { text-align: left; padding: .3rem 0; }
figcaption { padding: .3rem 0; } .doubt { color: #b3261e; font-weight: 600; }
.sound { color: #1b7f3b; font-weight: 600; }
.silhouette { color: #c96f00; font-weight: 600; } .inner { color: #1b9e4b; font-weight: 600; }
@media (prefers-color-scheme: dark) { .doubt { color: #ff8f86; } .sound { color: #7ddf9b; } }
"""


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """One registration to show.

    Attributes:
        name: Of the image or frame.
        problem: With images.
        pose: rig_from_world, 4x4, mm.
        found: Its result as of ``bench.single.answer.described``, and its verdict.
    """

    name: str
    problem: Problem
    pose: Matrix
    found: dict[str, Any]


def registration_page(registered: Sequence[Registered], title: str) -> str:
    """The page as HTML text.

    Args:
        registered: One or more registrations, in order.
        title: Of the page.
    """
    parts = [part for each in registered for part in _section(each)]
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1>",
            '<p>Lines show the rendered content at the pose: its <span class="silhouette">silhouette</span> and the '
            '<span class="inner">edges inside it</span>. A turn about the long axis of a bone moves only the edges '
            "inside. The pose is right where both lie on the edges of the X-ray.</p>",
            *parts,
            "</body></html>",
        ]
    )


def _section(each: Registered) -> list[str]:
    theta = each.found["theta_from_start"]
    verdict = each.found["verdict"]
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in theta)
    cells = "".join(f"<td>{value:.2f}</td>" for value in theta.values())
    return [
        f"<h2>{html.escape(each.name)}</h2>",
        *_verdict(verdict),
        f"<p>Method {html.escape(str(each.found['method']))}: {html.escape(str(each.found['outcome']))}.</p>",
        "<table><caption>Pose from the start: turns (degrees) and shifts (mm) in the axes of the first view; x right, "
        f"y down, z along the beam</caption><tr>{heads}</tr><tr>{cells}</tr></table>",
        *_panels(each),
    ]


def _verdict(verdict: dict[str, Any]) -> list[str]:
    trust = Trust(verdict["trust"])
    kind = "sound" if trust is Trust.TRUSTED else "doubt"
    lines = [f'<p class="{kind}">Verdict: {html.escape(trust)} – {html.escape(MEANING[trust])}</p>']
    if verdict["reasons"]:
        lines.append("<ul>" + "".join(f"<li>{html.escape(each)}</li>" for each in verdict["reasons"]) + "</ul>")
    return [*lines, *(f"<p>{html.escape(each)}</p>" for each in in_words(verdict))]


def _panels(each: Registered) -> list[str]:
    rows = list[str]()
    for view in shown(each.problem, each.pose):
        scale = max(1, _SIDE // max(view.image.shape))
        plain = np.repeat(np.repeat(np.repeat(grey(view.image)[..., None], 3, axis=2), scale, axis=0), scale, axis=1)
        panels = [
            (plain, "X-ray"),
            (outlined(view.image, view.before, scale=scale), "CT at the start"),
            (outlined(view.image, view.after, scale=scale), f"CT at the pose found by {each.found['method']}"),
        ]
        label = f"{each.name}, view {view.number}"
        figures = "".join(_figure(picture, f"{label}: {what}") for picture, what in panels)
        rows.append(f'<div class="panels">{figures}</div>')
    return rows


def _figure(picture: Colours, caption: str) -> str:
    buffer = io.BytesIO()
    save_png(picture, buffer)
    data = base64.b64encode(buffer.getvalue()).decode()
    text = html.escape(caption)
    image = f'<img alt="{text}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"
