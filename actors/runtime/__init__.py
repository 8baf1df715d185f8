"""The real world: event loop, ZeroMQ, disk. Never imported by the other worlds, and imports none of them."""
