"""The native key-value state machine: applies batches of Redis commands in the log's order and answers in RESP3."""

from typing import Final, final

COMMANDS: Final[dict[bytes, tuple[int, int, int, bool]]]
"""By upper-case name: (opcode, least and most arguments without the name, whether it writes); most -1 = no limit."""

MAX_ARGUMENTS: Final[int]
"""Arguments that one command of a batch can have."""

MAX_VALUE_BYTES: Final[int]
"""Bytes of the largest key or value; a command that would exceed it gets Redis's proto-max-bulk-len error."""

@final
class Store:
    """One key space: keys with values, versions and deadlines, in native memory.

    A function of the calls of ``apply`` and ``restore`` alone: replicas that applied the same batches with the same
    times have the same content, revision, log time, replies and digest. Not safe for threads.
    """

    def apply(self, time_ms: int, batch: bytes) -> bytes:
        """Run a batch in the log's order.

        Log time becomes max(log time, ``time_ms``); keys whose deadline it has reached are gone (hidden at once, freed
        a bounded number per call). A command that changes something adds 1 to ``revision``, which becomes the version
        of every key that it touched.

        Args:
            time_ms: the leader's clock, milliseconds since the epoch.
            batch: commands, see protocols/storage/messages.py.

        Returns:
            One length-prefixed RESP3 reply per command.

        Raises:
            ValueError: the bytes are not a batch; nothing changed, log time included.
        """

    def read(self, time_ms: int, batch: bytes) -> bytes | None:
        """Run a batch of reading commands on the state as it is; changes nothing.

        Args:
            time_ms: the reader's clock; remaining times are counted from max(log time, ``time_ms``). 0: go by log time.

        Returns:
            Replies as ``apply``, or None when a key's deadline lies after log time and not after ``time_ms``: whether
            the key is gone is for the log to say. Let log time advance, then read with ``time_ms`` 0.

        Raises:
            ValueError: the bytes are not a batch.
        """

    @property
    def revision(self) -> int:
        """How many commands have changed something."""

    @property
    def log_time_ms(self) -> int:
        """The latest time that the log has brought, milliseconds since the epoch; 0 at first."""

    @property
    def next_deadline_ms(self) -> int | None:
        """The earliest deadline of a key that is still held, due ones included."""

    def __len__(self) -> int:
        """Keys held; a few may be past their deadline and not freed yet."""

    def digest(self) -> int:
        """64 bits over all content, versions, deadlines, revision and log time; kept up to date at no cost."""

    def stats(self) -> dict[str, int]:
        """Counts and memory in bytes: keys, keys_with_deadline, expired_keys, entry_bytes, table_bytes,
        deadline_bytes, flushed_tables (still being freed)."""

    def snapshot(self) -> Walk:
        """Begin a walk over the state as it is now. One at a time: a walk that is still open is closed."""

    def begin_restore(self) -> None:
        """Begin to take in a snapshot beside the state, which goes on serving; forgets a restore that was begun."""

    def restore_chunk(self, chunk: bytes) -> None:
        """Take the next piece of the snapshot; pieces may be cut anywhere.

        Raises:
            ValueError: not begun, or not a snapshot; the restore is forgotten, the state unchanged.
        """

    def finish_restore(self) -> None:
        """Replace the state by the snapshot, revision and log time included.

        Raises:
            ValueError: not begun, incomplete, or its digest is wrong; the restore is forgotten, the state unchanged.
        """

@final
class Walk:
    """A consistent pass over a store as of the moment it was begun, in steps, while the store goes on changing.

    An entry that changes before the walk has reached it is kept until the walk gives it out, so an open walk costs up
    to the memory of what was overwritten meanwhile; ``close`` a walk that is given up.
    """

    def next(self, limit_bytes: int) -> bytes | None:
        """The next piece of the snapshot, at most ``limit_bytes``; None when it is complete.

        After the store was restored or began another walk, a walk that had not ended ends early: its pieces do not
        make a snapshot (``finish_restore`` refuses them).

        Raises:
            ValueError: ``limit_bytes`` is less than 1.
        """

    def close(self) -> None:
        """Give the walk up and free what it holds."""
