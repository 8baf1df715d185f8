"""The shard alone: deterministic outcomes of whatever the log brings, reads that wait, snapshots between shards."""

from __future__ import annotations

import struct

import pytest

from actors.actor import Actor
from actors.context import Context
from actors.message import Message
from core_ext.mailbox import Reference
from protocols.storage import command as commands
from protocols.storage.messages import (
    Applied,
    Apply,
    AskApplied,
    Read,
    ReadBatch,
    ReadResult,
    RestoreState,
    StateChunk,
    StateChunkStored,
    Submit,
    SubmitOutcome,
    SubmitStatus,
    TakeSnapshot,
)
from protocols.storage.settings import LOG_NAME, SHARD_NAME, ShardSettings
from protocols.storage.shard import StorageShard
from tests.storage.batches import batch, split
from tests.storage.world import EPOCH_SECONDS, World

NOW = int(EPOCH_SECONDS * 1000)


class Notes(Actor):
    """What the shard says."""

    def __init__(self) -> None:
        self.got: list[Message] = []

    def take(self, message: Message, context: Context) -> None:
        self.got.append(message)


Notes.handlers = dict.fromkeys((Applied, ReadResult, StateChunk), Notes.take)


class Stage:
    """One shard and whoever talks to it."""

    def __init__(self, settings: ShardSettings | None = None) -> None:
        self.world = World()
        self.notes = Notes()
        self.log = self.world.spawn("a", LOG_NAME, self.notes).self
        self.shard = StorageShard(settings)
        self.world.spawn("a", SHARD_NAME, self.shard)
        self.index = 0

    def tell(self, *what: Message) -> list[Message]:
        for message in what:
            self.world.tell(Reference("a", SHARD_NAME), message, self.log)
        self.world.run(0.001)
        found, self.notes.got = self.notes.got, []
        return found

    def apply(self, *encoded: bytes) -> tuple[SubmitOutcome, ...]:
        self.index += 1
        (applied,) = self.tell(Apply(index=self.index, commands=encoded))
        assert isinstance(applied, Applied)
        assert applied.index == self.index
        return applied.outcomes

    def read(self, tag: int, index: int, *batches: bytes) -> Read:
        reads = tuple(ReadBatch(ticket=ticket, batch=each) for ticket, each in enumerate(batches))
        return Read(tag=tag, index=index, reads=reads, asker=self.log)

    def open(self) -> int:
        (opened,) = self.apply(encode(0, 0, b""))
        return int.from_bytes(opened.replies, "little")


def encode(session: int, serial: int, commands_: bytes, time_ms: int = NOW) -> bytes:
    return commands.encode(time_ms, Submit(session=session, serial=serial, floor=0, batch=commands_))


def test_a_repeated_serial_is_executed_once_and_answered_the_same() -> None:
    stage = Stage()
    session = stage.open()
    increment = encode(session, 1, batch(("INCR", "n")))
    first, second = stage.apply(increment, increment)
    assert first == second
    assert split(first.replies) == [b":1\r\n"]
    (gap,) = stage.apply(encode(session, 3, batch(("INCR", "n"))))
    assert gap.status is SubmitStatus.GAP
    (nobody,) = stage.apply(encode(99, 1, batch(("INCR", "n"))))
    assert nobody.status is SubmitStatus.SESSION_EXPIRED
    assert stage.shard.status().revision == 1


@pytest.mark.parametrize("junk", [b"", b"short", b"\xff" * 39])
def test_bytes_that_are_no_command_change_nothing(junk: bytes) -> None:
    stage = Stage()
    (outcome,) = stage.apply(junk)
    assert outcome.status is SubmitStatus.GAP


def test_a_malformed_batch_uses_its_serial_and_is_answered_with_an_error() -> None:
    stage = Stage()
    session = stage.open()
    (bad,) = stage.apply(encode(session, 1, b"junk!"))
    assert bad.status is SubmitStatus.DONE
    assert split(bad.replies)[0].startswith(b"-ERR the command batch is malformed")
    (good,) = stage.apply(encode(session, 2, batch(("INCR", "n"))))
    assert split(good.replies) == [b":1\r\n"]
    (read,) = stage.tell(stage.read(1, 0, b"junk!"))
    assert isinstance(read, ReadResult)
    assert split(read.answers[0].replies)[0].startswith(b"-ERR")


def test_what_is_applied_is_said_when_it_is_wanted() -> None:
    stage = Stage()
    assert stage.tell(Apply(index=1, commands=(encode(0, 0, b""),), report=False)) == []
    assert stage.tell(AskApplied()) == [Applied(index=1, outcomes=())]


def test_the_log_must_not_skip() -> None:
    stage = Stage()
    with pytest.raises(AssertionError, match="must not skip"):
        stage.tell(Apply(index=2, commands=()))


