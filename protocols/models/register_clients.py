"""A register for models: what clients and servers say to each other, a client, and what is recorded of it.

The client writes ``puts`` times and then reads once, each operation at the next server. Written against the actor
contract alone; used by the models of registers and of Paxos.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, on
from actors.context import Context
from actors.message import Message
from actors.verification.actor_history import ClientHistory, Complete, Invoke, linearizable
from actors.verification.actor_network import Envelope
from actors.verification.properties import Property, always, sometimes
from core_ext.mailbox import Reference

Value = str | None


class Put(Message, wire="models.register.put"):
    """Write ``value``; ``request`` is unique."""

    request: int
    value: str


class Get(Message, wire="models.register.get"):
    """Read."""

    request: int


class PutDone(Message, wire="models.register.put-done"):
    """The write with that number is done."""

    request: int


class GetDone(Message, wire="models.register.get-done"):
    """The read with that number saw ``value``."""

    request: int
    value: Value


class RegisterClient(Actor):
    """Writes, then reads.

    Args:
        number: tells clients apart, from 0 on; its first request goes to server ``(servers + number) % servers``.
        servers: where the register is.
        puts: how many writes come before the read.
    """

    def __init__(self, number: int, servers: Sequence[Reference], puts: int = 1) -> None:
        self.number = number
        self.place = len(servers) + number
        self.servers = tuple(servers)
        self.puts = puts
        self.awaiting: int | None = None
        self.done = 0

    def start(self, context: Context) -> None:
        if self.puts:
            self.next(context)

    def next(self, context: Context) -> None:
        """The next operation, at the next server."""
        request = (self.done + 1) * self.place
        server = self.servers[(self.place + self.done) % len(self.servers)]
        if self.done < self.puts:
            letter = "A" if self.done == 0 else "Z"
            value = chr(ord(letter) + (self.number if self.done == 0 else -self.number))
            context.send(server, Put(request, value))
        else:
            context.send(server, Get(request))
        self.awaiting = request

    @on(PutDone)
    def put_done(self, message: PutDone, context: Context) -> None:
        if message.request == self.awaiting:
            self.done += 1
            self.next(context)

    @on(GetDone)
    def get_done(self, message: GetDone, context: Context) -> None:
        if message.request == self.awaiting:
            self.done += 1
            self.awaiting = None


def invoked(envelope: Envelope) -> Invoke | None:
    """A request that leaves a client begins an operation."""
    message, source = envelope.message, envelope.source
    if source is None:
        return None
    if isinstance(message, Put):
        return Invoke(source.name, ("write", message.value))
    return Invoke(source.name, ("read",)) if isinstance(message, Get) else None


def completed(envelope: Envelope) -> Complete | None:
    """An answer that reaches a client ends one."""
    if isinstance(envelope.message, PutDone):
        return Complete(envelope.target.name, None)
    return Complete(envelope.target.name, envelope.message.value) if isinstance(envelope.message, GetDone) else None


def register_history() -> ClientHistory:
    """Records what register clients do."""
    return ClientHistory(invoked, completed)


def register_properties() -> list[Property]:
    """What every register claims, and that the claim was put to the test."""
    return [
        always("linearizable", lambda state: linearizable(state.history)),
        sometimes("a written value is read", lambda state: any(
            message.value is not None for message in state.in_flight(GetDone)
        )),
    ]
