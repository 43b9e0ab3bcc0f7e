"""How fast networks are trained: chainrule beside PyTorch, JAX, scikit-learn and Numba, in one interleaved run."""
