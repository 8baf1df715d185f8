"""SCAN gives every key that stays, exactly once, whatever the table does meanwhile; KEYS has one order everywhere."""

from __future__ import annotations

import random

import pytest

from core_ext.store import Store
from tests.storage.batches import batch, parse, split
from tests.storage.snapshots import drain, restored


def scan(store: Store, cursor: int, count: int = 10) -> tuple[int, list[bytes]]:
    (reply,) = split(store.read(0, batch(("SCAN", str(cursor), "COUNT", str(count)))) or b"")
    found = parse(reply)
    assert isinstance(found, list)
    return int(found[0]), found[1]


@pytest.mark.parametrize("seed", range(5))
def test_keys_that_stay_are_scanned_exactly_once_while_the_table_grows_and_shrinks(seed: int) -> None:
    draw = random.Random(seed)
    store = Store()
    staying = {b"stay:%d" % i for i in range(500)}
    store.apply(0, batch(*[("SET", key, "v") for key in staying]))
    seen: list[bytes] = []
    cursor, extra = 0, 0
    while True:
        cursor, keys = scan(store, cursor, draw.randint(1, 50))
        seen += keys
        if cursor == 0:
            break
        if draw.random() < 0.5:
            store.apply(0, batch(*[("SET", f"extra:{extra + i}", "v") for i in range(300)]))
            extra += 300
        else:
            store.apply(0, batch(*[("DEL", f"extra:{draw.randrange(extra + 1)}") for _ in range(600)]))
    assert {key for key in seen if key in staying} == staying
    assert len([key for key in seen if key in staying]) == 500


def test_a_scan_goes_on_at_another_replica() -> None:
    one = Store()
    one.apply(0, batch(*[("SET", f"k{i}", "v") for i in range(1000)]))
    other = restored(drain(one.snapshot()))
    seen: list[bytes] = []
    cursor, turn = 0, 0
    while True:
        cursor, keys = scan((one, other)[turn % 2], cursor)
        seen += keys
        turn += 1
        if cursor == 0:
            break
    assert len(seen) == len(set(seen)) == 1000
    assert turn > 10


def test_the_order_of_keys_does_not_depend_on_history() -> None:
    one, other = Store(), Store()
    one.apply(0, batch(*[("SET", f"k{i}", "v") for i in range(200)]))
    other.apply(0, batch(*[("SET", f"k{i}", "v") for i in reversed(range(5000))]))
    other.apply(0, batch(*[("DEL", f"k{i}") for i in range(200, 5000)]))
    keys = batch(("KEYS", "*"))
    assert one.read(0, keys) == other.read(0, keys) == restored(drain(other.snapshot())).read(0, keys)


def test_a_sparse_table_does_not_make_a_scan_long() -> None:
    store = Store()
    store.apply(0, batch(*[("SET", f"k{i}", "v") for i in range(5000)]))
    store.apply(0, batch(*[("DEL", f"k{i}") for i in range(5000)]))
    store.apply(0, batch(("SET", "only", "v")))
    cursor, seen, calls = 0, [], 0
    while calls == 0 or cursor:
        cursor, keys = scan(store, cursor, 1)
        seen += keys
        calls += 1
    assert seen == [b"only"]
