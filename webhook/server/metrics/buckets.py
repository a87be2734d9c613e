"""Buckets of durations, in seconds."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30)
"""Kyverno's, so that dashboards compare; the smallest three are ours, since a warm review takes far less than 5 ms."""
