"""What no correct peer says: the role drops and counts it, and goes on. Malformed but decodable messages."""

from __future__ import annotations

import random

import pytest

from actors.message import Message
from protocols.raft.messages import (
    AppendEntries,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    InstallReply,
    InstallSnapshot,
    Propose,
    ReadIndexReply,
    ReadIndexRequest,
    RoleName,
    SnapshotChunk,
    TailProbe,
    TailReport,
    VoteReply,
    VoteRequest,
)
from tests.raft.solo import Solo, append, entries, entry

HUGE = (1 << 64) - 1


def install(term: int, index: int, index_term: int, *voters: str, sequence: int = 0, last: bool = True) -> Message:
    return InstallSnapshot(
        term=term, index=index, index_term=index_term, voters=voters, voters_outgoing=(), learners=(),
        sequence=sequence, data=b"x", last=last,
    )


FOR_A_FOLLOWER = [
    append(3, (-5, 0), 0, *entries(-4, 1, 1, 3)),
    append(3, (2, 1), 0, entry(5, 3)),  # a gap
    append(3, (2, 1), 0, entry(4, 3), entry(3, 3)),  # out of order
    append(3, (2, 1), 0, entry(3, 2), entry(4, 1)),  # terms that fall
    append(3, (2, 1), 0, entry(3, 4)),  # a term beyond the leader's
    append(3, (2, 1), 0, entry(3, -1)),
    append(3, (2, 9), 0),
    append(3, (0, 0), 2, entry(1, 2), entry(2, 2)),  # replaces what is committed
    append(HUGE, (2, 1), 0),
    Heartbeat(term=HUGE, commit=0, round=1),
    VoteRequest(term=HUGE, last_term=HUGE, last_index=HUGE, pre=False),
    VoteReply(term=HUGE, request_term=1, pre=True, granted=True),
    install(3, 0, 1, "a", "b", "c"),
    install(3, 9, 4, "a", "b", "c"),
    install(3, 9, 3),
    install(3, HUGE, 3, "a"),
]


@pytest.mark.parametrize("message", FOR_A_FOLLOWER, ids=lambda each: f"{type(each).__name__}")
def test_a_follower_neither_obeys_nor_falls(message: Message) -> None:
    solo = Solo(terms=(1, 1), term=3)
    solo.say("b", Heartbeat(term=3, commit=0, round=0), append(3, (2, 1), 2))
    assert solo.role.commit == 2
    solo.say("b", message)
    assert (solo.role.term, solo.role.log.terms(), solo.role.commit) == (3, (0, (1, 1)), 2)
    # a request for votes is not even looked at while a leader is fresh
    assert solo.role.peer_messages_dropped == (not isinstance(message, VoteRequest))
    solo.say("b", append(3, (2, 1), 3, entry(3, 3)))
    assert solo.role.commit == 3


def test_a_commit_index_beyond_the_log_is_answered_with_what_is_held() -> None:
    solo = Solo(terms=(1, 1), term=3)
    said = solo.say("b", Heartbeat(term=3, commit=7, round=1))
    assert solo.role.commit == 0
    assert [(m.hint_index, m.damaged) for m in said if isinstance(m, AppendReply)] == [(2, True)]


def for_a_leader(term: int) -> list[Message]:
    return [
        AppendReply(term=term, request_term=term, prev_index=0, accepted=True, match_index=99),
        AppendReply(term=term, request_term=term, prev_index=0, accepted=True, match_index=-1),
        AppendReply(term=term, request_term=term, prev_index=2, accepted=False, match_index=0, hint_index=-9),
        HeartbeatReply(term=term, request_term=term, round=1 << 40),
        AppendReply(term=HUGE, request_term=term, prev_index=0, accepted=True, match_index=1),
        append(term, (0, 0), 0),
        Heartbeat(term=term, commit=0, round=1),
        install(term, 9, term, "a"),
        Propose(tag=1, commands=(b"from afar",)),
        SnapshotChunk(index=1, sequence=0, data=bytes(1 << 21), last=True),
    ]


@pytest.mark.parametrize("which", range(10))
def test_a_leader_neither_obeys_nor_falls(which: int) -> None:
    solo = Solo(terms=(1, 1), term=3)
    solo.lead()
    term, last = solo.role.term, solo.role.log.last_index
    solo.say("c", for_a_leader(term)[which])
    assert (solo.role.role, solo.role.term, solo.role.commit) == (RoleName.LEADER, term, 0)
    assert (solo.role.log.last_index, solo.role.peer_messages_dropped) == (last, 1)
    assert solo.role.progress["c"].match == 0


@pytest.mark.parametrize("seed", range(40))
def test_no_message_of_a_peer_takes_a_role_down(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random nonsense of every type, at a follower and at whatever becomes of it. An answer that only a hostile peer
    gives may win it an election or commit what no quorum holds, so invariants are not looked at; nothing may raise."""
    chance = random.Random(seed)
    numbers = (-1, 0, 1, 2, 3, 4, 5, 7, 100, (1 << 62) - 1, HUGE)

    def number() -> int:
        return chance.choice(numbers[:8] if chance.random() < 0.8 else numbers)

    def some(count: int) -> tuple[Entry, ...]:
        return tuple(Entry(index=number(), term=number(), kind=EntryKind.NOOP, commands=()) for _ in range(count))

    def nonsense() -> Message:
        flag = chance.random() < 0.5
        return chance.choice([
            lambda: VoteRequest(term=number(), last_term=number(), last_index=number(), pre=flag),
            lambda: VoteReply(term=number(), request_term=number(), pre=flag, granted=chance.random() < 0.7),
            lambda: AppendEntries(term=number(), prev_index=number(), prev_term=number(), commit=number(),
                                  entries=some(chance.randrange(4))),
            lambda: append(solo.role.term, (solo.role.log.last_index, solo.role.log.last_term), number(),
                           entry(solo.role.log.last_index + 1, solo.role.term)),
            lambda: AppendReply(term=number(), request_term=number(), prev_index=number(), accepted=flag,
                                match_index=number(), hint_index=number(), hint_term=number(),
                                damaged=chance.random() < 0.2),
            lambda: Heartbeat(term=number(), commit=number(), round=number()),
            lambda: HeartbeatReply(term=number(), request_term=number(), round=number()),
            lambda: ReadIndexRequest(term=number(), request=number()),
            lambda: ReadIndexReply(request=number(), index=number(), granted=flag),
            lambda: install(number(), number(), number(), "a", "b", "c", sequence=number(), last=flag),
            lambda: InstallReply(term=number(), request_term=number(), index=number(), next_sequence=number(),
                                 done=flag),
            lambda: TailProbe(term=number(), index=number()),
            lambda: TailReport(term=number(), index=number(), index_term=number()),
        ])()

    solo = Solo(terms=(1, 1, 2), term=3)
    monkeypatch.setattr(solo.world, "check", lambda node: None)
    monkeypatch.setattr(solo.world.owners["a"], "receive", lambda message: None)
    for _ in range(300):
        solo.say(chance.choice("bc"), nonsense())
        if chance.random() < 0.05:
            solo.world.run(0.3)
