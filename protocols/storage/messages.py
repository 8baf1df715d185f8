"""What door, gateway, log adapter and shard say to each other. Knows no consensus protocol.

    door --Execute/Query--> gateway --Submit--> log adapter (on the leader) --Apply--> shard --Applied--> log adapter
         <--Outcome--------         <--SubmitOutcome--

Commands travel in *batches*: ``u16 opcode, u16 argument count, then per argument u32 length and bytes`` each, little
endian, back to back; the name is the opcode (``core_ext.store.COMMANDS``), the arguments are as the client gave them.
Replies travel as ``u32 length and bytes`` each, in order, one a command, in RESP3 (null is ``_\r\n``).
Times are milliseconds since the epoch. A log adapter is what a consensus protocol must provide: it takes Submit and
Barrier, gives Apply to the shard, and answers.
"""

from __future__ import annotations

import enum

from actors.message import Lane, Message


class Status(enum.IntEnum):
    """What became of a batch."""

    DONE = 0
    NOT_EXECUTED = 1  # certainly not, and never will be
    UNKNOWN = 2  # may have been executed


# --- door and gateway, on one node ---------------------------------------------------------------------------------


class Execute(Message, wire="storage.execute"):
    """Door to gateway: run this batch through the log, in the order of arrival. ``ticket`` is the door's."""

    ticket: int
    batch: bytes


class Query(Message, wire="storage.query"):
    """Door to gateway: run this batch of reads on a state that is at least as new as now (linearizable)."""

    ticket: int
    batch: bytes


class Outcome(Message, wire="storage.outcome"):
    """Gateway to door: what became of an Execute or a Query; comes within a bounded time, once."""

    ticket: int
    status: Status
    replies: bytes
    reason: str = ""


# --- gateway and log adapter (any node) ----------------------------------------------------------------------------


class Submit(Message, wire="storage.submit"):
    """Gateway to the leader's log adapter: order this batch. Serials of a session count 1, 2, 3 without gaps; a
    repeated one is applied once and answered the same. Session 0 with serial 0 opens a session: its reply is the
    session's number, 8 bytes. ``floor``: every reply up to here has arrived and may be forgotten."""

    session: int
    serial: int
    floor: int
    batch: bytes
    origin: int = 0  # tells the sender's retries of an OpenSession apart


class SubmitStatus(enum.IntEnum):
    """What the log adapter and the session table say to a Submit."""

    DONE = 0
    NOT_LEADER = 1  # nothing appended; try the leader it names
    OVERLOADED = 2  # nothing appended; try again later
    GAP = 3  # a serial before this one is missing; nothing executed
    SESSION_EXPIRED = 4  # this serial was not executed by this Submit; whether by an earlier one is unknown
    LEADERSHIP_LOST = 5  # may yet commit; ask again with the same session and serial


class SubmitOutcome(Message, wire="storage.submit-outcome"):
    """Log adapter to gateway."""

    session: int
    serial: int
    status: SubmitStatus
    replies: bytes
    leader: str | None = None
    origin: int = 0


class Leadership(Message, wire="storage.leadership", lane=Lane.CONTROL):
    """Log adapter to the local gateway: where to submit now (None: nowhere known)."""

    leader: str | None
    term: int


class Barrier(Message, wire="storage.barrier"):
    """Gateway to the local log adapter: from which state on is a read linearizable?"""

    tag: int


class BarrierOutcome(Message, wire="storage.barrier-outcome", lane=Lane.CONTROL):
    """Log adapter to gateway; ``index`` None: not now, ask again."""

    tag: int
    index: int | None


# --- log adapter and shard, on one node ----------------------------------------------------------------------------


class Apply(Message, wire="storage.apply"):
    """Log adapter to shard: one entry of the replicated log. ``commands`` are encoded Submits with the leader's time."""

    index: int
    commands: tuple[bytes, ...]


class Applied(Message, wire="storage.applied"):
    """Shard to log adapter: results of the entry's submits, in order."""

    index: int
    outcomes: tuple[SubmitOutcome, ...]


class Read(Message, wire="storage.read"):
    """Gateway to shard: run these reads once ``index`` is applied."""

    ticket: int
    index: int
    batch: bytes


class ReadResult(Message, wire="storage.read-result"):
    """Shard to gateway. ``tick_needed``: a key's deadline lies between log time and now; let the log's time advance
    (any entry does) and ask again."""

    ticket: int
    replies: bytes
    tick_needed: bool = False
