"""Every table and figure of the two papers in one PDF, ours beside the published values. See README.md."""
