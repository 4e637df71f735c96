"""Data: synthetic figures."""
