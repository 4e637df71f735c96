"""Matching of queries with objects, and the losses of matched and unmatched queries."""
