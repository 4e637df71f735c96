"""Exported files as models: what a file says of itself, the runtimes that run it, and detections from its outputs."""
