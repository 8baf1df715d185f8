"""The native store against its plain twin: any sequence of commands, walks and restores gives the same state."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.store import COMMANDS, MAX_VALUE_BYTES, Store
from protocols.storage.settings import MAX_BATCH_BYTES
from tests.storage.batches import batch, parse, split
from tests.storage.snapshots import content, drain, entries, restored
from tests.storage.twin import Twin

KEYS = st.sampled_from([b"a", b"b", b"c", b"", b"key:0", b"key:1", b"long" * 20]) | st.binary(max_size=3)
VALUES = st.sampled_from([b"", b"1", b"41", b"x" * 300, b"9223372036854775807"]) | st.binary(max_size=20)
TIMES = st.sampled_from([b"1", b"5", b"50", b"1000", b"0", b"-3"])
LATER = st.sampled_from([b"1", b"5", b"50", b"1000"])
SMALL = st.integers(-3, 3).map(lambda value: b"%d" % value)


def command(name: str, *parts: object) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.tuples(st.just(name.encode()), *[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts])


COMMAND = st.one_of(
    command("GET", KEYS), command("SET", KEYS, VALUES), command("SET", KEYS, VALUES),
    command("SET", KEYS, VALUES, b"PX", LATER), command("SET", KEYS, VALUES, b"KEEPTTL", b"GET"),
    command("SET", KEYS, VALUES, b"NX"), command("SET", KEYS, VALUES, b"XX", b"EX", LATER),
    command("SET", KEYS, VALUES, b"PXAT", LATER), command("GETDEL", KEYS), command("GETEX", KEYS, b"PX", LATER),
    command("GETEX", KEYS, b"PERSIST"), command("APPEND", KEYS, VALUES),
    command("SETRANGE", KEYS, st.integers(0, 400).map(lambda value: b"%d" % value), VALUES),
    command("INCRBY", KEYS, SMALL), command("MSET", KEYS, VALUES, KEYS, VALUES), command("MGET", KEYS, KEYS),
    command("DEL", KEYS, KEYS), command("PEXPIRE", KEYS, TIMES), command("PERSIST", KEYS), command("PTTL", KEYS),
)
BATCHES = st.lists(st.tuples(st.integers(0, 40), st.lists(COMMAND, max_size=8)), max_size=25)


@given(BATCHES)
def test_every_sequence_of_batches_gives_the_twins_state(batches: list[tuple[int, list[tuple[bytes, ...]]]]) -> None:
    store, twin, time = Store(), Twin(), 0
    for step, commands in batches:
        time += step - 5  # at times backwards: log time must not follow
        assert split(store.apply(max(time, 0), batch(*commands))) == twin.apply(max(time, 0), *commands)
        assert (store.revision, store.log_time_ms) == (twin.revision, twin.log_time)
    assert content(store) == twin.data
    again = restored(drain(store.snapshot()), 7)
    assert (again.digest(), again.revision, again.log_time_ms) == (store.digest(), store.revision, store.log_time_ms)


@given(BATCHES, BATCHES, st.integers(1, 200), st.booleans())
def test_a_walk_gives_the_state_of_its_beginning_whatever_happens_meanwhile(
    before: list[tuple[int, list[tuple[bytes, ...]]]], during: list[tuple[int, list[tuple[bytes, ...]]]],
    limit: int, flush: bool,
) -> None:
    store, twin, time = Store(), Twin(), 0
    filling = [(b"SET", b"fill:%d" % i, b"v" * i) for i in range(40)]
    store.apply(0, batch(*filling))
    twin.apply(0, *filling)
    for step, commands in before:
        time += step
        store.apply(time, batch(*commands))
        twin.apply(time, *commands)
    expected, at, digest = dict(twin.data), twin.log_time, store.digest()
    expected = {key: type(entry)(entry.value, entry.deadline, entry.version) for key, entry in expected.items()}
    walk, stream = store.snapshot(), b""
    for number, (step, commands) in enumerate(during):
        time += step
        flushing = [(b"FLUSHALL",)] if flush and number == len(during) // 2 else []
        stream += walk.next(limit) or b""
        store.apply(time, batch(*commands, *flushing))
        twin.apply(time, *commands, *flushing)
    stream += drain(walk, limit)
    assert entries(stream, at) == expected
    assert restored(stream).digest() == digest
    assert content(store) == twin.data


@given(st.lists(COMMAND, max_size=30))
def test_the_digest_tells_every_difference_and_no_order(commands: list[tuple[bytes, ...]]) -> None:
    one, other = Store(), Store()
    one.apply(5, batch(*commands))
    for each in [(), *commands]:
        other.apply(5, batch(each) if each else b"")
    assert one.digest() == other.digest()
    one.apply(5, batch(("SET", "difference", "x")))
    other.apply(5, batch(("SET", "difference", "y")))
    assert one.digest() != other.digest()


@given(st.binary(max_size=200))
def test_any_bytes_are_run_or_refused_as_a_whole(data: bytes) -> None:
    store = Store()
    for run in (lambda: store.apply(9, data), lambda: store.read(9, data)):
        before = (store.revision, store.digest())
        try:
            replies = run()
        except ValueError:
            assert (store.revision, store.digest()) == before
        else:
            assert replies is None or all(reply.endswith(b"\r\n") for reply in split(replies))


@given(st.data())
def test_damaged_batches_never_crash(data: st.DataObject) -> None:
    good = bytearray(batch(*data.draw(st.lists(COMMAND, min_size=1, max_size=5))))
    for _ in range(3):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    store = Store()
    try:
        store.apply(1, bytes(good))
        store.read(1, bytes(good))
    except ValueError:
        assert store.revision == 0 or store.log_time_ms == 1


def take(store: Store, stream: bytes) -> None:
    store.restore_chunk(stream)
    store.finish_restore()


@given(st.binary(max_size=100), st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_snapshot_is_refused_and_changes_nothing(noise: bytes, at: int, byte: int) -> None:
    source = Store()
    source.apply(1, batch(*[("SET", f"k{i}", "v" * i) for i in range(10)]))
    stream = bytearray(drain(source.snapshot()))
    stream[at % len(stream)] ^= byte or 1
    for bad in (bytes(stream), noise, bytes(stream[:-1])):
        store = Store()
        store.apply(3, batch(("SET", "mine", "1")))
        before = store.digest()
        store.begin_restore()
        with pytest.raises(ValueError, match="the state is unchanged"):
            take(store, bad)
        assert store.digest() == before


def test_commands_names_are_upper_case_and_opcodes_never_move() -> None:
    assert COMMANDS[b"GET"] == (1, 1, 1, False)
    assert COMMANDS[b"SET"] == (2, 2, -1, True)
    assert COMMANDS[b"TOUCH"] == (38, 1, -1, False)
    assert sorted(opcode for opcode, *_ in COMMANDS.values()) == list(range(1, len(COMMANDS) + 1))


def test_an_unknown_opcode_and_a_write_among_reads_are_answered_with_an_error() -> None:
    store = Store()
    (reply,) = split(store.apply(0, struct.pack("<HH", 999, 0)))
    assert reply.startswith(b"-ERR unknown opcode")
    replies = store.read(0, batch(("SET", "k", "v")))
    assert replies is not None
    assert split(replies)[0].startswith(b"-ERR 'set' writes")
    assert len(store) == 0


def test_a_read_between_log_time_and_the_clock_asks_for_a_tick() -> None:
    store = Store()
    store.apply(1000, batch(("SET", "k", "v", "PX", "100"), ("SET", "other", "v")))
    get = batch(("GET", "k"))
    assert store.read(1099, get) is not None
    assert store.read(1100, get) is None
    assert store.read(1100, batch(("KEYS", "*"))) is None
    assert store.read(1100, batch(("DBSIZE",))) is None
    assert store.read(1100, batch(("GET", "other"))) is not None
    assert split(store.read(0, get) or b"") == [b"$1\r\nv\r\n"]
    store.apply(1100, b"")
    assert split(store.read(0, get) or b"") == [b"_\r\n"]
    assert split(store.read(0, batch(("KEYS", "*"))) or b"") == [b"*1\r\n$5\r\nother\r\n"]


def test_remaining_time_is_counted_from_the_readers_clock() -> None:
    store = Store()
    store.apply(1000, batch(("SET", "k", "v", "PX", "5000")))
    assert split(store.read(3000, batch(("PTTL", "k"))) or b"") == [b":3000\r\n"]
    assert split(store.read(500, batch(("PTTL", "k"))) or b"") == [b":5000\r\n"]


def test_many_due_keys_are_hidden_at_once_and_freed_a_few_at_a_time() -> None:
    store = Store()
    store.apply(0, batch(*[("SET", f"k{i}", "v", "PX", str(10 + i % 7)) for i in range(2000)]))
    store.apply(100, b"")
    assert 0 < len(store) < 2000
    assert split(store.read(0, batch(("KEYS", "*"), ("EXISTS", "k0", "k1"))) or b"") == [b"*0\r\n", b":0\r\n"]
    for _ in range(20):
        store.apply(100, b"")
    assert (len(store), store.next_deadline_ms) == (0, None)


def test_replicas_free_the_same_due_keys_also_after_a_restore() -> None:
    store = Store()
    store.apply(0, batch(*[("SET", f"k{i}", "v", "PX", str(10 + i % 3)) for i in range(2000)]))
    again = restored(drain(store.snapshot()))
    for time in (11, 11, 12, 20, 20):
        store.apply(time, b"")
        again.apply(time, b"")
        assert (len(store), store.digest()) == (len(again), again.digest())


def test_values_do_not_grow_beyond_the_limit() -> None:
    store = Store()
    (reply,) = split(store.apply(0, batch(("SETRANGE", "k", MAX_VALUE_BYTES, "x"))))
    assert parse(reply) == "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    store.apply(0, batch(("SETRANGE", "k", MAX_VALUE_BYTES - 1, "x")))
    (reply,) = split(store.apply(0, batch(("APPEND", "k", "x"))))
    assert parse(reply) == "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"


def test_replies_that_exceed_their_limit_become_an_error() -> None:
    store = Store()
    store.apply(0, batch(("SETRANGE", "k", MAX_VALUE_BYTES - 1, "x")))
    replies = split(store.apply(0, batch(("MGET", "k", "k", "k"), ("STRLEN", "k"), ("GET", "k"), ("GETDEL", "k"))))
    assert parse(replies[0]) == "-ERR the replies to one batch of commands exceed 32 MiB; ask for less at a time"
    assert replies[1] == b":%d\r\n" % MAX_VALUE_BYTES
    assert len(replies[2]) > MAX_VALUE_BYTES
    assert parse(replies[3]) == (
        "-ERR the command was executed, but not answered: the replies to one batch of commands exceed 32 MiB; ask for "
        "less at a time"
    )
    assert len(store) == 0


def test_replies_that_are_no_strings_count_too() -> None:
    nulls = ("MGET", *[""] * 65_535)
    replies = Store().apply(0, batch(*[nulls] * 300))
    assert len(replies) < MAX_BATCH_BYTES + (8 << 20)
    assert str(parse(split(replies)[-1])).startswith("-ERR the replies to one batch of commands exceed 32 MiB")


def test_a_second_walk_ends_the_first() -> None:
    store = Store()
    store.apply(0, batch(*[("SET", f"k{i}", "v") for i in range(100)]))
    first, second = store.snapshot(), store.snapshot()
    assert entries(drain(second), 0).keys() == {b"k%d" % i for i in range(100)}
    with pytest.raises(ValueError, match="ends before its last entry"):
        restored(drain(first))
    with pytest.raises(ValueError, match="at least 1"):
        first.next(0)


def test_memory_is_accounted_for_and_given_back() -> None:
    store = Store()
    store.apply(0, batch(*[("SET", f"k{i}", "v" * 100, "PX", "5") for i in range(3000)]))
    stats = store.stats()
    assert stats["entry_bytes"] > 3000 * 100
    assert stats["keys_with_deadline"] == 3000
    store.apply(0, batch(("FLUSHALL",)))
    assert store.stats()["flushed_tables"] == 1
    for _ in range(3):
        store.apply(0, b"")
    stats = store.stats()
    assert (stats["keys"], stats["entry_bytes"], stats["flushed_tables"]) == (0, 0, 0)
