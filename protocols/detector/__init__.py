"""The heartbeat failure detector."""
