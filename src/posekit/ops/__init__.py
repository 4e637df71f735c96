"""Pure functions on boxes, points, masks and pictures."""
