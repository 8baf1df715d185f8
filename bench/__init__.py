"""How fast it is, and beside whom. ``pytest bench/`` compares the native core with plain Python; ``python -m bench``
measures this system row by row; ``python -m bench compare`` measures it and its peers in turn. No test of correctness
lives here, but every row checks that what it measured did happen.
"""
