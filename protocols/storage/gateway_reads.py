"""A gateway's queries: one barrier for all of a turn, then the local shard's answer. Knows no session and no writes.
Not an actor: the gateway calls it with its context.

    asked --Barrier--> BarrierOutcome --Read--> ReadResult --> answered
      ^---- refused, lost, or after time has passed ----'
"""

from __future__ import annotations

import enum

import msgspec

from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage.messages import (
    Barrier,
    BarrierOutcome,
    Outcome,
    Query,
    Read,
    ReadResult,
    Status,
)
from protocols.storage.settings import LOG_NAME, SHARD_NAME, GatewaySettings

OVERLOADED = "too many reads wait at this node; not executed, try again later"
NO_SERVICE = "no leader confirmed the read in time; not executed"


class Stage(enum.Enum):
    """What a query waits for."""

    RETRY = "retry"
    BARRIER = "barrier"
    SHARD = "shard"
    TIME = "time"


class Pending(msgspec.Struct):
    """One query.

    Attributes:
        ticket, door: who wants the answer.
        commands: the encoded batch.
        expires_tick: when its time is up.
        stage: what it waits for.
        barrier: its last barrier; an answer to an earlier one would be older than what it waited for since.
        asked_tick: when that was asked for.
        at_log_time: log time has advanced since it was asked: deadlines count by that.
    """

    ticket: int
    door: Reference
    commands: bytes
    expires_tick: int
    stage: Stage = Stage.BARRIER
    barrier: int = -1
    asked_tick: int = 0
    at_log_time: bool = False


class ReadDesk:
    """All queries of one gateway that have no answer yet.

    Args:
        settings: limits and times.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._next_number = 0
        self.pending: dict[int, Pending] = {}
        self._bytes = 0
        self._new: list[int] = []  # of this turn, without a barrier yet
        self._barriers: dict[int, list[int]] = {}
        self._next_barrier = 0

    @property
    def idle(self) -> bool:
        """Nothing waits for anything."""
        return not self.pending

    def query(self, message: Query, door: Reference, tick: int, context: Context) -> None:
        """A query from a door; its barrier goes out when the turn ends."""
        settings = self._settings
        full = self._bytes + len(message.batch) > settings.max_reads_bytes or len(self.pending) >= settings.max_reads
        if self.pending and full:
            context.send(
                door, Outcome(ticket=message.ticket, status=Status.NOT_EXECUTED, replies=b"", reason=OVERLOADED)
            )
            return
        number = self._next_number
        self._next_number += 1
        self.pending[number] = Pending(message.ticket, door, message.batch, tick + settings.timeout_ticks)
        self._bytes += len(message.batch)
        self._new.append(number)

    @property
    def asked(self) -> bool:
        """Queries of this turn want a barrier."""
        return bool(self._new)

    def end_turn(self, tick: int, context: Context) -> None:
        """One barrier for all queries of the turn: it is sent after each of them arrived."""
        if not self._new:
            return
        for number in self._new:
            query = self.pending[number]
            query.stage = Stage.BARRIER
            query.barrier = self._next_barrier
            query.asked_tick = tick
        self._barriers[self._next_barrier] = self._new
        context.send(context.ref(LOG_NAME), Barrier(tag=self._next_barrier))
        self._next_barrier += 1
        self._new = []

    def barrier_outcome(self, message: BarrierOutcome, context: Context) -> None:
        """The log says from which index on the reads are linearizable, or that it cannot."""
        for number in self._barriers.pop(message.tag, ()):
            query = self.pending.get(number)
            if query is None or query.stage is not Stage.BARRIER or query.barrier != message.tag:
                continue
            if message.index is None:
                query.stage = Stage.RETRY
                continue
            query.stage = Stage.SHARD
            context.send(
                context.ref(SHARD_NAME),
                Read(ticket=number, index=message.index, batch=query.commands, at_log_time=query.at_log_time),
            )

    def read_result(self, message: ReadResult, context: Context) -> bool:
        """The shard's answer. True: a deadline may have been reached, and the log's time must advance first."""
        query = self.pending.get(message.ticket)
        if query is None or query.stage is not Stage.SHARD:
            return False
        if message.refused:
            query.stage = Stage.RETRY
        elif message.tick_needed:
            query.stage = Stage.TIME
            return True
        else:
            self._finish(message.ticket, Status.DONE, message.replies, "", context)
        return False

    def time_asked(self) -> None:
        """An entry that brings time is on its way: when it is applied, log time decides for those that wait now."""
        for query in self.pending.values():
            query.at_log_time = query.at_log_time or query.stage is Stage.TIME

    def time_passed(self) -> None:
        """Such an entry was applied. Queries that came to wait after it was sent may find its time too early."""
        for number, query in self.pending.items():
            if query.stage is Stage.TIME:
                query.stage = Stage.BARRIER
                self._new.append(number)

    def ask_again(self, tick: int, every: bool) -> None:
        """New barriers, when the turn ends, for what was refused or is overdue; ``every``: for all without an index."""
        for number, query in self.pending.items():
            overdue = tick - query.asked_tick >= self._settings.retry_ticks
            if query.stage is Stage.RETRY or (query.stage is Stage.BARRIER and (every or overdue)):
                query.stage = Stage.BARRIER
                query.asked_tick = tick
                if number not in self._new:
                    self._new.append(number)

    def on_tick(self, tick: int, context: Context) -> bool:
        """Give up what is overdue. True: some queries still wait for time to pass."""
        for number in [number for number, query in self.pending.items() if query.expires_tick <= tick]:
            self._finish(number, Status.NOT_EXECUTED, b"", NO_SERVICE, context)
        self._new = [number for number in self._new if number in self.pending]
        self._barriers = {
            tag: numbers for tag, numbers in self._barriers.items() if any(each in self.pending for each in numbers)
        }
        self.ask_again(tick, every=False)
        return any(query.stage is Stage.TIME for query in self.pending.values())

    def _finish(self, number: int, status: Status, replies: bytes, reason: str, context: Context) -> None:
        query = self.pending.pop(number)
        self._bytes -= len(query.commands)
        context.send(query.door, Outcome(ticket=query.ticket, status=status, replies=replies, reason=reason))
