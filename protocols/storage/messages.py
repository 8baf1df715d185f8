"""What door, gateway, log adapter and shard say to each other. Knows no consensus protocol.

    door --Execute/Query--> gateway --Submit--> log adapter (on the leader) --Apply--> shard --Applied--> log adapter
         <--Outcome--------         <--SubmitOutcome--
                                    --Barrier--> log adapter (local) --Read--> shard --ReadResult--> gateway

Commands travel in *batches*: ``u16 opcode, u16 argument count, then per argument u32 length and bytes`` each, little
endian, back to back; the name is the opcode (``core_ext.store.COMMANDS``), the arguments are as the client gave them.
Replies travel as ``u32 length and bytes`` each, in order, one a command, in RESP3 (null is ``_\r\n``).
Times are milliseconds since the epoch. A log adapter is what a consensus protocol must provide: it takes Submit and
Barrier, gives Apply to the shard, and answers.
"""

from __future__ import annotations

import enum

from actors.message import Lane, Message, Request
from core_ext.mailbox import Reference


class Status(enum.IntEnum):
    """What became of a batch."""

    DONE = 0
    NOT_EXECUTED = 1  # certainly not, and never will be
    UNKNOWN = 2  # may have been executed


# --- door and gateway, on one node ----------------------------------------------------------------------------------


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


# --- gateway and log adapter (any node) -----------------------------------------------------------------------------


class Submit(Message, wire="storage.submit"):
    """Gateway to the leader's log adapter: order this batch. Serials of a session count 1, 2, 3 without gaps; a
    repeated one is applied once and answered the same. Session 0 with serial 0 opens a session: the batch is the
    milliseconds of log time after which it ends when silent, and the session that it replaces (0: none), which ends at
    once; the reply is the session's number; 8 bytes each, little endian. ``floor``: every reply up to here has arrived
    and may be forgotten."""

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


class AskLeadership(Message, wire="storage.ask-leadership"):
    """Gateway to the local log adapter: say Leadership now, not only when it changes."""


class ReadBatch(Message, wire="storage.read-batch"):
    """Part of a Barrier: one query. ``ticket`` is the gateway's. ``at_log_time``: log time has advanced since the query
    was asked, so deadlines count by it and a tick is never needed."""

    ticket: int
    batch: bytes
    at_log_time: bool = False


class Barrier(Message, wire="storage.barrier"):
    """Gateway to the local log adapter: have the shard run these reads on a state that holds everything acknowledged
    before this was sent. Answered by ReadResult, or not at all."""

    tag: int
    reads: tuple[ReadBatch, ...]


# --- log adapter and shard, on one node -----------------------------------------------------------------------------


class Apply(Message, wire="storage.apply"):
    """Log adapter to shard: one entry of the replicated log, or neighbours, ``first`` to ``index`` (0: only that one)
    with all their commands in order. ``commands`` are Submits with the leader's time, encoded
    (protocols/storage/command.py). ``report``: Applied is wanted."""

    index: int
    commands: tuple[bytes, ...]
    first: int = 0
    report: bool = True


class AskApplied(Message, wire="storage.ask-applied"):
    """Log adapter to shard: say Applied for what is applied by now, without outcomes."""


class Applied(Message, wire="storage.applied"):
    """Shard to log adapter: results of the submits of one Apply, in order; none to AskApplied.

    Attributes:
        next_deadline_ms: the earliest deadline of a key that is held: log time should reach it without being asked.
    """

    index: int
    outcomes: tuple[SubmitOutcome, ...]
    next_deadline_ms: int | None = None


class Read(Message, wire="storage.read"):
    """Log adapter to shard: run the reads of a Barrier once ``index`` is applied, and tell the gateway that asked."""

    tag: int
    index: int
    reads: tuple[ReadBatch, ...]
    asker: Reference


class ReadAnswer(Message, wire="storage.read-answer"):
    """Part of a ReadResult. ``tick_needed``: a key's deadline lies between log time and now; let the log's time advance
    (any entry does) and ask again."""

    ticket: int
    replies: bytes
    tick_needed: bool = False


class ReadResult(Message, wire="storage.read-result"):
    """Shard to gateway: the answers to a Barrier's reads; or ``refused``, also from the log adapter: no index can be
    given, or too many reads wait already; ask again later."""

    tag: int
    answers: tuple[ReadAnswer, ...]
    refused: bool = False


class TakeSnapshot(Message, wire="storage.take-snapshot"):
    """Log adapter to shard: give the state as it is now, as StateChunks."""


class StateChunk(Message, wire="storage.state-chunk"):
    """Shard to log adapter: one piece of the state as of ``index``; the next one after StateChunkStored."""

    index: int
    sequence: int
    data: bytes
    last: bool


class StateChunkStored(Message, wire="storage.state-chunk-stored"):
    """Log adapter to shard: the piece is safe, go on."""

    index: int
    sequence: int


class RestoreState(Message, wire="storage.restore-state"):
    """Log adapter to shard: replace the state by this one; ``sequence`` 0 begins it, ``last`` completes it."""

    index: int
    sequence: int
    data: bytes
    last: bool


# --- for whoever watches a shard ------------------------------------------------------------------------------------


class ShardStatus(Message, wire="storage.shard-status"):
    """What a shard holds; replicas with the same applied index have the same revision and digest.

    Attributes:
        digest: 64 bits over all keys, values, versions, deadlines, sessions, revision and log time.
        memory_bytes: of entries, tables and kept replies.
    """

    applied_index: int
    revision: int
    digest: int
    log_time_ms: int
    keys: int
    sessions: int
    memory_bytes: int
    expired_keys: int


class KeyCounts(Message, wire="storage.key-counts"):
    """How many keys a shard holds.

    Attributes:
        keys: all of them.
        expiring: those that have a deadline.
    """

    keys: int
    expiring: int


class CountKeys(Request[KeyCounts], wire="storage.count-keys"):
    """Anyone to shard: how many? Costs little, whatever the shard holds."""


class InspectShard(Request[ShardStatus], wire="storage.inspect-shard"):
    """Anyone to shard: how are you?"""


class GatewayStatus(Message, wire="storage.gateway-status"):
    """What a gateway is waiting for.

    Attributes:
        session: its session, None while it has none.
        waiting, in_flight, reads: batches that wait to be sent, are sent and not answered, and queries.
        resent, given_up, sessions_opened: counts since the start.
    """

    leader: str | None
    session: int | None
    waiting: int
    in_flight: int
    reads: int
    resent: int
    given_up: int
    sessions_opened: int


class InspectGateway(Request[GatewayStatus], wire="storage.inspect-gateway"):
    """Anyone to gateway: how are you?"""


# --- timers ---------------------------------------------------------------------------------------------------------


class GatewayTick(Message, wire="storage.gateway-tick"):
    """Timer of a gateway that waits for something."""


class DeadlineTick(Message, wire="storage.deadline-tick"):
    """Timer of a leader's log adapter: a key's deadline may be due."""
