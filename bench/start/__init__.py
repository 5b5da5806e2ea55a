"""A start found interactively: from clicked landmarks, or by moving the rendering over the X-ray in a browser."""
