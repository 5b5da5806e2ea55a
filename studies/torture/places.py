"""Where the study's protocol and plug-ins are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = Path(__file__).with_name("plugins")
TOY = Path(__file__).with_name("toy.toml")
