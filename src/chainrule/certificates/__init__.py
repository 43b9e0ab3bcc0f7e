"""Gradient certificates: what a check leaves behind, and a small verifier of it.

Nothing here knows the chain rule, or imports anything that does: a program is run, its inputs are moved, and what comes
out is compared with what was claimed.
"""
