"""The study's plug-ins are found in its own tests alone."""

from pathlib import Path

import pytest

from bench import registry

FOLDER = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def study_plugins(plugins_as_before: None) -> None:
    """Add the study's folder of plug-ins."""
    registry.add_folder(FOLDER)
