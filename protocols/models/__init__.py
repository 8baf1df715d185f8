"""Models that are shipped with the checker, one system per file, each beside a broken twin that the checker must catch.

``catalog.py`` lists them by the names that ``actorum verify`` knows.
"""
