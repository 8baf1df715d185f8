"""The gateway: the one way from a node's doors to the replicated store. Keeps the node's session, so that a batch which
is sent again is executed once, and brings queries to the local shard when they are linearizable there.

Knows neither the consensus protocol nor the commands. Every Execute and Query gets one Outcome within a bounded time.
"""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage.gateway_reads import ReadDesk
from protocols.storage.gateway_writes import WriteWindow
from protocols.storage.messages import (
    AskLeadership,
    Execute,
    GatewayStatus,
    GatewayTick,
    InspectGateway,
    Leadership,
    Query,
    ReadResult,
    SubmitOutcome,
)
from protocols.storage.settings import LOG_NAME, GatewaySettings


class Gateway(Actor):
    """One node's gateway.

    Args:
        settings: limits and times.
    """

    def __init__(self, settings: GatewaySettings | None = None) -> None:
        self._settings = settings or GatewaySettings()
        self._writes = WriteWindow(self._settings, "")
        self._reads = ReadDesk(self._settings)
        self._tick = 0
        self._tick_armed = False
        self._term = 0
        self._log: Reference | None = None  # made once: every barrier needs it

    def start(self, context: Context) -> None:
        """Ask who leads: what the log said before this actor lived is gone."""
        self._writes = WriteWindow(self._settings, f"{context.node} {context.self.incarnation}")
        self._log = context.ref(LOG_NAME)
        context.send(self._log, AskLeadership())

    def after_batch(self, context: Context) -> None:
        """One barrier for the turn's queries; a timer while anything waits."""
        if self._reads.asked:
            assert self._log is not None
            self._reads.end_turn(self._tick, self._log, context)
        if not self._tick_armed and not (self._writes.idle and self._reads.idle):
            self._tick_armed = True
            context.set_timer(GatewayTick(), self._settings.tick_seconds)

    # --- doors ------------------------------------------------------------------------------------------------------

    @on(Execute)
    def execute(self, message: Execute, context: Context) -> None:
        """Through the log, in the order of arrival."""
        if context.sender is not None:
            self._writes.execute(message.ticket, context.sender, message.batch, self._tick, context)

    @on(Query)
    def query(self, message: Query, context: Context) -> None:
        """On the local shard, linearizable."""
        if context.sender is not None:
            self._reads.query(message, context.sender, self._tick, context)

    # --- the log ----------------------------------------------------------------------------------------------------

    @on(Leadership)
    def leadership(self, message: Leadership, context: Context) -> None:
        """Where to submit now: everything unanswered goes there again, at once."""
        if message.term < self._term:
            return
        known = message.leader == self._writes.leader and message.term == self._term
        self._term = message.term
        if known:
            return
        self._writes.set_leader(message.leader, self._tick, context)
        if message.leader is not None:
            self._reads.ask_again(self._tick, every=True)

    @on(SubmitOutcome)
    def submit_outcome(self, message: SubmitOutcome, context: Context) -> None:
        """What became of a batch."""
        self._writes.outcome(message, self._tick, context)
        if self._writes.time_passed:
            self._note_time()

    # --- the shard --------------------------------------------------------------------------------------------------

    @on(ReadResult)
    def read_result(self, message: ReadResult, context: Context) -> None:
        """The answers to a turn's queries, or the wish for time to pass."""
        if self._reads.read_result(message, context):
            self._let_time_pass(context)

    def _let_time_pass(self, context: Context) -> None:
        if self._writes.let_time_pass(self._tick, context):
            self._reads.time_asked()

    def _note_time(self) -> None:
        if self._writes.time_passed:
            self._writes.time_passed = False
            self._reads.time_passed()

    # --- time -------------------------------------------------------------------------------------------------------

    @on(GatewayTick)
    def gateway_tick(self, message: GatewayTick, context: Context) -> None:
        """Time-outs and retries; counted in ticks, so that a stalled process does not give up what it has not read."""
        self._tick += 1
        self._tick_armed = False
        self._writes.on_tick(self._tick, context)
        if self._reads.on_tick(self._tick, context):
            self._let_time_pass(context)
        self._note_time()

    # --- watching ---------------------------------------------------------------------------------------------------

    @property
    def sessions_opened(self) -> int:
        """How many sessions it has had."""
        return self._writes.sessions_opened

    @on(InspectGateway)
    def inspect(self, message: InspectGateway, context: Context) -> None:
        """Report."""
        writes = self._writes
        context.reply(
            GatewayStatus(
                leader=writes.leader, session=writes.session, waiting=len(writes.waiting),
                in_flight=len(writes.in_flight), reads=len(self._reads.pending), resent=writes.resent,
                given_up=writes.given_up, sessions_opened=writes.sessions_opened,
            )
        )
