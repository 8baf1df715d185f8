"""Commands run on the native applier and session table as on the plain twins, whatever they are."""

from __future__ import annotations

import random
import struct

import pytest

from core_ext.applier import Applier
from core_ext.session_table import SessionTable
from core_ext.store import Store
from protocols.storage.batch import encode
from protocols.storage.command import HEADER
from protocols.storage.messages import SubmitStatus
from tests.storage import twin_sessions

BATCHES = (b"", b"\x01", encode(("SET", "k", "v")), encode(("GET", "k"), ("INCR", "n")))
OPENING = struct.Struct("<QQ")


def command(rng: random.Random, now_ms: int) -> bytes:
    """Likely to mean something: few sessions, serials that nearly follow each other."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(HEADER.size))
    opens = rng.random() < 0.2
    batch = rng.choice(BATCHES)
    if opens and rng.random() < 0.8:
        batch = OPENING.pack(rng.choice((0, 15_000, 20_000, 2**64 - 1)), rng.randrange(5))
    time_ms = rng.choice((now_ms, now_ms, now_ms - 1, -(2**63)))
    session = 0 if opens else rng.randrange(6)
    return HEADER.pack(time_ms, session, rng.randrange(8) if session else 0, rng.randrange(4), rng.randrange(3)) + batch


@pytest.mark.parametrize("seed", range(20))
def test_commands_run_as_on_the_plain_twins(seed: int) -> None:
    rng = random.Random(seed)
    bounds = {"max_sessions": 3, "max_kept_replies": 3, "max_kept_bytes": 60, "max_total_kept_bytes": 90}
    store, table = Store(), SessionTable(**bounds)
    applier = Applier(store, table, tuple(SubmitStatus))
    plain_store, plain_table = Store(), twin_sessions.SessionTable(**bounds)
    plain = twin_sessions.Applier(plain_store, plain_table, tuple(SubmitStatus))
    seen, now_ms = set(), 0
    for entry in range(300):
        now_ms = 2**63 - 1 if entry >= 290 else now_ms + rng.choice((0, 1, 1000, 9000))
        commands = tuple([command(rng, now_ms) for _ in range(rng.randrange(6))])
        wanted = rng.random() < 0.5
        outcomes = applier.run(commands, wanted)
        assert outcomes == plain.run(commands, wanted)
        seen |= {status for _, _, status, *_ in outcomes}
        assert table.snapshot() == plain_table.snapshot()
        assert (len(table), table.kept_bytes) == (len(plain_table), plain_table.kept_bytes)
        assert (store.digest(), store.log_time_ms) == (plain_store.digest(), plain_store.log_time_ms)
        if rng.random() < 0.05:
            table.restore(plain_table.snapshot())
            plain_table.restore(table.snapshot())
    assert seen == {SubmitStatus.DONE, SubmitStatus.GAP, SubmitStatus.SESSION_EXPIRED}


def test_what_is_no_command_is_refused_before_it_does_anything() -> None:
    applier = Applier(Store(), SessionTable(), tuple(SubmitStatus))
    with pytest.raises(TypeError):
        applier.run((None,), True)  # type: ignore[arg-type]
