"""Pedicle screws, bone cement and hip replacements, painted into a grid of HU."""
