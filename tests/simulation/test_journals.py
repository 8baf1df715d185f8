"""Journals in the simulated world: the gate, what a crash loses, and disks that fail."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors import Actor, Context, JournalEntries, Message, Reference, Request, on
from actors.message import check_fields, message_type
from actors.recording import Checkpoint, Truncate
from actors.simulation import DiskFaults, Faults, Simulation, Tape
from actors.simulation.disk import SECTOR_BYTES, SimulatedDisk
from actors.simulation.journals import MemoryMedium, WalMedium
from core_ext.codec import MessageCodec
from core_ext.stage_hands import Appended
from tests.actors.support import Note, Recorder

DISKS = pytest.mark.parametrize("disk", ["memory", "wal"])


class Kept(Message, wire="sim-tests.kept"):
    value: int


class Keep(Message, wire="sim-tests.keep"):
    value: int


class Sum(Request[int], wire="sim-tests.sum"):
    pass


class Keeper(Actor):
    """Keeps values, and tells a recorder before, beside and after its disk."""

    def __init__(self, recorder: Reference) -> None:
        self.recorder = recorder
        self.values: list[int] = []

    def recover(self, record: Any) -> None:
        self.values.append(record.value)

    @on(Keep)
    def keep(self, message: Keep, context: Context) -> None:
        context.send_now(self.recorder, Note(f"now {message.value}"))
        context.journal.append(Kept(message.value))
        context.send(self.recorder, Note(f"safe {message.value}"))
        self.values.append(message.value)

    @on(Note)
    def note(self, message: Note, context: Context) -> None:
        context.send(self.recorder, message)


def _world(disk: str, seed: int = 1, **disks: Any) -> tuple[Simulation, Reference, Recorder]:
    faults = Faults(disks=DiskFaults(**{"sync_seconds": (0.01, 0.01), **disks}))
    simulation = Simulation(seed, disk=disk, faults=faults)
    watcher = simulation.node("watcher", mortal=False)
    recorder = watcher.spawn(Recorder, name="recorder")
    simulation.node("other")  # a second one that may fail: the log of the first is not alone
    keeper = simulation.node("keeper").spawn(Keeper, recorder, name="keeper")
    found = watcher.actor("recorder")
    assert isinstance(found, Recorder)
    return simulation, Reference(keeper.node, keeper.name), found


@DISKS
def test_what_follows_an_append_waits_for_the_disk_and_send_now_does_not(disk: str) -> None:
    simulation, keeper, recorder = _world(disk)
    simulation.tell(keeper, Keep(1))
    simulation.tell(keeper, Note("later"))
    simulation.run(0.009)
    assert recorder.notes == ["now 1"]
    simulation.run(0.01)
    assert recorder.notes == ["now 1", "safe 1", "later"]


@DISKS
def test_each_gate_opens_with_its_own_sync(disk: str) -> None:
    simulation, keeper, recorder = _world(disk)
    simulation.tell(keeper, Keep(1))
    simulation.run(0.005)
    simulation.tell(keeper, Keep(2))
    simulation.run(0.008)
    assert recorder.notes == ["now 1", "now 2", "safe 1"]
    simulation.run(0.012)
    assert recorder.notes[3:] == ["safe 2"]


@DISKS
def test_a_crash_loses_what_was_not_synced_and_nothing_else(disk: str) -> None:
    outcomes = set()
    for seed in range(30):
        simulation, keeper, recorder = _world(disk, seed)
        for value in range(3):
            simulation.tell(keeper, Keep(value))
            simulation.run(0.006)
        node = simulation.nodes["keeper"]
        node.kill()
        simulation.run(0.1)
        safe = [int(note[5:]) for note in recorder.notes if note.startswith("safe")]
        node.restart()
        simulation.run(0.01)
        values = node.actor("keeper").values
        assert values[: len(safe)] == safe
        assert values == list(range(len(values)))
        outcomes.add((len(safe), len(values)))
        simulation.tell(keeper, Keep(9))  # and it goes on from there
        simulation.run(0.1)
        assert recorder.notes[-1] == "safe 9"
    assert len(outcomes) > 1  # what was under way is there at times


@DISKS
def test_a_failed_or_full_disk_stops_the_node_and_nothing_is_acknowledged(disk: str) -> None:
    if disk == "memory":
        pytest.skip("journals in memory have no disk that could fail")
    simulation, keeper, recorder = _world(disk)
    node = simulation.nodes["keeper"]
    assert node.medium.disk is not None
    node.medium.disk.fail_sync = True
    simulation.tell(keeper, Keep(1))
    simulation.run(3)
    assert recorder.notes == ["now 1"]
    assert node.boots == 2  # the nemesis started it again, as a launcher would
    assert simulation.counters["node_failures"] == 1
    simulation.tell(keeper, Keep(2))
    simulation.run(0.1)
    assert recorder.notes[-1] == "safe 2"


def test_faults_of_the_disk_strike_only_as_many_nodes_as_the_budget_allows() -> None:
    damaged = 0
    for seed in range(10):
        faults = Faults(budget=1, crash=1.0, down_seconds=(0.01, 0.2), disks=DiskFaults(
            bit_flip=0.5, misdirected=0.5, lost_write=0.5, failed_sync=0.3, full=0.3))
        simulation = Simulation(seed, disk="wal", faults=faults)
        recorder = simulation.node("watcher", mortal=False).spawn(Recorder, name="recorder")
        for name in "abc":
            simulation.node(name).spawn(Keeper, recorder, name="keeper")
        acknowledged: dict[str, set[int]] = {name: set() for name in "abc"}
        for value in range(100):
            for name in "abc":
                simulation.tell(simulation.ref(name, "keeper"), Keep(value * 10 + "abc".index(name)))
            simulation.run(0.05)
        for note in simulation.nodes["watcher"].actor("recorder").notes:
            if note.startswith("safe"):
                acknowledged["abc"[int(note[5:]) % 10]].add(int(note[5:]))
        simulation.calm()
        simulation.run(1)
        intact = [
            name for name in "abc" if (actor := simulation.nodes[name].actor("keeper")) is not None
            and acknowledged[name] <= set(actor.values)
        ]
        assert len(intact) >= 2
        damaged += len(intact) == 2
    assert damaged > 0  # the faults do bite


class Model:
    """One stream in the plainest way."""

    def __init__(self) -> None:
        self.first = 1
        self.records: list[int] = []
        self.chunks: list[int] = []


@pytest.mark.parametrize("seed", range(6))
def test_the_store_in_memory_and_the_log_on_a_simulated_disk_behave_alike(seed: int) -> None:
    rng = random.Random(seed)
    codec = MessageCodec(message_type, check_fields)
    memory, wal = MemoryMedium(codec).open(False), WalMedium(codec, "n").open(False)
    model = Model()
    for _ in range(300):
        following = model.first + len(model.records)
        match rng.randrange(6):
            case 0 | 1 | 2:
                value = rng.randrange(1000)
                operation: Any = Appended(following, Kept(value), rng.randrange(5), rng.random() < 0.2)
                model.records.append(value)
            case 3:
                position = rng.randint(model.first, following)
                operation = Truncate(position)
                del model.records[position - model.first :]
            case 4:
                keep = rng.randint(model.first, following)
                operation = Checkpoint((Kept(keep), Kept(0)), keep)
                model.records, model.first, model.chunks = model.records[keep - model.first :], keep, [keep, 0]
            case _:
                for store in (memory, wal):
                    store.commit()
                    store.sync_begins()
                    store.sync_done()
                continue
        for store in (memory, wal):
            store.apply("s", operation, store.prepare(operation))
            assert store.bounds("s") == (model.first, model.first + len(model.records), (), False)
            assert [record.value for record in store.recovered("s")] == model.chunks + model.records  # type: ignore[attr-defined]
        low, high = rng.randint(0, following), rng.randint(0, following + 2)
        assert memory.read("s", low, high, 40) == wal.read("s", low, high, 40) or low < 1


class PlainDisk:
    """The twin: whole images, now and as of the last sync."""

    def __init__(self) -> None:
        self.now: dict[str, bytearray] = {}
        self.durable: dict[str, bytes] = {}

    def write(self, name: str, offset: int, data: bytes) -> None:
        self.now[name][offset : offset + len(data)] = data


@pytest.mark.parametrize("seed", range(20))
def test_a_crash_of_a_disk_leaves_each_sector_old_or_new(seed: int) -> None:
    rng = random.Random(seed)
    disk, plain = SimulatedDisk(), PlainDisk()
    for _ in range(40):
        name = rng.choice("xy")
        if name not in plain.now or rng.random() < 0.05:
            disk.allocate(name, 4096)
            plain.now[name] = bytearray(4096)
            plain.durable[name] = bytes(4096)
        elif rng.random() < 0.2:
            disk.sync(name)
            plain.durable[name] = bytes(plain.now[name])
        else:
            data = rng.randbytes(rng.randint(1, 1500))
            offset = rng.randrange(4096 - len(data))
            disk.write_at(name, offset, data)
            plain.write(name, offset, data)
        assert disk.read(name, 0, 4096) == plain.now[name]
    after = disk.crash(Tape(seed).stream("disk"))
    for name, image in plain.now.items():
        for at in range(0, 4096, SECTOR_BYTES):
            sector = after.read(name, at, SECTOR_BYTES)
            assert sector in (bytes(image[at : at + SECTOR_BYTES]), plain.durable[name][at : at + SECTOR_BYTES])
    with pytest.raises(OSError, match="gone"):
        disk.sync("x")
    assert SimulatedDisk().crash(Tape.replay({}).stream("disk")).list() == []


def test_zeros_lose_everything_unsynced() -> None:
    disk = SimulatedDisk()
    disk.allocate("x", 1024)
    disk.write_at("x", 0, b"old")
    disk.sync("x")
    disk.write_at("x", 0, b"new")
    assert disk.crash(Tape.replay({}).stream("disk")).read("x", 0, 3) == b"old"


class Spool(Keeper):
    @on(JournalEntries)
    def entries(self, message: JournalEntries, context: Context) -> None:
        context.send(self.recorder, Note(f"read {len(message.records)}"))

    @on(Sum)
    def sum(self, message: Sum, context: Context) -> None:
        context.journal.read(1, 9, 1 << 20)
        context.reply(sum(self.values))


@DISKS
def test_reads_see_what_was_appended_before_it_is_durable(disk: str) -> None:
    simulation, _, recorder = _world(disk)
    spool = simulation.nodes["keeper"].spawn(Spool, simulation.ref("watcher", "recorder"), name="spool")
    simulation.tell(spool, Keep(5))
    asked = simulation.ask(spool, Sum())
    simulation.run(0.1)
    assert asked.result() == 5
    assert recorder.notes == ["now 5", "safe 5", "read 1"]
