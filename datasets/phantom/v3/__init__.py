"""Version 3 of the procedural lumbar patient: an abdomen filled at every place, and more kinds of people."""
