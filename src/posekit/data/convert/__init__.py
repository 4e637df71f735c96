"""Annotations from one format to another, and label sets put together."""
