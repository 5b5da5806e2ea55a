"""Vertebrae, discs, sacrum, iliac wings and ribs as parts to be rendered."""
