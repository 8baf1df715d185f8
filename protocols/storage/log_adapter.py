"""What a consensus protocol must provide to have the store above it: the log adapter. Names no protocol.

A log adapter is an actor, one per node and shard, under the same name everywhere (``log-0``). It stands between
gateways (of any node), the local shard and the local consensus role.

Takes:
    Submit        from any gateway. Where this node can order: encode it with this node's clock (``command.encode``),
                  bring it into the log, and answer the gateway *after* it was applied, with the shard's outcome. One
                  that still waits is not brought in again when repeated. Elsewhere: NOT_LEADER, naming who can.
    Barrier       from the local gateway: find an index such that a state applied up to it holds everything that was
                  acknowledged to anybody before the Barrier was sent, and give the shard its reads with that (Read);
                  or refuse them (ReadResult); or nothing at all: the gateway asks again.
    AskLeadership from the local gateway, answered by Leadership, which is also sent whenever it changes.
    Applied, StateChunk from the local shard.

Gives:
    Apply         to the local shard: every committed entry, in order, without gaps, the same on every node. Entries of
                  the protocol itself have no commands. After a restart: from the last snapshot on. Where somebody waits
                  for outcomes, or this node could bring a tick, it wants Applied of each.
    SubmitOutcome to gateways. DONE, GAP and SESSION_EXPIRED are the shard's. NOT_LEADER and OVERLOADED promise that
                  nothing was brought in. LEADERSHIP_LOST promises nothing. No answer at all is allowed, too.
    RestoreState, TakeSnapshot, StateChunkStored to the local shard.
    ticks         (``command.tick``) when a key's deadline is due and nothing else brings time.

Raft and Multi-Paxos pass on the local replica's outcome. A Byzantine protocol's adapter waits for f+1 equal ones
and orders reads through the log, because one replica's word is worth nothing.
"""

from __future__ import annotations

from actors.actor import Actor, on
from actors.context import Context
from core_ext.mailbox import Reference
from protocols.storage import command as commands
from protocols.storage.messages import Applied, DeadlineTick, Submit, SubmitOutcome, SubmitStatus
from protocols.storage.settings import GATEWAY_NAME, ROLE_NAME, SHARD_NAME, LogSettings

Key = tuple[int, int, int]  # session, serial, origin


class LogAdapter(Actor):
    """What adapters share: who waits for which outcome, and the ticks of a node that orders.

    Args:
        settings: bounds.
        role: name of the local consensus role.
        shard: name of the local shard.
        gateway: name of the local gateway.

    Attributes:
        role, shard, gateway: those actors, whichever incarnation is there.
    """

    role: Reference
    shard: Reference
    gateway: Reference

    def __init__(
        self, settings: LogSettings | None = None, role: str = ROLE_NAME, shard: str = SHARD_NAME,
        gateway: str = GATEWAY_NAME,
    ) -> None:
        self._settings = settings or LogSettings()
        self._names = (role, shard, gateway)
        self._pending: dict[Key, list[tuple[int, Reference]]] = {}  # proposal's tag, and who waits for the outcome
        self._next_deadline_ms: int | None = None
        self._tick_armed = False

    def start(self, context: Context) -> None:
        """References are made once: every entry needs them."""
        self.role, self.shard, self.gateway = [context.ref(name) for name in self._names]

    # --- what a protocol says ---------------------------------------------------------------------------------------

    def orders(self) -> bool:
        """Whether this node can bring commands into the log now."""
        raise NotImplementedError

    def propose(self, command: bytes) -> None:
        """Bring one command that nobody waits for into the log, with what else this turn brings."""
        raise NotImplementedError

    # --- who waits --------------------------------------------------------------------------------------------------

    def expect(self, submit: Submit, tag: int, asker: Reference) -> bool:
        """Note who wants the outcome. False: it waits already, so that proposing it again would be waste."""
        key = (submit.session, submit.serial, submit.origin)
        waiting = self._pending.get(key)
        if waiting is None:
            self._pending[key] = [(tag, asker)]
            return True
        if any(other == asker for _, other in waiting):
            return False
        waiting.append((tag, asker))
        return True

    def answer(self, outcome: SubmitOutcome, context: Context) -> None:
        """An entry was applied: tell who waits. Opening a session serves one asker only: it must not be shared."""
        key = (outcome.session, outcome.serial, outcome.origin)
        served = self._pending.pop(key, None)
        if served is None:
            return
        if outcome.session == commands.NO_SESSION and len(served) > 1:
            self._pending[key] = served[1:]
            del served[1:]
        for _, asker in served:
            context.send(asker, outcome)

    def refuse(self, tag: int | None, status: SubmitStatus, leader: str | None, context: Context) -> None:
        """Tell who waits for a proposal (None: for any) that no outcome will come from here."""
        for key in list(self._pending):
            waiting = self._pending[key]
            refused = [asker for its_tag, asker in waiting if tag is None or its_tag == tag]
            waiting[:] = [] if tag is None else [each for each in waiting if each[0] != tag]
            if not waiting:
                del self._pending[key]
            for asker in refused:
                context.send(asker, refusal(key, status, leader))

    # --- deadlines --------------------------------------------------------------------------------------------------

    def note_deadline(self, applied: Applied, context: Context) -> None:
        """Arm the timer that brings time when a deadline is due and nothing else does."""
        self._next_deadline_ms = applied.next_deadline_ms
        if self._next_deadline_ms is not None:
            self.arm_tick(context)

    def arm_tick(self, context: Context) -> None:
        """See to it that log time reaches the next deadline, from the node that orders."""
        if self._tick_armed or self._next_deadline_ms is None or not self.orders():
            return
        self._tick_armed = True
        delay_seconds = self._next_deadline_ms / 1000 - context.now()
        # a day at most: deadlines may lie beyond what a timer can hold
        context.set_timer(DeadlineTick(), min(max(delay_seconds, self._settings.deadline_tick_seconds), 86_400.0))

    @on(DeadlineTick)
    def deadline_tick(self, message: DeadlineTick, context: Context) -> None:
        """Bring time, if a deadline is due and this node orders."""
        self._tick_armed = False
        now_ms = milliseconds(context)
        if self._next_deadline_ms is None or not self.orders():
            return
        if self._next_deadline_ms <= now_ms:
            self.propose(commands.tick(now_ms))  # what it applies arms the timer again
        else:
            self.arm_tick(context)


def refusal(key: Key, status: SubmitStatus, leader: str | None) -> SubmitOutcome:
    """An outcome that is not the shard's."""
    session, serial, origin = key
    return SubmitOutcome(
        session=session, serial=serial, status=status, replies=b"", leader=leader, origin=origin
    )


def milliseconds(context: Context) -> int:
    """This node's clock, for labels."""
    return int(context.now() * 1000)
