"""Durability and the output gate: point 6 of the contract, on the real log."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from actors import (
    Actor,
    AskFailed,
    Context,
    ContractError,
    Directive,
    JournalEntries,
    Message,
    Reference,
    Request,
    Supervision,
    Terminated,
    on,
)
from actors.runtime import lifecycle
from actors.runtime.journal import JournalError
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Fail, Note, Notes, Recorder, Total, run, until


class Added(Message, wire="tests.added"):
    amount: int


class Save(Request[int], wire="tests.save"):
    """Append and answer with the position."""

    amount: int


class Silent(Message, wire="tests.silent"):
    """Append, and do nothing that anybody could see."""

    amount: int


class ReadBack(Message, wire="tests.read-back"):
    first: int
    last: int


class Compact(Message, wire="tests.compact"):
    pass


class Savings(Actor):
    """A durable counter that talks to a recorder in every way there is."""

    def __init__(self, recorder: Reference | None = None) -> None:
        self.total = 0
        self.recorder = recorder
        self.entries: list[JournalEntries] = []
        self.events: list[str] = []

    def recover(self, record: Message) -> None:
        assert isinstance(record, Added)
        self.total += record.amount
        self.events.append(f"recovered {record.amount}")

    def start(self, context: Context) -> None:
        self.events.append("started")

    @on(Save)
    def save(self, message: Save, context: Context) -> None:
        position = context.journal.append(Added(message.amount))
        self.total += message.amount
        context.reply(position)

    @on(Add)
    def add(self, message: Add, context: Context) -> None:
        assert self.recorder is not None
        context.send_now(self.recorder, Note(f"now {message.amount}"))
        context.send(self.recorder, Note(f"before {message.amount}"))
        context.journal.append(Added(message.amount))
        context.send(self.recorder, Note(f"gated {message.amount}"))
        self.total += message.amount

    @on(Silent)
    def append_only(self, message: Silent, context: Context) -> None:
        context.journal.append(Added(message.amount))

    @on(Note)
    def note(self, message: Note, context: Context) -> None:
        assert self.recorder is not None
        context.send(self.recorder, message)

    @on(Total)
    def answer(self, message: Total, context: Context) -> None:
        context.reply(self.total)

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        context.journal.append(Added(1000))
        self.total += 1000
        raise ValueError(message.text)

    @on(ReadBack)
    def read_back(self, message: ReadBack, context: Context) -> None:
        context.journal.read(message.first, message.last, 1 << 20, key=7)

    @on(JournalEntries)
    def read(self, message: JournalEntries, context: Context) -> None:
        self.entries.append(message)

    @on(Compact)
    def compact(self, message: Compact, context: Context) -> None:
        context.journal.checkpoint([Added(self.total)], keep_from=context.journal.next_position)


def _actor(system: ActorSystem, reference: Reference) -> Any:
    return system.world.find(reference)._actor


def test_what_was_acknowledged_is_there_after_a_restart_of_the_system(tmp_path: Path) -> None:
    async def first() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            assert [await savings.ask(Save(i)) for i in (1, 2, 3)] == [1, 2, 3]

    async def second() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            assert await savings.ask(Total()) == 6
            assert _actor(system, savings).events == ["recovered 1", "recovered 2", "recovered 3", "started"]
            assert await savings.ask(Save(4)) == 4

    run(first())
    run(second())


def test_recovery_gets_the_newest_checkpoint_and_then_the_records(tmp_path: Path) -> None:
    async def first() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            for i in (1, 2, 3):
                await savings.ask(Save(i))
            savings.tell(Compact())
            await savings.ask(Save(10))

    async def second() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            assert await savings.ask(Total()) == 16
            assert _actor(system, savings).events == ["recovered 6", "recovered 10", "started"]

    run(first())
    run(second())


class HeldDisk:
    """A hub whose syncs are reported only when the test says so."""

    def __init__(self, system: ActorSystem) -> None:
        assert system._hub is not None
        self.system = system
        self.hub = system._hub
        self.batches: list[int] = []
        self.hub._on_synced = self.batches.append

    async def release(self) -> None:
        await until(lambda: self.batches, "a sync")
        self.system.world.log_synced(self.batches.pop())
        self.batches.clear()


def test_every_effect_after_an_append_waits_for_the_disk_and_send_now_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            recorder = system.spawn(Recorder)
            savings = system.spawn(Savings, recorder, name="savings")
            savings.tell(Add(1))
            await until(lambda: disk.batches, "the first sync")
            assert await recorder.ask(Notes()) == ("now 1",)
            await disk.release()
            assert await recorder.ask(Notes()) == ("now 1", "before 1", "gated 1")

    run(main())


def test_later_effects_of_the_same_actor_queue_behind_its_gate(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            recorder = system.spawn(Recorder)
            savings = system.spawn(Savings, recorder, name="savings")
            savings.tell(Add(1))
            savings.tell(Note("later"))
            await until(lambda: disk.batches, "the sync")
            assert await recorder.ask(Notes()) == ("now 1",)
            await disk.release()
            assert await recorder.ask(Notes()) == ("now 1", "before 1", "gated 1", "later")
            savings.tell(Note("free"))
            await until(lambda: "free" in _actor(system, recorder).notes, "the open gate")

    run(main())


def test_an_append_without_an_effect_of_its_own_holds_back_what_later_handlers_do(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            recorder = system.spawn(Recorder)
            savings = system.spawn(Savings, recorder, name="savings")
            savings.tell(Silent(1))
            savings.tell(Note("same turn"))
            await until(lambda: disk.batches, "the sync")
            savings.tell(Note("later turn"))
            assert await recorder.ask(Notes()) == ()
            await disk.release()
            assert await recorder.ask(Notes()) == ("same turn", "later turn")

    run(main())


def test_each_gate_opens_with_its_own_batch_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            recorder = system.spawn(Recorder)
            savings = system.spawn(Savings, recorder, name="savings")
            savings.tell(Add(1))
            await until(lambda: disk.batches, "the first sync")
            first = disk.batches[-1]
            savings.tell(Add(2))
            await until(lambda: disk.batches[-1] > first, "the second sync")
            second = disk.batches[-1]
            system.world.log_synced(first)
            assert await recorder.ask(Notes()) == ("now 1", "now 2", "before 1", "gated 1")
            system.world.log_synced(second)
            assert (await recorder.ask(Notes()))[-2:] == ("before 2", "gated 2")

    run(main())


def test_what_does_not_wait_for_the_disk_leaves_before_the_records_go_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            await savings.ask(Total())
            order: list[str] = []
            assert system._hub is not None
            commit = system._hub.commit

            def committing() -> int:
                order.append("commit")
                return commit()

            monkeypatch.setattr(system._hub, "commit", committing)
            monkeypatch.setattr(system.world, "flush", lambda: order.append("flush"))
            assert await savings.ask(Save(1)) == 1
            assert order[:2] == ["flush", "commit"]

    run(main())


def test_what_the_commit_itself_made_durable_is_seen_in_the_same_turn() -> None:
    """While the disk is fast, the log syncs small batches within the commit: no round of the loop lies between."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("/dev/shm is needed: it depends on how fast the disk is")

    async def main(folder: str) -> None:
        async with ActorSystem(data=folder) as system:
            savings = system.spawn(Savings, name="savings")
            assert system._hub is not None
            at_once = 0
            for number in range(1, 2000):
                syncs, turns = system._hub.stats()["owner_syncs"], system.world.turns
                assert await savings.ask(Save(1)) == number
                if system._hub.stats()["owner_syncs"] == syncs + 1:
                    at_once += 1
                    assert system.world.turns == turns + 1
                    if at_once == 20:
                        return
            raise AssertionError(f"{at_once} of 2000 batches were synced by the commit")

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        run(main(folder))


