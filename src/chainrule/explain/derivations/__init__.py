"""Derivatives written out: of one parameter over scalars, of a whole backward pass over arrays."""
