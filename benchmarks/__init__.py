"""Benchmarks: ratios to peers, each in one interleaved run."""