def test_one_sync_opens_the_gates_of_many_actors(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            many = [system.spawn(Savings, name=f"savings-{i}") for i in range(50)]
            asked = [savings.ask(Save(i)) for i, savings in enumerate(many)]
            for question in asked:
                assert await question == 1
            assert system._hub is not None
            assert system._hub.stats()["syncs"] < 10

    run(main())


def test_a_handler_that_raised_wrote_nothing_and_the_actor_is_rebuilt_from_its_journal(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            await savings.ask(Save(5))
            savings.tell(Fail())
            assert await savings.ask(Total()) == 5
            assert _actor(system, savings).events == ["recovered 5", "started"]
            assert await savings.ask(Save(1)) == 2

    run(main())


def test_a_journal_is_read_by_message(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            savings = system.spawn(Savings, name="savings")
            for i in (1, 2, 3):
                await savings.ask(Save(i))
            savings.tell(ReadBack(2, 3))
            await until(lambda: _actor(system, savings).entries, "the entries")
            assert _actor(system, savings).entries == [JournalEntries(7, 2, (Added(2), Added(3)))]

    run(main())


def test_gated_effects_are_out_before_a_stopping_actor_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            recorder = system.spawn(Recorder)
            savings = system.spawn(Savings, recorder, name="savings")
            savings.tell(Add(1))
            await system.terminate(savings)
            assert "gated 1" in await recorder.ask(Notes())
            again = system.spawn(Savings, recorder, name="savings")
            assert await again.ask(Total()) == 1

    run(main())


def test_what_a_durable_actor_needs_is_said_when_it_is_spawned(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(ContractError, match=r"needs a data folder; give the system one"):
                system.spawn(Savings, name="savings")
        async with ActorSystem(data=tmp_path) as system:
            with pytest.raises(ContractError, match=r"give it one: name='...'"):
                system.spawn(Savings)
            with pytest.raises(ContractError, match="never resumed with half-changed state"):
                system.spawn(Savings, name="savings", supervision=Supervision(Directive.RESUME))

    run(main())


class SpawnSaved(Message, wire="tests.spawn-saved"):
    pass


def test_a_spawn_waits_behind_the_gate_and_so_do_messages_to_the_child(tmp_path: Path) -> None:
    started: list[str] = []

    class Child(Recorder):
        def start(self, context: Context) -> None:
            started.append(context.self.name)

    class Spawning(Savings):
        @on(SpawnSaved)
        def spawn(self, message: SpawnSaved, context: Context) -> None:
            context.journal.append(Added(1))
            child = context.spawn(Child, name="child")
            context.send(child, Note("hello"))

    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            spawning = system.spawn(Spawning, name="spawning")
            spawning.tell(SpawnSaved())
            await until(lambda: disk.batches, "the sync")
            system.ref("child").tell(Note("early"))
            assert started == []
            await disk.release()
            await until(lambda: len(_actor(system, system.ref("child")).notes) == 2, "both notes")
            assert started == ["child"]

    run(main())


def test_a_failed_disk_stops_the_system_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    async def main() -> None:
        system = ActorSystem(data=tmp_path)
        await system.start()
        disk = HeldDisk(system)
        savings = system.spawn(Savings, name="savings", supervision=Supervision(shutdown_seconds=0.1))
        asked = savings.ask(Save(1))
        await until(lambda: disk.batches, "the sync that nobody hears of")
        system._log_failed("input/output error")
        reason = await system.wait_stopped()
        assert isinstance(reason, OSError)
        assert "nothing is acknowledged any more" in str(reason)
        with pytest.raises((AskFailed, Exception), match="stopped before"):
            await asked

    run(main())


class Farewells(Recorder):
    """Watches, and notes who is gone."""

    @on(Silent)
    def begin(self, message: Silent, context: Context) -> None:
        context.watch(context.ref("savings"))

    @on(Terminated)
    def gone(self, message: Terminated, context: Context) -> None:
        self.notes.append(f"{message.actor.name} {message.reason.value}")


@pytest.mark.parametrize("end", ["stopped", "failed"])
def test_an_end_is_announced_after_the_records_of_the_actor_are_on_disk(tmp_path: Path, end: str) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            watcher = system.spawn(Farewells)
            savings = system.spawn(Savings, name="savings", supervision=Supervision(Directive.STOP))
            watcher.tell(Silent(0))
            assert await watcher.ask(Notes()) == ()
            savings.tell(Silent(1))
            stopping = asyncio.ensure_future(system.terminate(savings)) if end == "stopped" else None
            if end == "failed":
                savings.tell(Fail())
            await until(lambda: disk.batches, "the sync")
            assert await watcher.ask(Notes()) == ()
            await disk.release()
            await until(lambda: _actor(system, watcher).notes, "the end")
            assert await watcher.ask(Notes()) == (f"savings {end}",)
            if stopping is not None:
                await stopping

    run(main())


def test_an_actor_spawned_anew_waits_for_the_records_of_the_one_that_was_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            disk = HeldDisk(system)
            savings = system.spawn(Savings, name="savings")
            savings.tell(Silent(1))
            await until(lambda: disk.batches, "the sync")
            lifecycle.kill(system.world.find(savings))
            asked = system.spawn(Savings, name="savings").ask(Total())
            await asyncio.sleep(0.02)
            assert not asked.done()  # type: ignore[attr-defined]
            await disk.release()
            assert await asked == 1

    run(main())


def test_what_the_log_did_not_take_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log fails between a batch that is on disk and the next: its gate must not open with the older batch."""

    async def main() -> None:
        system = ActorSystem(data=tmp_path)
        await system.start()
        recorder = system.spawn(Recorder)
        savings = system.spawn(Savings, recorder, name="savings", supervision=Supervision(shutdown_seconds=0.1))
        assert await savings.ask(Save(1)) == 1
        assert system._hub is not None
        synced = system._hub.synced()

        def full() -> int:
            raise OSError("no space left")

        monkeypatch.setattr(system._hub, "commit", full)
        asked = savings.ask(Save(2))
        savings.tell(Note("after"))
        await until(lambda: system._stopping is not None, "the system stops")
        system.world.log_synced(synced)
        assert _actor(system, recorder) is None or _actor(system, recorder).notes == []
        assert not asked.done()  # type: ignore[attr-defined]
        assert isinstance(await system.wait_stopped(), OSError)
        with pytest.raises(Exception, match="stopped before"):
            await asked

    run(main())


def test_an_actor_whose_records_the_log_refused_shows_nothing_more(tmp_path: Path) -> None:
    async def main() -> None:
        system = ActorSystem(data=tmp_path)
        await system.start()
        savings = system.spawn(Savings, name="savings")
        assert await savings.ask(Save(1)) == 1
        journal: Any = system.world.find(savings)._journal
        journal._next = 7  # the handler will be told a position that the log does not give
        savings.tell(Silent(5))
        asked = savings.ask(Total())
        with pytest.raises(Exception, match="stopped"):
            await asked
        assert isinstance(await system.wait_stopped(), JournalError)

    run(main())


def test_an_error_in_one_gate_leaves_the_gates_of_other_actors_open(tmp_path: Path) -> None:
    class Broken(Savings):
        @on(Add)
        def add(self, message: Add, context: Context) -> None:
            context.journal.append(Added(message.amount))
            context.effect(lambda: 1 / 0)  # type: ignore[attr-defined]

    async def main() -> None:
        system = ActorSystem(data=tmp_path)
        await system.start()
        many = [system.spawn(Broken if i == 5 else Savings, name=f"savings-{i}") for i in range(10)]
        asked = [savings.ask(Save(1)) for savings in many if savings.name != "savings-5"]
        many[5].tell(Add(1))
        assert await asyncio.gather(*asked) == [1] * 9
        assert isinstance(await system.wait_stopped(), ZeroDivisionError)

    run(main())


def test_a_system_whose_log_cannot_be_closed_in_order_has_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        system = ActorSystem(data=tmp_path)
        await system.start()
        assert system._hub is not None

        def full() -> int:
            raise OSError("no space left")

        monkeypatch.setattr(system._hub, "commit", full)
        await system.stop()
        assert isinstance(await system.wait_stopped(), OSError)
        async with ActorSystem(data=tmp_path) as again:  # the folder is free
            assert await again.spawn(Savings, name="savings").ask(Total()) == 0

    run(main())


def test_a_record_that_does_not_fit_the_log_fails_its_handler_and_not_the_node(tmp_path: Path) -> None:
    class Verbose(Savings):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            context.journal.append(Note("x" * ((64 << 20) + 1)))

    async def main() -> None:
        async with ActorSystem(data=tmp_path) as system:
            verbose = system.spawn(Verbose, name="verbose")
            assert await verbose.ask(Save(1)) == 1
            verbose.tell(Note(""))
            assert await verbose.ask(Save(2)) == 2
            assert system.counters()["restarts"] == 1

    run(main())
