"""Draw docs/architecture.svg: the packages of ``bench`` and the plug-in folders, and which imports which.

Usage: ``python docs/make_architecture.py``. Imports are read from the source text, those inside functions included; an
arrow that follows from others (A to B to C makes A to C redundant) is left out. Imports under ``TYPE_CHECKING`` count.
"""

import ast
import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("architecture.svg")
PLUGINS = ("datasets", "methods", "similarities", "reports")
OUTSIDE = (*PLUGINS, "studies")
_DESCRIPTIONS = {
    "datasets": "plug-ins: patients and their X-rays",
    "methods": "plug-ins: registration methods and networks",
    "similarities": "plug-ins: image similarities",
    "reports": "plug-ins: tables and figures",
    "studies": "finished investigations; no package imports them",
}
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _EMPTY = 204, 88, 18, 44, 24, 10
_TOP, _LINE, _SWEEPS = 176, 36, 24
_FLOW = ("patient", "case", "problem", "estimate", "score", "artefact")
_FLOW_BY = (
    ("datasets",),
    ("cases",),
    ("cases",),
    ("methods",),
    ("score",),
    ("reports",),
)

Imports: TypeAlias = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Box:
    """Where a package is drawn: its left upper corner, in pixels."""

    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        """Half-way between its sides."""
        return self.x + self.width / 2


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(svg(), encoding="utf-8")


def svg() -> str:
    """The picture as text."""
    imports = reduced(packages())
    level = levels(imports)
    arrows = paths(imports, level)
    grid = rows(level, arrows)
    width = 2 * _MARGIN + max(_span(row) for row in grid)
    boxes = _placed(grid, width)
    height = max(box.y for box in boxes.values()) + _HEIGHT + _MARGIN
    lines = [_head(width, height), *_flow(width)]
    lines.extend(_arrow(arrow, [boxes[each] for each in arrow]) for arrow in arrows)
    lines.extend(_package(name, boxes[name]) for name in sorted(imports))
    return "\n".join([*lines, "</svg>"]) + "\n"


def packages() -> Imports:
    """What each package of ``bench``, each plug-in folder and ``studies`` imports, by name."""
    rooms = sorted(_room(path) for path in (ROOT / "bench").iterdir() if _is_room(path))
    inside = {room: _files(ROOT / "bench", room) for room in rooms}
    outside = {name: sorted((ROOT / name).rglob("*.py")) for name in OUTSIDE if (ROOT / name).is_dir()}
    known = set(rooms)
    found = {name: {each for path in files for each in _imported(path)} for name, files in (inside | outside).items()}
    return {name: (above & known) - {name} for name, above in found.items()}


def _is_room(path: Path) -> bool:
    package = (path / "__init__.py").is_file() and path.name not in PLUGINS
    return package or (path.suffix == ".py" and path.stem not in ("__init__", "__main__"))


def _room(path: Path) -> str:
    return path.stem


def _files(folder: Path, room: str) -> list[Path]:
    module = folder / f"{room}.py"
    return [module] if module.is_file() else sorted((folder / room).rglob("*.py"))


def _imported(path: Path) -> Iterator[str]:
    """Packages of ``bench`` that a file names, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "bench":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bench."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("bench."))


def reduced(imports: Mapping[str, set[str]]) -> Imports:
    """Imports without those that follow from others."""
    reach = {name: _reached(name, imports) for name in imports}
    return {
        name: {each for each in above if not any(each in reach[other] for other in above - {each})}
        for name, above in imports.items()
    }


def _reached(name: str, imports: Mapping[str, set[str]]) -> set[str]:
    """Everything that a package imports, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        fresh = imports[waiting.pop()] - found
        found |= fresh
        waiting.extend(fresh)
    return found


def levels(imports: Mapping[str, set[str]]) -> dict[str, int]:
    """Row of each package: below everything that it imports, and as near above its users as that allows."""
    highest: dict[str, int] = {}
    for name in imports:
        _depth(name, imports, highest)
    users = {name: {each for each in imports if name in imports[each]} for name in imports}
    found: dict[str, int] = {}
    for name in sorted(imports, key=lambda each: -highest[each]):
        found[name] = min((found[each] - 1 for each in users[name]), default=highest[name])
    return found


def _depth(name: str, imports: Mapping[str, set[str]], depth: dict[str, int]) -> int:
    if name not in depth:
        depth[name] = max((_depth(each, imports, depth) + 1 for each in imports[name]), default=0)
    return depth[name]


def paths(imports: Mapping[str, set[str]], level: Mapping[str, int]) -> list[list[str]]:
    """Every arrow as the names it passes: a package, one empty place (``a>b:3``) in each row between, a package."""
    return [
        [name, *(f"{name}>{each}:{row}" for row in range(level[name] - 1, level[each], -1)), each]
        for name in sorted(imports)
        for each in sorted(imports[name])
    ]


