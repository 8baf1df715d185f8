class Durations:
    """A histogram of durations since it was made.

    Args:
        first_seconds: upper bound of the first bucket.
        growth: each bucket's upper bound is this times the one before.
        buckets: how many; the last one counts longer durations too.
    """

    @property
    def counts(self) -> list[int]:
        """Durations by bucket."""
    @property
    def total_seconds(self) -> float:
        """All durations together."""
    def __init__(self, first_seconds: float, growth: float, buckets: int) -> None: ...
    def add(self, seconds: float) -> None:
        """Count one duration."""
