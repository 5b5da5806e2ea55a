"""Write docs/reference/metrics.md: every column of the score rows, from its declaration.

Usage: ``python docs/make_metrics.py``.
"""

from pathlib import Path

from bench.score.metrics_page import metrics_page

PAGE = Path(__file__).parent / "reference" / "metrics.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The Markdown of the page."""
    return metrics_page().replace(
        "# Metrics\n", "# Metrics\n\n<!-- Written by docs/make_metrics.py; do not edit. -->\n", 1
    )


if __name__ == "__main__":
    main()
