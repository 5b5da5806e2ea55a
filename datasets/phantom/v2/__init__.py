"""Version 2 of the procedural lumbar patient: published anthropometry, fuller bones, and a scanner of its own."""
