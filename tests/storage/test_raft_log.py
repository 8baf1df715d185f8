"""Raft's log adapter against a scripted role and shard: who is told what, and when nothing is promised."""

from __future__ import annotations

from actors.actor import Actor
from actors.context import Context
from actors.message import Message
from core_ext.mailbox import Reference
from protocols.raft.messages import (
    AppliedUpTo,
    BarrierReached,
    BarrierRefused,
    Committed,
    Entry,
    EntryKind,
    ProposalRefused,
    Propose,
    ReadBarrier,
    RefusalReason,
    ReportApplied,
    RestoreChunk,
    RoleChanged,
    RoleName,
    SnapshotChunk,
    SnapshotChunkStored,
    SnapshotWanted,
)
from protocols.storage import command as commands
from protocols.storage import messages
from protocols.storage.messages import Applied, Apply, Leadership, Submit, SubmitOutcome, SubmitStatus
from protocols.storage.raft_log import RaftLog
from protocols.storage.settings import GATEWAY_NAME, LOG_NAME, MAX_BATCH_BYTES, ROLE_NAME, SHARD_NAME, LogSettings
from tests.storage.twin_sessions import decode
from tests.storage.world import EPOCH_SECONDS, World


class Anything(Actor):
    """Takes every message of the protocols and writes it down."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    def take(self, message: Message, context: Context) -> None:
        self.got.append(message)


KINDS = (
    Propose, AppliedUpTo, ReadBarrier, SnapshotChunk, Apply, Leadership, SubmitOutcome, messages.Read,
    messages.ReadResult, messages.AskApplied, messages.TakeSnapshot, messages.StateChunkStored, messages.RestoreState,
)
Anything.handlers = dict.fromkeys(KINDS, Anything.take)


class Stage:
    """A log adapter on node "a" among actors that only take notes; a second gateway on node "b"."""

    def __init__(self, settings: LogSettings | None = None) -> None:
        self.world = World()
        self.role, self.shard, self.gateway, self.far = Anything(), Anything(), Anything(), Anything()
        self.world.spawn("a", ROLE_NAME, self.role)
        self.world.spawn("a", SHARD_NAME, self.shard)
        self.near_ref = self.world.spawn("a", GATEWAY_NAME, self.gateway).self
        self.far_ref = self.world.spawn("b", GATEWAY_NAME, self.far).self
        self.world.spawn("a", LOG_NAME, RaftLog(settings))

    def tell(self, *what: Message, sender: Reference | None = None) -> None:
        for message in what:
            self.world.tell(Reference("a", LOG_NAME), message, sender or self.near_ref)
        self.world.run(0.01)

    def take(self, actor: Anything) -> list[Message]:
        found, actor.got = actor.got, []
        return found

    def lead(self, role: RoleName = RoleName.LEADER, leader: str | None = "a", term: int = 1) -> None:
        self.tell(RoleChanged(term=term, role=role, leader=leader))

    def proposals(self) -> list[bytes]:
        return [each for p in self.take(self.role) if isinstance(p, Propose) for each in p.commands]


def submit(serial: int, session: int = 1, origin: int = 0) -> Submit:
    return Submit(session=session, serial=serial, floor=0, batch=b"b%d" % serial, origin=origin)


def outcome(serial: int, session: int = 1, origin: int = 0, replies: bytes = b"r") -> SubmitOutcome:
    return SubmitOutcome(session=session, serial=serial, status=SubmitStatus.DONE, replies=replies, origin=origin)


def test_a_leader_proposes_with_its_clock_and_passes_the_outcome_to_who_asked() -> None:
    stage = Stage()
    stage.lead()
    assert stage.take(stage.gateway) == [Leadership(leader="a", term=1)]
    stage.tell(submit(1), sender=stage.far_ref)
    (encoded,) = stage.proposals()
    command = decode(encoded)
    assert command is not None
    assert command[1:] == (1, 1, 0, 0, b"b1")
    assert 0 <= command[0] - EPOCH_SECONDS * 1000 < 1000
    stage.tell(Applied(index=1, outcomes=(outcome(1), outcome(9, session=5))))
    assert stage.take(stage.far) == [outcome(1)]
    assert stage.take(stage.gateway) == []
    assert stage.take(stage.role) == []


def test_progress_is_reported_when_the_role_wants_it() -> None:
    stage = Stage()

    def committed(index: int, report: bool) -> Committed:
        entry = Entry(index=index, term=1, kind=EntryKind.COMMANDS, commands=(b"c",))
        return Committed(entries=(entry,), report=report)

    stage.tell(committed(1, report=False), Applied(index=1, outcomes=()))
    assert stage.take(stage.role) == []
    stage.tell(committed(2, report=False), committed(3, report=True), Applied(index=2, outcomes=()))
    assert stage.take(stage.role) == []
    stage.tell(Applied(index=3, outcomes=()))
    assert stage.take(stage.role) == [AppliedUpTo(index=3)]
    stage.tell(committed(4, report=False), ReportApplied())
    assert stage.take(stage.role) == []
    assert stage.take(stage.shard)[-1] == messages.AskApplied()  # which was not asked to say so
    stage.tell(Applied(index=4, outcomes=()))
    assert stage.take(stage.role) == [AppliedUpTo(index=4)]
    stage.tell(committed(5, report=False), Applied(index=5, outcomes=()))
    stage.tell(ReportApplied())
    assert stage.take(stage.role) == [AppliedUpTo(index=5)]
    stage.tell(ReportApplied())  # it has not heard that
    assert stage.take(stage.role) == [AppliedUpTo(index=5)]
    assert messages.AskApplied() not in stage.take(stage.shard)


def test_only_where_somebody_waits_the_shard_reports_every_entry() -> None:
    stage = Stage()

    def reports(index: int, wanted: bool) -> bool:
        entry = Entry(index=index, term=1, kind=EntryKind.COMMANDS, commands=(b"c",))
        stage.tell(Committed(entries=(entry,), report=wanted))
        (apply,) = stage.take(stage.shard)
        assert isinstance(apply, Apply)
        return apply.report

    assert not reports(1, wanted=False)
    assert reports(2, wanted=True)
    stage.lead()
    assert stage.take(stage.shard) == [messages.AskApplied()]  # the deadlines of what it was not told
    assert reports(3, wanted=False)
    stage.lead(RoleName.FOLLOWER, "b")
    assert not reports(4, wanted=False)


def test_others_refuse_and_name_the_leader() -> None:
    stage = Stage()
    stage.lead(RoleName.FOLLOWER, "c")
    stage.tell(submit(1), sender=stage.far_ref)
    (refused,) = stage.take(stage.far)
    assert isinstance(refused, SubmitOutcome)
    assert (refused.status, refused.leader) == (SubmitStatus.NOT_LEADER, "c")
    assert stage.proposals() == []


def test_what_waits_is_not_proposed_twice() -> None:
    stage = Stage()
    stage.lead()
    stage.tell(submit(1), submit(1))
    stage.tell(submit(1))
    assert len(stage.proposals()) == 1
    stage.tell(Applied(index=1, outcomes=(outcome(1),)))
    assert stage.take(stage.gateway)[1:] == [outcome(1)]


def test_a_session_is_never_given_to_two() -> None:
    stage = Stage()
    stage.lead()
    stage.tell(submit(0, session=0, origin=7), sender=stage.near_ref)
    stage.tell(submit(0, session=0, origin=7), sender=stage.far_ref)
    assert len(stage.proposals()) == 2
    one, two = outcome(0, 0, 7, b"one"), outcome(0, 0, 7, b"two")
    stage.tell(Applied(index=1, outcomes=(one, two)))
    assert stage.take(stage.gateway)[1:] == [one]
    assert stage.take(stage.far) == [two]


def test_a_refused_proposal_refuses_its_own_submits_only() -> None:
    stage = Stage()
    stage.lead()
    stage.tell(submit(1))
    stage.tell(submit(2))
    _, second = stage.take(stage.role)
    assert isinstance(second, Propose)
    stage.tell(ProposalRefused(tag=second.tag, reason=RefusalReason.OVERLOADED))
    (refused,) = stage.take(stage.gateway)[1:]
    assert isinstance(refused, SubmitOutcome)
    assert (refused.serial, refused.status) == (2, SubmitStatus.OVERLOADED)
    stage.tell(Applied(index=1, outcomes=(outcome(1),)))
    assert stage.take(stage.gateway) == [outcome(1)]


def test_losing_leadership_promises_nothing() -> None:
    stage = Stage()
    stage.lead()
    stage.tell(submit(1))
    stage.lead(RoleName.FOLLOWER, "b", 2)
    changed, lost = stage.take(stage.gateway)[1:]  # the control lane is read first
    assert isinstance(lost, SubmitOutcome)
    assert (lost.status, lost.leader) == (SubmitStatus.LEADERSHIP_LOST, "b")
    assert changed == Leadership(leader="b", term=2)
    stage.tell(Applied(index=1, outcomes=(outcome(1),)))
    assert stage.take(stage.gateway) == []


def test_too_many_pending_submits_are_refused() -> None:
    stage = Stage(LogSettings(max_pending=2))
    stage.lead()
    stage.tell(submit(1), submit(2), submit(3))
    (refused,) = stage.take(stage.gateway)[1:]
    assert isinstance(refused, SubmitOutcome)
    assert (refused.serial, refused.status) == (3, SubmitStatus.OVERLOADED)


def test_entries_of_the_protocol_move_the_shard_without_commands() -> None:
    stage = Stage()
    entries = tuple(
        Entry(index=i, term=1, kind=kind, commands=(b"c",))
        for i, kind in enumerate((EntryKind.NOOP, EntryKind.CONFIGURATION, EntryKind.COMMANDS), 1)
    )
    stage.tell(Committed(entries=entries))
    assert stage.take(stage.shard) == [Apply(first=1, index=3, commands=(b"c",))]


def test_small_entries_go_to_the_shard_together_and_large_ones_alone() -> None:
    stage = Stage()
    counts = (1, 2, 100, 60, 4, 1)
    stage.tell(Committed(entries=tuple(
        Entry(index=index, term=1, kind=EntryKind.COMMANDS, commands=(b"%d" % index,) * count)
        for index, count in enumerate(counts, 1)
    )))
    assert stage.take(stage.shard) == [
        Apply(first=1, index=2, commands=(b"1", b"2", b"2")),
        Apply(first=3, index=3, commands=(b"3",) * 100),
        Apply(first=4, index=5, commands=(b"4",) * 60 + (b"5",) * 4),
        Apply(first=6, index=6, commands=(b"6",)),
    ]


def test_barriers_keep_their_askers_apart() -> None:
    stage = Stage()
    reads = tuple(messages.ReadBatch(ticket=ticket, batch=b"q") for ticket in (1, 2))
    stage.tell(messages.Barrier(tag=5, reads=reads[:1]), sender=stage.near_ref)
    stage.tell(messages.Barrier(tag=5, reads=reads), sender=stage.far_ref)
    first, second = stage.take(stage.role)
    assert isinstance(first, ReadBarrier)
    assert isinstance(second, ReadBarrier)
    stage.tell(BarrierReached(tag=second.tag, index=8), BarrierRefused(tag=first.tag, reason=RefusalReason.NOT_LEADER))
    assert stage.take(stage.shard) == [messages.Read(tag=5, index=8, reads=reads, asker=stage.far_ref)]
    assert stage.take(stage.gateway) == [messages.ReadResult(tag=5, answers=(), refused=True)]
    stage.tell(BarrierReached(tag=second.tag, index=9))
    assert stage.take(stage.far) == stage.take(stage.shard) == []


def test_of_too_many_barriers_without_an_answer_the_oldest_are_forgotten() -> None:
    """The role's full mailbox refused them, and their gateway has asked again."""
    stage = Stage(LogSettings(max_pending=2))
    stage.tell(*[messages.Barrier(tag=tag, reads=()) for tag in range(3)])
    asked = stage.take(stage.role)
    stage.tell(*[BarrierReached(tag=each.tag, index=1) for each in asked if isinstance(each, ReadBarrier)])
    assert [read.tag for read in stage.take(stage.shard) if isinstance(read, messages.Read)] == [1, 2]


