"""An actor's journal: what it stages, what reaches the log, and what recovery gives back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from actors.errors import ContractError
from actors.message import Message, message_type
from actors.runtime.journal import PEERS_STREAM, JournalError, JournalHub
from core_ext.codec import MessageCodec
from tests.journal.memory_log import MemoryLog
from tests.journal.twin_journal import TwinJournal


class Note(Message, wire="test.journal.note"):
    """A record with one number."""

    number: int


class Blob(Message, wire="test.journal.blob"):
    """A record of some size."""

    data: bytes


class Recorder:
    """Stands in for a durable actor."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def recover(self, record: Any) -> None:
        self.got.append(record)


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    found = MemoryLog()
    yield found
    if not found.closed:
        found.close()


@pytest.fixture
def hub(log: MemoryLog) -> Iterator[JournalHub]:
    found = JournalHub(log, MessageCodec(message_type))
    yield found
    found.close()


def _recovered(hub: JournalHub, name: str) -> list[Any]:
    actor = Recorder()
    hub.journal(name).recover_into(actor)
    return actor.got


def test_nothing_reaches_the_log_before_the_handler_returns(hub: JournalHub, log: MemoryLog) -> None:
    journal = hub.journal("alice")
    assert [journal.append(Note(number=n)) for n in range(3)] == [0, 1, 2]
    assert journal.staged()
    assert log.operations == []
    assert hub.commit() == 0
    journal.release()
    assert not journal.staged()
    assert [operation[0] for operation in log.operations] == ["append"] * 3
    assert hub.commit() == 1
    assert journal.batch == 1
    assert _recovered(hub, "alice") == [Note(number=n) for n in range(3)]


def test_a_handler_that_raises_appends_nothing_and_positions_go_back(hub: JournalHub, log: MemoryLog) -> None:
    journal = hub.journal("alice")
    journal.append(Note(number=1))
    journal.release()
    journal.append(Note(number=2))
    journal.truncate(0)
    journal.checkpoint([Note(number=9)], keep_from=0)
    journal.discard()
    assert not journal.staged()
    assert journal.next_position == 1
    assert journal.append(Note(number=3)) == 1
    journal.release()
    assert _recovered(hub, "alice") == [Note(number=1), Note(number=3)]


