"""Is the procedural phantom near enough to a real CT? See README.md."""
