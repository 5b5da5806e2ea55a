"""Version 1 of the procedural lumbar patient: frozen. Baselines and settings were made with it; its bits never change."""
