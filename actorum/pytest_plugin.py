"""Fixtures that start real clusters (being written)."""
