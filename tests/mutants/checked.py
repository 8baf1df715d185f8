"""Small groups of the real role, for the checker: from their first start, or from journals in which a wrong rule shows
within a few steps; and which wrong versions each is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from actors.message import Message
from actors.verification import ActorModel, View
from protocols.raft.configuration import configuration
from protocols.raft.messages import Entry, EntryKind
from protocols.raft.model import Raft, RaftFigure8, role_name
from protocols.raft.model_reads import RaftReads, RaftReadsOfFive
from protocols.raft.records import Bootstrap, HardState


class LongOldLog(Raft):
    """n1 holds three entries of term 1 that nobody else holds, n2 and n3 one of term 2. n3 does not stand."""

    def boundary(self, state: View) -> bool:
        """As usual, and n3 lets the others try."""
        third = state.actors[role_name("n3")]
        return super().boundary(state) and not (third is not None and third.canvassing)

    def journals(self) -> Mapping[str, Sequence[Message]]:
        def log(term: int, *terms: int) -> tuple[Message, ...]:
            entries: list[Any] = [
                Entry(index=index, term=of, kind=EntryKind.NOOP, commands=()) for index, of in enumerate(terms, 1)
            ]
            return (Bootstrap(configuration=configuration(*self.nodes)), HardState(term=term, vote=None), *entries)

        return {"n1": log(1, 1, 1, 1), "n2": log(2, 2), "n3": log(2, 2)}


MODELS: dict[str, Callable[[], ActorModel]] = {
    "elections": lambda: Raft(fires=(1, 1), max_term=1),
    "elections with a crash": lambda: Raft(fires=(1, 1), max_term=1, crashes=1, cut=(("n1", "n2"),)),
    "a long old log": lambda: LongOldLog(fires=(0, 2), max_term=3),
    "a long old log stands": lambda: LongOldLog(fires=(1, 1, 1), max_term=4),
    "figure 3.7": RaftFigure8,
    "reads": lambda: RaftReads(reads=(1, 1, 1), stands=True),
    "reads of a follower": lambda: RaftReads(reads=(0, 1), stands=True),
    "reads of five": RaftReadsOfFive,
    "reads after a round": lambda: RaftReads(reads=(2,), fires=(0, 1, 1)),
    "reads beside a write": lambda: RaftReads(reads=(1,), stands=True, commands=1),
    "reads of one that asks the old leader": lambda: RaftReads(reads=(0, 1), stands=True, role="asks-the-old-leader"),
}

#: Which models each wrong version is checked in.
ASKED: dict[str, tuple[str, ...]] = {
    "votes twice in a term": ("elections",),
    "clears the vote on stepping down": ("elections",),
    "is elected by one less than a majority": ("elections",),
    "does not write term and vote": ("elections with a crash",),
    "answers before its vote is on disk": ("elections with a crash",),
    "votes for any log": ("a long old log stands",),
    "compares logs by index before term": ("a long old log stands",),
    "appends without the consistency check": ("a long old log",),
    "sends a heartbeat with the bare commit index": ("a long old log",),
    "commits up to the leader's commit index": ("a long old log",),
    "acknowledges its last index": ("a long old log",),
    "commits what one less than a majority holds": ("a long old log stands",),
    "commits entries of old terms by counting": ("figure 3.7",),
    "truncates after prev_index always": ("a long old log",),
    "deletes what is committed": ("a long old log",),
    "reads before an entry of its term is committed": ("reads",),
    "reads with a round from before the request": ("reads",),
    "takes an answer to an older round for one to the newest": ("reads after a round",),
    "reads from the leader's memory": ("reads",),
    "reads from where its term began": ("reads beside a write",),
    "answers an old leader as if in its term": ("reads",),
    "drops a heartbeat reply of a higher term": ("reads",),
    "counts an asker for reads that are not its own": ("reads of five",),
    "counts an asker of another term": ("reads of one that asks the old leader",),
    "does not tell an asker of the commit that it is to read": ("reads of a follower",),
    "keeps back what a read waits for": ("reads of a follower",),
}
