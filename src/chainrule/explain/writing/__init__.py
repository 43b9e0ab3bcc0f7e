"""Mathematics as people write it: letters, notations, formulas over scalars and what makes them short."""