def test_positions_are_right_through_truncation_within_one_handler(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    for number in range(5):
        journal.append(Note(number=number))
    journal.truncate(2)
    assert journal.next_position == 2
    assert journal.append(Note(number=20)) == 2
    journal.release()
    assert _recovered(hub, "alice") == [Note(number=0), Note(number=1), Note(number=20)]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_handlers_do_it_is_what_plain_python_does(seed: int, hub: JournalHub, log: MemoryLog) -> None:
    choices = random.Random(seed)
    journal = hub.journal("alice")
    twin_log = MemoryLog()
    assert twin_log.stream(PEERS_STREAM) == log.stream(PEERS_STREAM)
    twin = TwinJournal(twin_log, MessageCodec(message_type), "alice")
    for _ in range(200):
        for _ in range(choices.randrange(4)):
            position = choices.randint(twin.first, twin.next)
            match choices.choice(("append", "append", "append", "truncate", "checkpoint", "read")):
                case "append":
                    record = Note(number=choices.randrange(1 << 40))
                    note, critical = choices.getrandbits(64), choices.random() < 0.2
                    assert journal.append(record, note, critical) == twin.append(record, note, critical)
                case "truncate":
                    journal.truncate(position)
                    twin.truncate(position)
                case "checkpoint":
                    chunks: list[Message] = [Note(number=1)] * choices.randrange(3)
                    journal.checkpoint(chunks, position)
                    twin.checkpoint(chunks, position)
                case "read":
                    journal.read(position, position + 5, 1 << 20)
                    twin.read(position, position + 5)
        assert journal.staged() == twin.staged()
        assert (journal.first_position, journal.next_position) == (twin.first, twin.next)
        if choices.random() < 0.2:
            journal.discard()
            twin.discard()
        assert [len(entries.records) for entries in journal.release()] == twin.release()
        assert log.operations == twin_log.operations
        assert journal.dirty == twin.dirty
        if choices.random() < 0.3:
            batch = hub.commit()
            assert batch == (twin_log.commit() if twin.dirty else 0)
            twin.committed(batch)
        assert (journal.dirty, journal.batch) == (twin.dirty, twin.batch)
        assert (journal.first_position, journal.next_position) == (twin.first, twin.next)
    twin_log.close()


def test_truncating_outside_of_what_is_held_is_refused(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    journal.append(Note(number=1))
    journal.release()
    with pytest.raises(ContractError, match=r"truncate\(7\).*positions 0 to 1"):
        journal.truncate(7)
    with pytest.raises(ContractError, match="keeps from 3"):
        journal.checkpoint([], keep_from=3)
    assert not journal.staged()


def test_recovery_gives_checkpoint_chunks_first_then_the_records_after(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    for number in range(4):
        journal.append(Note(number=number))
    journal.checkpoint([Note(number=100), Note(number=101)], keep_from=3)
    journal.release()
    assert journal.first_position == 3
    assert [record.number for record in _recovered(hub, "alice")] == [100, 101, 3]


def test_note_and_critical_reach_the_log_and_a_note_that_does_not_fit_is_refused(
    hub: JournalHub, log: MemoryLog
) -> None:
    journal = hub.journal("alice")
    journal.append(Note(number=1), note=(1 << 64) - 1, critical=True)
    journal.release()
    assert log.operations[-1][3] is True
    assert next(log.records(log.stream("alice")))[2] == (1 << 64) - 1
    with pytest.raises(ContractError, match="64 unsigned bits"):
        journal.append(Note(number=1), note=1 << 64)


def test_a_read_is_answered_with_what_the_same_handler_appended(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    journal.append(Note(number=0))
    journal.read(0, 10, limit_bytes=1 << 20, key=7)
    journal.append(Note(number=1))
    (entries,) = journal.release()
    assert (entries.key, entries.first, entries.records) == (7, 0, (Note(number=0),))


def test_a_read_alone_is_not_a_write_that_effects_wait_for(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    journal.read(0, 0, limit_bytes=1)
    assert not journal.staged()
    (entries,) = journal.release()
    assert entries.records == ()
    assert hub.commit() == 0


def test_a_read_returns_one_record_above_the_limit_and_none_from_before_the_checkpoint(hub: JournalHub) -> None:
    journal = hub.journal("alice")
    for _ in range(3):
        journal.append(Blob(data=b"x" * 1000))
    journal.checkpoint([], keep_from=1)
    journal.read(1, 2, limit_bytes=10, key=1)
    journal.read(0, 2, limit_bytes=10_000, key=2)
    journal.read(5, 9, limit_bytes=10_000, key=3)
    over, before, beyond = journal.release()
    assert (over.first, len(over.records)) == (1, 1)
    assert before.records == ()
    assert beyond.records == ()


def test_the_uncertain_tail_is_shown_until_it_is_resolved(log: MemoryLog) -> None:
    stream = log.stream("raft-0")
    log.next[stream] = 5
    log.doubtful[stream] = [(5, Note.wire_id, 44), (6, Note.wire_id, 45)]
    hub = JournalHub(log, MessageCodec(message_type))
    journal = hub.journal("raft-0")
    assert [(found.position, found.note) for found in journal.uncertain] == [(5, 44), (6, 45)]
    journal.resolve()
    assert journal.uncertain == ()
    assert journal.append(Note(number=5)) == 5
    journal.discard()
    assert len(journal.uncertain) == 2
    journal.resolve()
    journal.append(Note(number=5))
    journal.release()
    assert log.uncertain(stream) == []
    hub.close()


def test_a_lost_vote_is_reported_to_the_actor_it_belongs_to(log: MemoryLog) -> None:
    log.gone.add(log.stream("raft-0"))
    hub = JournalHub(log, MessageCodec(message_type))
    assert hub.journal("raft-0").lost
    assert not hub.journal("alice").lost
    journal = hub.journal("raft-0")
    journal.resolve()
    assert not journal.lost
    journal.discard()
    assert journal.lost
    journal.resolve()
    journal.release()
    assert not log.lost(log.stream("raft-0"))
    hub.close()


def test_a_record_of_an_unknown_type_names_actor_and_position(hub: JournalHub, log: MemoryLog) -> None:
    stream = log.stream("alice")
    log.append(stream, 0xDEAD, 0, b"")
    with pytest.raises(JournalError, match=r"'alice'.*position 0.*0x0000dead"):
        _recovered(hub, "alice")


def test_a_log_that_breaks_its_promise_about_positions_stops_the_node(hub: JournalHub, log: MemoryLog) -> None:
    journal = hub.journal("alice")
    journal.append(Note(number=0))
    log.next[log.stream("alice")] = 9
    with pytest.raises(JournalError, match=r"position 9 .* told 0"):
        journal.release()


def test_one_commit_numbers_every_journal_that_was_written_in_the_turn(hub: JournalHub) -> None:
    alice, bob, carol = hub.journal("alice"), hub.journal("bob"), hub.journal("carol")
    alice.append(Note(number=1))
    bob.append(Note(number=2))
    alice.release()
    bob.release()
    batch = hub.commit()
    assert (alice.batch, bob.batch, carol.batch) == (batch, batch, 0)
    assert hub.commit() == 0


def test_folders_of_peers_are_remembered_over_a_restart(log: MemoryLog) -> None:
    hub = JournalHub(log, MessageCodec(message_type))
    hub.remember_folder("b", "f1")
    hub.remember_folder("b", "f1")
    hub.remember_folder("c", "f2")
    hub.remember_folder("b", "f3")
    assert hub.commit() == 1
    assert hub.commit() == 0
    assert [operation[0] for operation in log.operations] == ["append"] * 3
    again = JournalHub(log, MessageCodec(message_type))
    assert again.known_folders == {"b": "f3", "c": "f2"}
    hub.close()


def test_the_loop_learns_of_syncs_and_of_a_failed_disk_once(log: MemoryLog) -> None:
    async def scenario() -> None:
        synced: list[int] = []
        failures: list[str] = []
        loop = asyncio.get_running_loop()
        hub = JournalHub(log, MessageCodec(message_type), loop, synced.append, failures.append)
        journal = hub.journal("alice")
        for number in range(2):
            journal.append(Note(number=number))
            journal.release()
            hub.commit()
        log.sync()
        await _until(lambda: synced == [2])
        journal.append(Note(number=9))
        journal.release()
        hub.commit()
        log.fail("fdatasync: Input/output error")
        await _until(lambda: bool(failures))
        log.fail("fdatasync: Input/output error")
        await asyncio.sleep(0)
        assert failures == ["fdatasync: Input/output error"]
        assert hub.failure is not None
        assert synced == [2]
        hub.close()
        assert log.closed

    asyncio.run(scenario())


async def _until(condition: Any, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)
