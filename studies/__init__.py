"""Finished investigations: each imports ``bench`` and loads plug-ins by its registry; nothing imports a study."""
