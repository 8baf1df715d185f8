"""What an entry of the replicated log does: its commands, run in order on a store and a session table."""

from typing import Any

from core_ext.session_table import SessionTable
from core_ext.store import Store

class Applier:
    """Runs commands, which are encoded as ``protocols.storage.command`` describes.

    Args:
        store: the keys.
        sessions: the session table.
        statuses: what stands for each status in an outcome, by its number.
    """

    def __init__(self, store: Store, sessions: SessionTable, statuses: tuple[Any, ...]) -> None: ...
    def run(self, commands: tuple[bytes, ...], wanted: bool) -> list[tuple[int, int, Any, bytes, None, int]]:
        """The commands of an entry, in order.

        Args:
            commands: encoded.
            wanted: whether anybody wants to know what became of them.

        Returns:
            Per command session, serial, status, replies, None and origin: the fields of its outcome. Nothing when it is
            not wanted.
        """
