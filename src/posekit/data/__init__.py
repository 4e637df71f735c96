"""Data sets: found, described, fetched, read as labels, checked, converted and drawn."""
