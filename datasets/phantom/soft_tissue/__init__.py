"""Skin, fat, muscles, vessels, organs and bowel as parts to be rendered."""
