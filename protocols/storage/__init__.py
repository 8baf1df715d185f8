"""The replicated key-value store: state machine, shard, and the adapters that put it on a replicated log."""
