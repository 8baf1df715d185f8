"""The session table: what makes a retried batch execute once. Part of the replicated state."""

from typing import Final

DONE: Final[int]
GAP: Final[int]
SESSION_EXPIRED: Final[int]
DEFAULT_IDLE_MS: Final[int]
"""After how long a silence a session ends that did not say so itself."""

class SessionTable:
    """All sessions of one shard.

    The bounds are part of the state machine: replicas must not differ in them.

    Args:
        max_sessions: the one that was silent longest ends when there are more.
        max_kept_replies, max_kept_bytes: of one session; the oldest replies are dropped.
        max_total_kept_bytes: of all; the oldest replies of the oldest session are dropped.
    """

    max_sessions: int
    max_kept_replies: int
    max_kept_bytes: int
    max_total_kept_bytes: int
    kept_bytes: int
    """Memory of all kept replies."""
    def __init__(
        self, *, max_sessions: int = 4096, max_kept_replies: int = 1024, max_kept_bytes: int = 16 << 20,
        max_total_kept_bytes: int = 64 << 20,
    ) -> None: ...
    def __len__(self) -> int: ...
    def open(self, now_ms: int, idle_ms: int) -> int:
        """Open a session; the one that was silent longest ends when there are too many.

        Args:
            now_ms: log time.
            idle_ms: silent for so long in log time, the session ends; brought within 10 s and a day.

        Returns:
            Its number, never used before.
        """

    def admit(self, now_ms: int, number: int, serial: int, floor: int) -> tuple[int, bytes] | None:
        """May this serial be executed now?

        A session's own command counts as a sign of life before time is looked at.

        Args:
            now_ms: log time, this command's included.
            number: the session.
            serial: of the command.
            floor: every reply up to here has arrived at the client.

        Returns:
            None: execute it, then call ``keep``. Otherwise what to answer instead: DONE with the kept replies, GAP (a
            serial before it is missing) or SESSION_EXPIRED, numbered as ``protocols.storage.messages.SubmitStatus`` is.
        """

    def keep(self, number: int, serial: int, replies: bytes) -> None:
        """An admitted serial was executed with these replies."""

    def expire(self, now_ms: int) -> None:
        """End every session that has been silent for its time."""

    def end(self, number: int) -> None:
        """End a session now, if it is there: nothing of it that is still on its way to the log executes any more."""

    def snapshot(self) -> bytes:
        """The whole table; equal tables give equal bytes."""

    def restore(self, saved: bytes) -> None:
        """Replace the table.

        Raises:
            ValueError: these bytes are not a table; nothing changed.
        """

    def digest(self) -> int:
        """32 bits over the whole table, computed anew each time."""
