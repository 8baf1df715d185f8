"""The clients of a simulated store: one actor a node, in the place of the Redis door, for any number of clients.

Each client has one operation at a time and records what it asked and what it was told. Knows the door's side of the
gateway and no world.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from protocols.storage import batch
from protocols.storage.messages import Execute, Outcome, Query, Status
from protocols.storage.properties import Violation
from protocols.storage.scenario_history import Recorder
from protocols.storage.settings import GATEWAY_NAME

CLIENTS_NAME = "clients"


class Draws(Protocol):
    """Where a client's choices come from: a stream of the run's tape."""

    def below(self, n: int) -> int:
        """0 to n - 1."""

    def uniform(self, low: float, high: float) -> float:
        """A number from low to high."""


class Workload(msgspec.Struct):
    """What the clients of a run do; shared by all of them.

    Attributes:
        period_seconds: mean time between two operations of a client that is answered in time.
        keys: how many keys are read and overwritten; few, so that clients meet.
        logs: how many keys are only appended to.
        mix: out of 100: reads, overwrites, appends; the rest is beside the history: writes with a time to live.
        clocks_agree: whether clocks tell virtual time; only then is it known when a deadline is over.
        pause: True ends it: no more operations begin.
    """

    period_seconds: float = 0.01
    keys: int = 5
    logs: int = 2
    mix: tuple[int, int, int] = (50, 30, 15)
    clocks_agree: bool = False
    pause: bool = False


class NextOperation(Message, wire="storage.scenario.next"):
    """Timer: a client may ask again."""

    client: int


class ReadLogs(Message, wire="storage.scenario.read-logs"):
    """From outside: read every key that is only appended to; each by a client of its own."""


class Client:
    """One client of a node."""

    __slots__ = ("asked_ms", "begun", "due", "lifetime", "name", "process", "ticket")

    def __init__(self) -> None:
        self.name = 0  # its first process
        self.process = 0
        self.begun = 0  # operations so far
        self.ticket = 0  # of the open one; 0: none
        self.due = False  # its time has come again while it waits
        self.asked_ms = 0
        self.lifetime = ("", 0)  # of what it writes: value and milliseconds


class Clients(Actor):
    """The clients that are connected to one node.

    Args:
        count: how many.
        workload: what they do.
        recorder: where it is written down.
        draws: their choices.
    """

    def __init__(self, count: int, workload: Workload, recorder: Recorder, draws: Draws) -> None:
        self._workload = workload
        self._recorder = recorder
        self._draws = draws
        self.count = count
        self._clients = [Client() for _ in range(count)]
        self._tickets: dict[int, int] = {}
        self._next_ticket = 1
        self._logs: dict[int, tuple[int, str]] = {}  # by ticket: process and key of the reads at the end
        self.served = 0  # operations that were executed
        self.logs: dict[str, str] = {}

    def start(self, context: Context) -> None:
        """Clients come one after the other."""
        for number, client in enumerate(self._clients):
            client.name = client.process = self._recorder.new_process()
            context.set_timer(NextOperation(client=number), self._pause(), key=number)

    def _pause(self) -> float:
        return self._draws.uniform(0.2, 1.8) * self._workload.period_seconds

    @on(NextOperation)
    def next_operation(self, message: NextOperation, context: Context) -> None:
        """Ask, or wait for the answer first."""
        client = self._clients[message.client]
        if client.ticket:
            client.due = True
        elif not self._workload.pause:
            self._ask(message.client, client, context)

    def _ask(self, number: int, client: Client, context: Context) -> None:
        context.set_timer(NextOperation(client=number), self._pause(), key=number)
        client.due = False
        client.begun += 1
        client.ticket = ticket = self._new_ticket()
        self._tickets[ticket] = number
        f, key, value, command = self._draw(client)
        if f:
            self._recorder.invoke(client.process, f, key, value)
        client.asked_ms = int(context.now() * 1000)
        client.lifetime = (str(command[2]), int(command[4])) if "PX" in command else ("", 0)
        encoded = batch.encode(command)
        gateway = context.ref(GATEWAY_NAME)
        context.send(gateway, Execute(ticket, encoded) if batch.writes(command) else Query(ticket, encoded))

    def _new_ticket(self) -> int:
        self._next_ticket += 1
        return self._next_ticket

    @on(ReadLogs)
    def read_logs(self, message: ReadLogs, context: Context) -> None:
        """What is there at the end."""
        for key in self._recorder.appended_keys():
            ticket, process = self._new_ticket(), self._recorder.new_process()
            self._logs[ticket] = process, key
            self._recorder.invoke(process, "get", key, None)
            context.send(context.ref(GATEWAY_NAME), Query(ticket, batch.encode(("GET", key))))

    def _draw(self, client: Client) -> tuple[str, str, str | None, Sequence[batch.Argument]]:
        """What to ask: (f, key, value) as the history has it, and the command."""
        draws, workload = self._draws, self._workload
        reads, writes, appends = workload.mix
        kind = draws.below(100)
        mark = f"{client.name}.{client.begun}"
        if kind < reads:
            # a key that is appended to is long, and seldom read
            key = f"log{draws.below(workload.logs)}" if kind < 3 else f"k{draws.below(workload.keys)}"
            return "get", key, None, ("GET", key)
        if kind < reads + writes:
            key = f"k{draws.below(workload.keys)}"
            return "put", key, mark, ("SET", key, mark)
        if kind < reads + writes + appends:
            key = f"log{draws.below(workload.logs)}"
            return "append", key, f"{mark},", ("APPEND", key, f"{mark},")
        key = f"ttl{draws.below(20)}"
        if draws.below(2):
            return "", "", None, ("GET", key)
        return "", "", None, ("SET", key, mark, "PX", 50 + 50 * draws.below(40))

    @on(Outcome)
    def outcome(self, message: Outcome, context: Context) -> None:
        """What became of an operation: once, for each ticket."""
        self.served += message.status is Status.DONE
        if message.ticket in self._logs:
            process, key = self._logs.pop(message.ticket)
            found = self._record(process, message)
            if message.status is Status.DONE:
                self.logs[key] = found or ""
            return
        number = self._tickets.pop(message.ticket, None)
        if number is None:
            raise Violation(f"answered once: ticket {message.ticket} of {context.node} was not open")
        client = self._clients[number]
        client.ticket = 0
        if self._recorder.is_open(client.process):  # else it is one beside the history
            self._record(client.process, message)
            if message.status is Status.UNKNOWN:
                client.process = self._recorder.new_process()
        elif message.status is Status.DONE and self._workload.clocks_agree:
            self._note_deadline(client, message, context)
        if client.due and not self._workload.pause:
            self._ask(number, client, context)

    def _note_deadline(self, client: Client, message: Outcome, context: Context) -> None:
        """A value with a time to live was written: from when on it is gone; or one was read: not after that."""
        written, lifetime_ms = client.lifetime
        (reply,) = batch.split(message.replies)
        value = batch.simple(reply)
        if written:
            self._recorder.written_for(written, int(context.now() * 1000) + lifetime_ms)
        elif isinstance(value, bytes):
            self._recorder.check_deadline(value.decode(), client.asked_ms)

    def _record(self, process: int, message: Outcome) -> str | None:
        """Write down what a client was told; the value of a read."""
        recorder = self._recorder
        if message.status is not Status.DONE:
            recorder.complete(process, "fail" if message.status is Status.NOT_EXECUTED else "info")
            return None
        (reply,) = batch.split(message.replies)
        if reply[:1] in b"-!":
            raise Violation(f"replies: the store answered with the error {reply!r}")
        value = batch.simple(reply)
        if isinstance(value, int):
            recorder.appended_to(process, value)
        text = value.decode() if isinstance(value, bytes) else None
        recorder.complete(process, "ok", text)
        return text

    @property
    def waiting(self) -> int:
        """Operations without an answer."""
        return len(self._tickets) + len(self._logs)
