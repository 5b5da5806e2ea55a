"""The study's plug-ins are found in its own tests alone."""

import pytest


@pytest.fixture(autouse=True)
def own_plugins_alone(plugins_as_before: None) -> None:
    """Tests add the study's folder of plug-ins."""
