"""A gateway's queries: one barrier for all of a turn, with the reads behind it, which the local shard answers. Knows no
session and no writes. Not an actor: the gateway calls it with its context.

    asked --Barrier--> (log adapter, shard) --ReadResult--> answered
      ^---- refused, lost, or after time has passed ----'
"""

from __future__ import annotations

import enum

import msgspec

from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage.messages import Barrier, Outcome, Query, ReadBatch, ReadResult, Status
from protocols.storage.settings import GatewaySettings

OVERLOADED = "too many reads wait at this node; not executed, try again later"
NO_SERVICE = "no leader confirmed the read in time; not executed"


class Stage(enum.Enum):
    """What a query waits for."""

    RETRY = "retry"
    ANSWER = "answer"
    TIME = "time"


# asked for each query; before Python 3.12 a name is found several times as fast as a member of its enum
RETRY, ANSWER, TIME = Stage
_DONE = Status.DONE


class Pending(msgspec.Struct):
    """One query.

    Attributes:
        ticket, door: who wants the answer.
        commands: the encoded batch.
        expires_tick: when its time is up.
        stage: what it waits for.
        barrier: its last barrier; that an earlier one was refused, or met a deadline, says nothing any more.
        asked_tick: when that was asked for.
        at_log_time: log time has advanced since it was asked: deadlines count by that.
    """

    ticket: int
    door: Reference
    commands: bytes
    expires_tick: int
    stage: Stage = ANSWER
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
        self._timeout_ticks, self._retry_ticks = settings.timeout_ticks, settings.retry_ticks
        self._next_number = 0
        self.pending: dict[int, Pending] = {}
        self._bytes = 0
        self._new: dict[int, None] = {}  # of this turn, without a barrier yet, in order
        self._barriers: dict[int, list[ReadBatch]] = {}
        self._next_barrier = 0
        # what a tick need not look for; of thousands of queries that wait nearly none is due
        self._refused = False  # some may be to be asked again
        self._overdue_tick = 0  # before it no answer is overdue
        self._for_time = False  # some may wait for time to pass

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
        self.pending[number] = Pending(message.ticket, door, message.batch, tick + self._timeout_ticks)
        self._bytes += len(message.batch)
        self._new[number] = None

    @property
    def asked(self) -> bool:
        """Queries of this turn want a barrier."""
        return bool(self._new)

    def end_turn(self, tick: int, log: Reference, context: Context) -> None:
        """One barrier for all queries of the turn: it is sent after each of them arrived. ``log`` is the local one."""
        if not self._new:
            return
        reads = []
        for number in self._new:
            query = self.pending.get(number)
            if query is None:  # an answer to its barrier before has come after all
                continue
            query.stage = ANSWER
            query.barrier = self._next_barrier
            query.asked_tick = tick
            reads.append(ReadBatch(ticket=number, batch=query.commands, at_log_time=query.at_log_time))
        self._new = {}
        if not reads:
            return
        self._barriers[self._next_barrier] = reads
        context.send(log, Barrier(tag=self._next_barrier, reads=tuple(reads)))
        self._next_barrier += 1

    def read_result(self, message: ReadResult, context: Context) -> bool:
        """The shard's answers, each good for its query whichever of its barriers they are for: all of them were asked
        after it came. True: a deadline may have been reached, and the log's time must advance first."""
        asked = self._barriers.pop(message.tag, ())
        if message.refused:
            for read in asked:
                if self._waits(read.ticket, message.tag):
                    self.pending[read.ticket].stage = RETRY
                    self._refused = True
        time_needed = False
        for answer in message.answers:
            if not answer.tick_needed:
                if answer.ticket in self.pending:
                    self._finish(answer.ticket, _DONE, answer.replies, "", context)
            elif self._waits(answer.ticket, message.tag):
                self.pending[answer.ticket].stage = TIME
                time_needed = self._for_time = True
        return time_needed

    def _waits(self, number: int, barrier: int) -> bool:
        """Whether a query waits for the answer to this barrier."""
        query = self.pending.get(number)
        return query is not None and query.stage is ANSWER and query.barrier == barrier

    def time_asked(self) -> None:
        """An entry that brings time is on its way: when it is applied, log time decides for those that wait now."""
        for query in self.pending.values():
            query.at_log_time = query.at_log_time or query.stage is TIME

    def time_passed(self) -> None:
        """Such an entry was applied. Queries that came to wait after it was sent may find its time too early."""
        self._for_time = False
        for number, query in self.pending.items():
            if query.stage is TIME:
                query.stage = ANSWER
                self._new[number] = None

    def ask_again(self, tick: int, every: bool) -> None:
        """New barriers, when the turn ends, for what was refused or is overdue; ``every``: for all."""
        if not (every or self._refused or tick >= self._overdue_tick):
            return
        oldest = tick
        for number, query in self.pending.items():
            overdue = tick - query.asked_tick >= self._retry_ticks
            if query.stage is RETRY or (query.stage is ANSWER and (every or overdue)):
                query.stage = ANSWER
                query.asked_tick = tick
                self._new[number] = None
            elif query.stage is ANSWER and query.asked_tick < oldest:
                oldest = query.asked_tick
        self._refused = False
        self._overdue_tick = oldest + self._retry_ticks

    def on_tick(self, tick: int, context: Context) -> bool:
        """Give up what is overdue. True: some queries still wait for time to pass."""
        while self.pending:
            oldest = next(iter(self.pending))  # all have the same time, so it is the first whose time is up
            if self.pending[oldest].expires_tick > tick:
                break
            self._finish(oldest, Status.NOT_EXECUTED, b"", NO_SERVICE, context)
        if self._new:
            self._new = {number: None for number in self._new if number in self.pending}
        for tag in [tag for tag, asked in self._barriers.items()
                    if not any(each.ticket in self.pending for each in asked)]:
            del self._barriers[tag]
        self.ask_again(tick, every=False)
        self._for_time = self._for_time and any(query.stage is TIME for query in self.pending.values())
        return self._for_time

    def _finish(self, number: int, status: Status, replies: bytes, reason: str, context: Context) -> None:
        query = self.pending.pop(number)
        self._bytes -= len(query.commands)
        context.send(query.door, Outcome(ticket=query.ticket, status=status, replies=replies, reason=reason))