def test_neighbours_together_give_the_state_that_they_give_one_by_one() -> None:
    one, other = Stage(), Stage()
    session = one.open()
    assert other.open() == session
    commands = [encode(session, serial, batch(("SET", f"k{serial % 3}", str(serial)))) for serial in range(1, 8)]
    single = [each for command in commands for each in one.apply(command)]
    (first,) = other.tell(Apply(first=2, index=5, commands=tuple(commands[:3])))
    (second,) = other.tell(Apply(first=6, index=8, commands=tuple(commands[3:])))
    assert isinstance(first, Applied)
    assert isinstance(second, Applied)
    assert (first.index, second.index) == (5, 8)
    assert [*first.outcomes, *second.outcomes] == single
    assert one.shard.status() == other.shard.status()
    with pytest.raises(AssertionError, match="brought entry 10 after 8"):
        other.tell(Apply(first=10, index=11, commands=()))


def test_a_read_waits_for_its_index_and_too_many_are_refused() -> None:
    stage = Stage(ShardSettings(max_waiting_reads=2))
    session = stage.open()
    get = batch(("GET", "k"))
    (refused,) = stage.tell(*[stage.read(tag, index, get) for tag, index in enumerate((3, 2, 2))])
    assert refused == ReadResult(tag=2, answers=(), refused=True)
    stage.index += 1
    found = stage.tell(Apply(index=2, commands=(encode(session, 1, batch(("SET", "k", "v"))),)))
    assert isinstance(found[0], Applied)
    assert [each.tag for each in found if isinstance(each, ReadResult)] == [1]
    found = stage.tell(Apply(index=3, commands=()))
    (read,) = [each for each in found if isinstance(each, ReadResult)]
    assert (read.tag, split(read.answers[0].replies)) == (0, [b"$1\r\nv\r\n"])


def test_a_tick_brings_time_and_ends_keys() -> None:
    stage = Stage()
    session = stage.open()
    stage.apply(encode(session, 1, batch(("SET", "k", "v", "PX", "10"))))
    stage.apply(commands.tick(NOW + 10))
    status = stage.shard.status()
    assert (status.keys, status.log_time_ms, status.revision) == (0, NOW + 10, 1)


def snapshot(stage: Stage, writes: int = 0) -> list[StateChunk]:
    """All chunks, with writes between them."""
    chunks = stage.tell(TakeSnapshot())
    while not chunks[-1].last:
        for _ in range(writes):
            stage.apply(encode(1, stage.index, batch(("SET", f"k{stage.index % 50}", "later"))))
        chunks += stage.tell(StateChunkStored(index=chunks[-1].index, sequence=chunks[-1].sequence))
    return chunks


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_a_snapshot_makes_an_equal_shard_sessions_included(size: int) -> None:
    stage, other = Stage(ShardSettings(snapshot_chunk_bytes=size)), Stage()
    session = stage.open()
    for i in range(1, 50 if size > 1 else 5):
        stage.apply(encode(session, i, batch(("SET", f"k{i}", "v" * i), ("INCR", "n"))))
    before = stage.shard.status()
    chunks = snapshot(stage, writes=0 if size < 7 else 1)
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))
    assert all(1 <= len(chunk.data) <= size for chunk in chunks)
    for chunk in chunks:
        other.tell(RestoreState(index=chunk.index, sequence=chunk.sequence, data=chunk.data, last=chunk.last))
    after = other.shard.status()
    assert (after.applied_index, after.digest, after.revision) == (before.applied_index, before.digest, before.revision)
    other.index = after.applied_index
    (again,) = other.apply(encode(session, 1, batch(("INCR", "n"))))
    assert (again.status, split(again.replies)[1]) == (SubmitStatus.DONE, b":1\r\n")


def test_pieces_of_an_abandoned_snapshot_are_ignored_and_a_bad_one_is_refused() -> None:
    stage = Stage()
    stage.open()
    chunks = snapshot(stage)
    other = Stage()
    data = chunks[0].data
    other.tell(RestoreState(index=9, sequence=1, data=data, last=True))
    assert other.shard.status().applied_index == 0
    other.tell(RestoreState(index=8, sequence=0, data=data[:9], last=False))
    other.tell(RestoreState(index=9, sequence=0, data=data, last=True))
    assert other.shard.status().applied_index == 9
    for bad in (b"tiny", struct.pack("<Q", 1 << 40) + b"x", data[:-1]):
        with pytest.raises(ValueError, match="snapshot"):
            Stage().tell(RestoreState(index=9, sequence=0, data=bad, last=True))


def test_a_session_that_is_replaced_executes_nothing_more() -> None:
    """What its gateway gave up as unknown must not take effect after batches of the session that came after it."""
    stage = Stage()
    old = stage.open()
    (opened,) = stage.apply(encode(0, 0, struct.pack("<QQ", 600_000, old)))
    new = int.from_bytes(opened.replies, "little")
    (first, late) = stage.apply(
        encode(new, 1, batch(("SET", "k", "second"))), encode(old, 1, batch(("SET", "k", "first")))
    )
    assert (first.status, late.status) == (SubmitStatus.DONE, SubmitStatus.SESSION_EXPIRED)
    assert stage.shard.status().revision == 1
