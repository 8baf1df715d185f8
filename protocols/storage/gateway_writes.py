"""A gateway's batches on their way through the log: its session, the window of those in flight, retries, and what is
said when time is up. Knows no reads. Not an actor: the gateway calls it with its context.

    waiting --a place in the window: serial given, sent--> in flight --outcome--> answered

A batch is *certain* (not executed, and never will be) while every time that it was sent was answered by a refusal. One
that times out otherwise is unknown; its serial may be missing in the session for ever, so the session is left behind.
"""

from __future__ import annotations

import hashlib
import struct
from collections import deque

import msgspec

from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage.messages import Outcome, Status, Submit, SubmitOutcome, SubmitStatus
from protocols.storage.settings import LOG_NAME, MAX_BATCH_BYTES, GatewaySettings

_UINT64 = struct.Struct("<Q")
_OPENING = struct.Struct("<QQ")
_DONE, _APPLIED, _NOT_LEADER = Status.DONE, SubmitStatus.DONE, SubmitStatus.NOT_LEADER  # looked up once, not a batch
_REFUSALS = (SubmitStatus.NOT_LEADER, SubmitStatus.OVERLOADED, SubmitStatus.GAP, SubmitStatus.SESSION_EXPIRED)

OVERLOADED = "too many commands wait at this node; not executed, try again later"
TOO_LARGE = "the commands that came together have {} bytes, the limit is {}; not executed, send less at a time"
NO_SERVICE = "no leader took the command in time; not executed"
UNKNOWN = "the outcome did not arrive in time; the command may have been executed"


class Batch(msgspec.Struct):
    """One batch of commands.

    Attributes:
        ticket, door: who wants the outcome; no door: the gateway itself, for time to pass.
        commands: the encoded batch.
        expires_tick: when its time is up.
        serial: within the session, once sent.
        sends, refusals: how often it went out, and how many of those certainly did nothing.
        outstanding: an answer to the last sending may still come.
        sent_tick: when that was.
    """

    ticket: int
    door: Reference | None
    commands: bytes
    expires_tick: int
    serial: int = 0
    sends: int = 0
    refusals: int = 0
    outstanding: bool = False
    sent_tick: int = 0

    @property
    def certain(self) -> bool:
        """Whether it certainly was not executed."""
        return self.sends == self.refusals


