"""The checked world: every interleaving of a model, and the judges of what clients saw. Names no protocol."""