def test_snapshots_pass_between_shard_and_role() -> None:
    stage = Stage()
    stage.tell(
        SnapshotWanted(), SnapshotChunkStored(index=3, sequence=0),
        RestoreChunk(index=4, sequence=0, data=b"d", last=True),
        messages.StateChunk(index=3, sequence=1, data=b"e", last=False),
    )
    assert stage.take(stage.shard) == [
        messages.TakeSnapshot(), messages.StateChunkStored(index=3, sequence=0),
        messages.RestoreState(index=4, sequence=0, data=b"d", last=True),
    ]
    assert stage.take(stage.role) == [SnapshotChunk(index=3, sequence=1, data=b"e", last=False)]


def test_a_due_deadline_brings_a_tick_from_the_leader_only() -> None:
    stage = Stage()
    soon = int((EPOCH_SECONDS + 0.5) * 1000)
    stage.tell(Applied(index=1, outcomes=(), next_deadline_ms=soon))
    stage.world.run(1.0)
    assert stage.proposals() == []
    stage.lead()
    stage.world.run(0.3)
    (tick,) = stage.proposals()
    command = decode(tick)
    assert command is not None
    assert command[1:] == (0, commands.TICK_SERIAL, 0, 0, b"")
    assert command[0] >= soon
    stage.tell(Applied(index=2, outcomes=(), next_deadline_ms=None))
    stage.world.run(1.0)
    assert stage.proposals() == []


def test_a_submit_that_no_gateway_sends_does_no_harm() -> None:
    stage = Stage()
    stage.lead()
    for malformed in (submit(-1), submit(1, session=-1), submit(1, origin=-1)):
        stage.tell(malformed, sender=stage.far_ref)
    assert (stage.proposals(), stage.take(stage.far)) == ([], [])
    stage.tell(Submit(session=1, serial=1, floor=0, batch=bytes(MAX_BATCH_BYTES + 1)), sender=stage.far_ref)
    assert stage.proposals() == []
    (refused,) = stage.take(stage.far)
    assert isinstance(refused, SubmitOutcome)
    assert refused.status is SubmitStatus.OVERLOADED