def rows(level: Mapping[str, int], arrows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Packages and empty places row by row, ordered so that neighbours of one row lie near each other in the next."""
    found: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for name in sorted(level):
        found[level[name]].append(name)
    for arrow in arrows:
        for index, empty in enumerate(arrow[1:-1], start=1):
            found[level[arrow[0]] - index].append(empty)
    beside = _neighbours(arrows)
    for sweep in range(_SWEEPS):
        place = {name: (index + 0.5) / len(row) for row in found for index, name in enumerate(row)}
        for row in found if sweep % 2 == 0 else reversed(found):
            row.sort(key=lambda name: (_mean([place[each] for each in beside.get(name, ())]), name))
            place.update({name: (index + 0.5) / len(row) for index, name in enumerate(row)})
    return found


def _neighbours(arrows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for arrow in arrows:
        for low, high in pairwise(arrow):
            found.setdefault(low, []).append(high)
            found.setdefault(high, []).append(low)
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.5


def _span(row: Sequence[str]) -> float:
    return sum(_wide(name) + _GAP_X for name in row) - _GAP_X


def _wide(name: str) -> float:
    return _EMPTY if ">" in name else _WIDTH


def _placed(grid: Sequence[Sequence[str]], width: float) -> dict[str, Box]:
    """Every row centred, below the band that shows the flow of data."""
    boxes: dict[str, Box] = {}
    for number, row in enumerate(grid):
        left = (width - _span(row)) / 2
        for name in row:
            boxes[name] = Box(left, _TOP + number * (_HEIGHT + _GAP_Y), _wide(name))
            left += _wide(name) + _GAP_X
    return boxes


def _head(width: float, height: float) -> str:
    style = (
        "text{font-family:Helvetica,Arial,sans-serif;fill:#1f2d3a;text-anchor:middle}"
        ".name{font-size:15px;font-weight:bold}.small{font-size:11px}.arrow{fill:none;stroke:#8fa3b5;stroke-width:1.3}"
    )
    marker = (
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#8fa3b5"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}"><style>{style}</style><defs>{marker}</defs>'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>'
    )


def _flow(width: float) -> Iterator[str]:
    """The band at the top: what data become on their way, and which package makes each step."""
    yield f'<text x="{width / 2:g}" y="28" class="name">Data flow</text>'
    step = (width - 2 * _MARGIN) / len(_FLOW)
    for index, (name, makers) in enumerate(zip(_FLOW, _FLOW_BY, strict=True)):
        x = _MARGIN + index * step
        yield f'<rect x="{x:g}" y="42" width="{step - 30:g}" height="48" rx="24" fill="#fdf3dc" stroke="#d9b25f"/>'
        yield f'<text x="{x + (step - 30) / 2:g}" y="63" class="name">{name}</text>'
        yield f'<text x="{x + (step - 30) / 2:g}" y="80" class="small">{html.escape(makers[0])}</text>'
        if index + 1 < len(_FLOW):
            yield f'<path d="M{x + step - 28:g} 66 h24" class="arrow" marker-end="url(#tip)"/>'
    yield (
        f'<text x="{width / 2:g}" y="132" class="name">Packages (blue), plug-ins (green), studies (grey)</text>'
        f'<text x="{width / 2:g}" y="150" class="small">'
        "An arrow leads from a package to one that it imports; arrows that follow from others are left out.</text>"
    )


def _arrow(names: Sequence[str], passed: Sequence[Box]) -> str:
    """A smooth line from the top of the first box to the bottom of the last one, through the empty places between."""
    x, y = passed[0].middle, passed[0].y
    parts = [f"M{x:g} {y:g}"]
    for box in passed[1:]:
        bottom, bend = box.y + _HEIGHT, _GAP_Y / 2
        parts.append(f"C{x:g} {y - bend:g} {box.middle:g} {bottom + bend:g} {box.middle:g} {bottom:g}")
        x, y = box.middle, box.y
        if box.width == _EMPTY:
            parts.append(f"V{y:g}")
    return f'<path data-import="{names[0]} {names[-1]}" d="{" ".join(parts)}" class="arrow" marker-end="url(#tip)"/>'


def _package(name: str, box: Box) -> str:
    fill, edge = ("#e4eff8", "#6f9bc0")
    if name in PLUGINS:
        fill, edge = ("#e3f3e6", "#6fae7c")
    if name == "studies":
        fill, edge = ("#eeeeee", "#999999")
    middle = box.middle
    lines = textwrap.wrap(_description(name), _LINE, max_lines=4, placeholder=" ...")
    texts = "".join(
        f'<text x="{middle:g}" y="{box.y + 37 + 13 * index:g}" class="small">{html.escape(line)}</text>'
        for index, line in enumerate(lines)
    )
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{fill}" stroke="{edge}"/>'
        f'<text x="{middle:g}" y="{box.y + 20:g}" class="name">{name}</text>{texts}'
    )


def _description(name: str) -> str:
    """First sentence of the package's docstring, up to a colon or full stop."""
    if name in _DESCRIPTIONS:
        return _DESCRIPTIONS[name]
    [path] = [each for each in (ROOT / "bench" / f"{name}.py", ROOT / "bench" / name / "__init__.py") if each.is_file()]
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    return " ".join(first.split()).split(". ")[0].rstrip(".").replace("``", "")


if __name__ == "__main__":
    main()
