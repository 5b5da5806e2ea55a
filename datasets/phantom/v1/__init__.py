"""Version 1 of the procedural lumbar patient, frozen: a baseline and settings were made with it."""
