"""Raft (Ongaro 2014): a replicated log with one leader."""
