"""Records laid out in memory, one batch at a time. Used from C only."""

TWIN_DISTANCE: int
"""Bytes between the two copies of a critical record: never in one sector."""

class Flight:
    """The bytes of one batch until it is durable."""

    number: int
    start: int
    length: int
    segment: int

class Batch:
    """A growing buffer of records."""
