"""Who is in a Raft group, as a value, and what its quorums say. Knows no role, log or message.

A joint configuration (thesis 4.3) has outgoing voters too: every decision then needs a majority of both halves.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.message import Message
from core_ext import quorum


class Configuration(Message, wire="raft.configuration"):
    """Members by node name, each tuple sorted; ``voters_outgoing`` is empty unless joint."""

    voters: tuple[str, ...]
    voters_outgoing: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()

    def members(self) -> tuple[str, ...]:
        """Every node that gets the log, each once, in a fixed order."""
        return tuple(dict.fromkeys((*self.voters, *self.voters_outgoing, *self.learners)))

    def is_voter(self, node: str) -> bool:
        """Whether the node's vote and copy count."""
        return node in self.voters or node in self.voters_outgoing

    def agreed(self, numbers: Mapping[str, int]) -> int:
        """The largest number that a quorum has reached; a voter that is missing counts as 0.

        Args:
            numbers: per voter what it has acknowledged: a match index (thesis 3.5) or a round of heartbeats (6.4).
        """
        return quorum.joint_committed_index(self.voters_outgoing, self.voters, numbers)

    def granted(self, votes: Mapping[str, bool]) -> bool | None:
        """True when a quorum said yes, False when none can any more, None while it is open (thesis 3.4)."""
        result = quorum.joint_vote_result(self.voters_outgoing, self.voters, votes)
        return None if result is quorum.Vote.PENDING else result is quorum.Vote.WON


def configuration(*voters: str) -> Configuration:
    """The plain configuration of these voters.

    Raises:
        ValueError: no voter, or one twice.
    """
    if not voters or len(set(voters)) != len(voters):
        raise ValueError(f"a Raft group needs voters, each named once; it was given {voters!r}")
    return Configuration(voters=tuple(sorted(voters)))
