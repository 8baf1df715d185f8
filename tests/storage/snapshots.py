"""A store's snapshot stream read in plain Python: header, entries; the oracle of walks and restores."""

from __future__ import annotations

import struct

from core_ext.store import Store, Walk
from tests.storage.twin import Entry

NO_DEADLINE = -(2**63)


def drain(walk: Walk, limit: int = 4096) -> bytes:
    """The rest of a walk."""
    pieces = []
    while (piece := walk.next(limit)) is not None:
        assert 1 <= len(piece) <= limit
        pieces.append(piece)
    return b"".join(pieces)


def entries(stream: bytes, log_time: int) -> dict[bytes, Entry]:
    """Keys in a snapshot, but for those past their deadline."""
    magic, version, _, time, count, _ = struct.unpack_from("<4sIQqQQ", stream, 0)
    assert (magic, version, time) == (b"AKVS", 1, log_time)
    at, found, seen = 40, {}, 0
    while at < len(stream):
        key_bytes, value_bytes, deadline, revision = struct.unpack_from("<IIqQ", stream, at)
        at += 24
        key, value = stream[at : at + key_bytes], stream[at + key_bytes : at + key_bytes + value_bytes]
        at += key_bytes + value_bytes
        seen += 1
        if deadline == NO_DEADLINE or deadline > log_time:
            assert key not in found
            found[key] = Entry(value, None if deadline == NO_DEADLINE else deadline, revision)
    assert (at, seen) == (len(stream), count)
    return found


def content(store: Store) -> dict[bytes, Entry]:
    """Everything in a store, by a walk of its own."""
    return entries(drain(store.snapshot()), store.log_time_ms)


def restored(stream: bytes, piece: int = 1000) -> Store:
    """A new store from a snapshot, cut into pieces of one size."""
    store = Store()
    store.begin_restore()
    for at in range(0, len(stream), piece):
        store.restore_chunk(stream[at : at + piece])
    store.finish_restore()
    return store