class WriteWindow:
    """All batches of one gateway that have no outcome yet.

    Args:
        settings: limits and times.
        life: tells this gateway's requests for a session apart from those of other nodes and of this node's earlier
            lives. A leader that replays its log meets those again, and must not answer them to this one: it would be
            told an old session's replies for new batches, which are then never executed.
    """

    def __init__(self, settings: GatewaySettings, life: str) -> None:
        self._settings = settings
        self._timeout_ticks, self._retry_ticks = settings.timeout_ticks, settings.retry_ticks
        name = hashlib.blake2b(life.encode(), digest_size=6).digest()
        self._origin = int.from_bytes(name, "little") << 16  # u64: 48 bits of the life, 16 of count
        self.waiting: deque[Batch] = deque()
        self.in_flight: dict[int, Batch] = {}
        self._waiting_bytes = 0
        self._in_flight_bytes = 0
        self.leader: str | None = None
        self._log: Reference | None = None
        self.session: int | None = None
        self._left_session = 0  # the one before; the next one replaces it
        self._next_serial = 1
        self._leaving_since: int | None = None  # the session has ended; waiting for what its last answers say
        self._open_sent_tick: int | None = None  # when a session was asked for; None: not under way
        self._hint_tick = -1
        self.time_passed = False  # an empty batch of our own was executed; the gateway takes note and clears it
        self._time_asked = False
        self.resent = self.given_up = self.sessions_opened = 0

    @property
    def idle(self) -> bool:
        """Nothing waits for anything."""
        return not self.waiting and not self.in_flight and (self.session is not None or self.leader is None)

    # --- taking in --------------------------------------------------------------------------------------------------

    def execute(self, ticket: int, door: Reference, commands: bytes, tick: int, context: Context) -> None:
        """A batch from a door."""
        full = self._waiting_bytes + len(commands) > self._settings.max_waiting_bytes
        reason = ""
        if len(commands) > MAX_BATCH_BYTES:
            reason = TOO_LARGE.format(len(commands), MAX_BATCH_BYTES)
        elif self.waiting and (full or len(self.waiting) >= self._settings.max_waiting):
            reason = OVERLOADED
        if reason:
            context.send(door, Outcome(ticket=ticket, status=Status.NOT_EXECUTED, replies=b"", reason=reason))
            return
        batch = Batch(ticket, door, commands, tick + self._timeout_ticks)
        if not self.waiting and self._may_send(batch):
            self._launch(batch, tick, context)
        else:
            self._enqueue(batch)
            self.pump(tick, context)

    def let_time_pass(self, tick: int, context: Context) -> bool:
        """Bring an empty batch into the log, so that log time advances; ``time_passed`` says when it has.

        Returns:
            False: one is under way already, which may bring an earlier time than now.
        """
        if self._time_asked:
            return False
        self._time_asked = True
        self._enqueue(Batch(0, None, b"", tick + self._timeout_ticks))
        self.pump(tick, context)
        return True

    def _enqueue(self, batch: Batch) -> None:
        self.waiting.append(batch)
        self._waiting_bytes += len(batch.commands)

    # --- sending ----------------------------------------------------------------------------------------------------

    def pump(self, tick: int, context: Context) -> None:
        """Send what waits, as far as the window has room."""
        if self._log is None:
            return
        if self.session is None:
            self._open_session(tick, context)
            return
        if self._leaving_since is not None:
            return
        while self.waiting and self._may_send(self.waiting[0]):
            batch = self.waiting.popleft()
            self._waiting_bytes -= len(batch.commands)
            self._launch(batch, tick, context)

    def _may_send(self, batch: Batch) -> bool:
        """Whether there is a session, and room for this batch in its window; one fits always."""
        if self.session is None or self._log is None or self._leaving_since is not None:
            return False
        settings = self._settings
        return not self.in_flight or (
            len(self.in_flight) < settings.max_in_flight
            and self._in_flight_bytes + len(batch.commands) <= settings.max_in_flight_bytes
        )

    def _launch(self, batch: Batch, tick: int, context: Context) -> None:
        """Give a batch its place in the session, and send it."""
        batch.serial = self._next_serial
        self._next_serial += 1
        self.in_flight[batch.serial] = batch
        self._in_flight_bytes += len(batch.commands)
        self._send(batch, tick, context)

    def _send(self, batch: Batch, tick: int, context: Context) -> None:
        assert self._log is not None
        assert self.session is not None
        batch.sends += 1
        batch.outstanding = True
        batch.sent_tick = tick
        floor = next(iter(self.in_flight)) - 1
        context.send(
            self._log, Submit(session=self.session, serial=batch.serial, floor=floor, batch=batch.commands)
        )

    def _open_session(self, tick: int, context: Context) -> None:
        if self._log is None or self._open_sent_tick is not None:
            return
        self._open_sent_tick = tick
        # the session that was left ends with this: a batch of it that was given up as unknown and is still on its way
        # must not take effect after those of the new session, which may be of the same connections
        opening = _OPENING.pack(int(self._settings.session_seconds * 1000), self._left_session)
        context.send(self._log, Submit(session=0, serial=0, floor=0, batch=opening, origin=self._origin))

    def set_leader(self, leader: str | None, tick: int, context: Context) -> None:
        """Submit there from now on: everything unanswered again, in order, and then what waits."""
        self.leader = leader
        self._log = None if leader is None else context.ref(LOG_NAME, leader)
        self._open_sent_tick = None
        if self._log is not None:
            self._resend(tick, context, every=True)
            self.pump(tick, context)

    def _resend(self, tick: int, context: Context, every: bool) -> None:
        """Send again what was refused or is overdue, or everything; always in the order of serials."""
        if self._log is None or self.session is None or self._leaving_since is not None:
            return
        for batch in self.in_flight.values():
            overdue = tick - batch.sent_tick >= self._retry_ticks
            if every or overdue or not batch.outstanding:
                self.resent += 1
                self._send(batch, tick, context)

    # --- answers ----------------------------------------------------------------------------------------------------

    def outcome(self, message: SubmitOutcome, tick: int, context: Context) -> None:
        """What the log says to a Submit."""
        if message.session == 0:
            self._opened(message, tick, context)
        elif message.session == self.session and message.serial in self.in_flight:
            batch = self.in_flight[message.serial]
            batch.outstanding = False
            if message.status is _APPLIED:
                self._leave_flight(batch)
                self._finish(batch, _DONE, message.replies, "", context)
            elif message.status in _REFUSALS:
                batch.refusals += 1
            if message.status is SubmitStatus.SESSION_EXPIRED and self._leaving_since is None:
                self._leaving_since = tick
            if self._leaving_since is not None and not any(each.outstanding for each in self.in_flight.values()):
                self._leave_session(context)
            if self.waiting or self.session is None:
                self.pump(tick, context)
        if message.status is _NOT_LEADER:
            self._follow_hint(message.leader, tick, context)

    def _opened(self, message: SubmitOutcome, tick: int, context: Context) -> None:
        if self.session is not None or message.origin != self._origin:
            return
        if message.status is _APPLIED and len(message.replies) == _UINT64.size:
            self.session = _UINT64.unpack(message.replies)[0]
            self.sessions_opened += 1
            self._next_serial = 1
            self._open_sent_tick = None
            self._origin = (self._origin & ~0xFFFF) | ((self._origin + 1) & 0xFFFF)
            self.pump(tick, context)
        else:
            self._open_sent_tick = None  # asked again at the next tick

    def _follow_hint(self, leader: str | None, tick: int, context: Context) -> None:
        """Once a tick at most: two nodes that each name the other must not make us spin."""
        if leader is not None and leader != self.leader and self._hint_tick != tick:
            self._hint_tick = tick
            self.set_leader(leader, tick, context)

    # --- time -------------------------------------------------------------------------------------------------------

    def on_tick(self, tick: int, context: Context) -> None:
        """Give up what is overdue, send again what was refused or lost."""
        while self.waiting and self.waiting[0].expires_tick <= tick:
            batch = self.waiting.popleft()
            self._waiting_bytes -= len(batch.commands)
            self._finish(batch, Status.NOT_EXECUTED, b"", NO_SERVICE, context)
        overdue = [batch for batch in self.in_flight.values() if batch.expires_tick <= tick]
        for batch in overdue:
            self._leave_flight(batch)
            self._give_up(batch, context)
        left_long_ago = self._leaving_since is not None and tick - self._leaving_since >= self._retry_ticks
        if overdue or left_long_ago:
            self._leave_session(context)
        if self._open_sent_tick is not None and tick - self._open_sent_tick >= self._retry_ticks:
            self._open_sent_tick = None
        self._resend(tick, context, every=False)
        self.pump(tick, context)

    def _leave_session(self, context: Context) -> None:
        """Begin another session: what is certain moves there, in order; of the rest nothing more can be learned."""
        certain = [batch for batch in self.in_flight.values() if batch.certain]
        uncertain = [batch for batch in self.in_flight.values() if not batch.certain]
        self.in_flight.clear()
        self._in_flight_bytes = 0
        if self.session is not None:
            self._left_session = self.session
        self.session = None
        self._leaving_since = None
        for batch in uncertain:
            self._give_up(batch, context)
        for batch in reversed(certain):
            batch.serial = batch.sends = batch.refusals = 0
            batch.outstanding = False
            self.waiting.appendleft(batch)
            self._waiting_bytes += len(batch.commands)

    def _give_up(self, batch: Batch, context: Context) -> None:
        self.given_up += 1
        if batch.certain:
            self._finish(batch, Status.NOT_EXECUTED, b"", NO_SERVICE, context)
        else:
            self._finish(batch, Status.UNKNOWN, b"", UNKNOWN, context)

    def _leave_flight(self, batch: Batch) -> None:
        del self.in_flight[batch.serial]
        self._in_flight_bytes -= len(batch.commands)

    def _finish(self, batch: Batch, status: Status, replies: bytes, reason: str, context: Context) -> None:
        if batch.door is not None:
            context.send(batch.door, Outcome(ticket=batch.ticket, status=status, replies=replies, reason=reason))
            return
        self._time_asked = False
        self.time_passed = self.time_passed or status is _DONE
