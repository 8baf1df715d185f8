"""One role alone, with peers played by the test: tables of what it must answer. And ready-made logs."""

from __future__ import annotations

from collections.abc import Sequence

from actors.message import Message
from core_ext.mailbox import Reference
from protocols.raft import RaftRole, RaftSettings
from protocols.raft.messages import AppendEntries, Entry, EntryKind, Heartbeat, VoteReply, VoteRequest
from protocols.raft.records import HardState
from tests.raft.harness import ROLE, Node, World


def entry(index: int, term: int, *commands: bytes) -> Entry:
    """An entry that is the same wherever a test makes it."""
    return Entry(index=index, term=term, kind=EntryKind.COMMANDS, commands=commands or (b"%d/%d" % (term, index),))


def entries(first: int, *terms: int) -> tuple[Entry, ...]:
    """Consecutive entries of these terms."""
    return tuple(entry(first + at, term) for at, term in enumerate(terms))


def write_log(node: Node, terms: Sequence[int], term: int, vote: str | None = None) -> None:
    """Put a log on a node's disk, before it boots: one entry of each of these terms."""
    for each in entries(1, *terms):
        node.disk.operations.append(("append", each, each.term, False))
    node.disk.operations.append(("append", HardState(term=term, vote=vote), term, True))
    node.disk.sync(len(node.disk.operations))


class Solo:
    """Node "a" of a, b, c; whatever it sends to its peers is kept, and nobody else is there.

    Args:
        terms: its log.
        term, vote: its hard state.
    """

    def __init__(
        self, terms: Sequence[int] = (), term: int = 0, vote: str | None = None, seed: int = 0,
        settings: RaftSettings | None = None, names: Sequence[str] = ("a", "b", "c"),
    ) -> None:
        self.world = World(names, seed, settings, start=False)
        self.world.record_wire = True
        self.node = self.world.nodes["a"]
        write_log(self.node, terms, term, vote)
        self.world.boot("a")

    @property
    def role(self) -> RaftRole:
        return self.world.roles["a"]

    def say(self, sender: str, *said: Message) -> list[Message]:
        """``sender`` says this to "a"; returns what "a" sends to its peers within 5 ms, which include its syncs."""
        before = len(self.world.wire)
        for message in said:
            self.world.post(self.node, Reference(sender, ROLE, 1), message)
        self.world.run(0.005)
        return [message for _, _, _, message in self.world.wire[before:]]

    def lead(self) -> None:
        """Let it become leader with the votes of "b"."""
        self.world.run_until(lambda: self.role.canvassing, 2.0, "a pre-vote")
        term = self.role.term + 1
        self.say("b", VoteReply(term=self.role.term, request_term=term, pre=True, granted=True))
        self.say("b", VoteReply(term=term, request_term=term, pre=False, granted=True))
        assert self.role.progress

    def restart(self) -> None:
        """Power loss, and again."""
        self.world.restart("a")


def vote(term: int, last_term: int, last_index: int, pre: bool = False) -> VoteRequest:
    return VoteRequest(term=term, last_term=last_term, last_index=last_index, pre=pre)


def append(term: int, prev: tuple[int, int], commit: int, *found: Entry) -> AppendEntries:
    """``prev`` is (index, term)."""
    return AppendEntries(term=term, prev_index=prev[0], prev_term=prev[1], commit=commit, entries=found)


def heartbeat(term: int, commit: int = 0, number: int = 1, tick: bool = True) -> Heartbeat:
    return Heartbeat(term=term, commit=commit, round=number, tick=tick)
