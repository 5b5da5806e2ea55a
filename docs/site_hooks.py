"""MkDocs hooks: pages that live outside ``docs/`` join the site, and their links stay right on GitHub and on the site.

``studies/NAME/README.md`` with its pictures becomes the page ``studies/NAME/``. Links are written as GitHub resolves
them (``../studies/realism/README.md``, ``../../docs/dimensions.md``); on the site the folder ``docs`` is the root.
The boards of ``docs/board/`` get the library that draws their figures, which is kept once, in the package.
``<!-- modules: bench.score -->`` on an API page becomes the documentation of every module of that package.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from bench.report.board.build import LIBRARY, PAGE
from bench.report.page.build import plotly

ROOT = Path(__file__).parents[1]
_PICTURES = (".png", ".svg")
_TO_STUDIES = re.compile(r"\]\((?:\.\./)+studies/")
_TO_DOCS = re.compile(r"\]\(((?:\.\./)+)docs/")
_MODULES = re.compile(r"<!-- modules: ([a-z.]+) -->")
_MODULE = "## {name}\n\n::: {name}\n    options: {{heading_level: 3, summary: false}}\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README and the pictures of every study."""
    for page in sorted((ROOT / "studies").glob("*/README.md")):
        pictures = sorted(each for each in page.parent.rglob("*") if each.suffix in _PICTURES)
        for path in (page, *pictures):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Write the library beside each board."""
    for page in (Path(config.site_dir) / "board").glob(f"*/{PAGE}"):
        (page.parent / LIBRARY).write_text(plotly(), encoding="utf-8")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # pyright: ignore
    """Turn links between ``docs`` and ``studies`` into links of the site, and list the modules of a package."""
    markdown = _MODULES.sub(_modules, markdown)
    if page.file.src_uri.startswith("studies/"):
        return _TO_DOCS.sub(lambda found: f"]({found[1]}", markdown)
    up = "../" * page.file.src_uri.count("/")
    return _TO_STUDIES.sub(f"]({up}studies/", markdown)


def _modules(found: re.Match[str]) -> str:
    package = found[1]
    names = sorted(path.stem for path in (ROOT / package.replace(".", "/")).glob("*.py") if path.stem != "__init__")
    return "\n".join(_MODULE.format(name=f"{package}.{name}") for name in names)
