"""Checking: gradients held against independent ones, and the wrong operations with which checks are tested."""
