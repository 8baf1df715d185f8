"""One command of the replicated log: a Submit with the leader's time, as bytes. Knows no actor.

    i64 time (ms), u64 session, u64 serial, u64 floor, u64 origin, then the batch; little endian

Session 0 is nobody's: with serial 0 the command opens a session, with serial 1 it is a *tick* that only brings time.
"""

from __future__ import annotations

import struct

from protocols.storage.messages import Submit

HEADER = struct.Struct("<qQQQQ")
NO_SESSION = 0
OPEN_SERIAL = 0
TICK_SERIAL = 1
_LIMIT = 1 << 64


def fits(submit: Submit) -> bool:
    """Whether the numbers of a Submit, which may come from any node, are such as a command has."""
    return (
        0 <= submit.session < _LIMIT and 0 <= submit.serial < _LIMIT
        and 0 <= submit.floor < _LIMIT and 0 <= submit.origin < _LIMIT
    )


def encode(time_ms: int, submit: Submit) -> bytes:
    """A Submit as the log keeps it, with the leader's clock."""
    return HEADER.pack(time_ms, submit.session, submit.serial, submit.floor, submit.origin) + submit.batch


def tick(time_ms: int) -> bytes:
    """A command that does nothing but bring time."""
    return HEADER.pack(time_ms, NO_SESSION, TICK_SERIAL, 0, 0)
