"""Estimates and truth to rows, rows to statistics."""
