"""Who may talk to this node: the rules of ``handshake`` applied to its settings, and the data folders it remembers.

Pure bookkeeping; knows no socket and no link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.runtime.handshake import Hello, Identity, Welcome, why_refused


class Admission:
    """Decides about introductions, of both directions.

    Args:
        us: this node.
        configured: names of the peers in its settings.
        accept_unknown: whether others may introduce themselves.
        known_folders: data-folder ids that peers were accepted with before.
        remember_folder: keeps (node, folder id) of a configured peer for the next start.
    """

    def __init__(
        self,
        us: Identity,
        configured: Mapping[str, str],
        accept_unknown: bool,
        known_folders: Mapping[str, str] | None,
        remember_folder: Callable[[str, str], None] | None,
    ) -> None:
        self._us = us
        self._configured = configured
        self._accept_unknown = accept_unknown
        self._folders = dict(known_folders or {})
        self._remember_folder = remember_folder

    def why_refused(self, them: Hello | Welcome, version: int) -> str | None:
        """Why a node that introduced itself, or was reached, is refused; None when it is welcome."""
        remembered = self._folders.get(them.node) if them.node in self._configured else None
        accept_unknown = self._accept_unknown or isinstance(them, Welcome)
        return why_refused(self._us, them, version, remembered, self._configured, accept_unknown)

    def why_not(self, expected: str, address: str, welcome: Welcome, version: int) -> str | None:
        """Why the node that answered at ``address`` is not the one that was dialled; None when it is, and welcome."""
        if welcome.node not in (expected, self._us.node):
            return (
                f"{address} is node {welcome.node!r}, not {expected!r}; correct that address in the peers of node "
                f"{self._us.node!r}"
            )
        return self.why_refused(welcome, version)

    def remember(self, them: Hello | Welcome) -> None:
        """A node was accepted: from now on it is known by its data folder, when it is a peer and has one."""
        if them.folder_id and them.node in self._configured and self._folders.get(them.node) != them.folder_id:
            self._folders[them.node] = them.folder_id
            if self._remember_folder is not None:
                self._remember_folder(them.node, them.folder_id)
