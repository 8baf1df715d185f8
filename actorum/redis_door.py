"""The Redis door of a node: a TCP server whose commands run on the replicated store, by way of the local gateway. Must
not know Raft, the store's innards or what a command means.

Bytes and order are the native core's business (core_ext.door); this module owns the sockets, the actor that the gateway
answers to, and the limits. It lives in the real world only.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Annotated, Any, Protocol

import msgspec

from actors import Actor, ActorumError, Context, Directive, Lane, Message, Reference, Supervision, on
from actorum.redis_commands import LocalCommands, unknown_command
from actorum.redis_connection import RedisConnection
from actorum.redis_facts import info_text
from core_ext.door import DoorCore
from core_ext.durations import Durations
from core_ext.store import COMMANDS
from protocols.storage.messages import Execute, Outcome, Query, Status

_log = logging.getLogger("actorum.door")

_OTHER_FILES = 256  # what a node has open besides clients: log segments, links, doors, refused clients that part
_MAX_PARTING = 128

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class RedisDoorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the door listens, and the bounds of what its clients may use.

    Attributes:
        host: address to listen on; loopback unless told otherwise.
        port: TCP port, 0 for any free one.
        password: what AUTH wants for the user "default"; None lets everyone in.
        max_clients: connections at a time; one more is told so and closed.
        max_argument_bytes: largest key or value (Redis's proto-max-bulk-len).
        max_command_bytes: largest sum of a command's arguments.
        max_arguments: most arguments of a command, the name included, that are read at all.
        max_inline_bytes: longest inline command.
        max_batch_bytes: commands of a turn beyond this go to the gateway as a batch of their own.
        max_batch_commands: likewise, by number.
        max_unanswered_commands: of one connection; beyond it, its input waits.
        max_in_flight_bytes: commands of all connections not answered yet; beyond it, all input waits.
        output_high_water_bytes: replies that a client has not read; beyond it, its input waits.
        max_output_bytes: likewise; beyond it, the client is disconnected.
        slow_reader_seconds: a client above the high water for so long is disconnected.
        answer_seconds: batches that the gateway has not answered within one to two of these are answered with an
            error; the gateway's own limits are shorter, this is the last line against hanging clients.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 6379
    password: str | None = None
    max_clients: Positive = 10_000
    max_argument_bytes: Positive = 16 << 20
    max_command_bytes: Positive = 32 << 20
    max_arguments: Positive = 1_048_576
    max_inline_bytes: Positive = 65_536
    max_batch_bytes: Positive = 1 << 20
    max_batch_commands: Positive = 8192
    max_unanswered_commands: Positive = 16_384
    max_in_flight_bytes: Positive = 256 << 20
    output_high_water_bytes: Positive = 1 << 20
    max_output_bytes: Positive = 256 << 20
    slow_reader_seconds: Seconds = 60.0
    answer_seconds: Seconds = 30.0


class DoorError(ActorumError):
    """The door cannot be opened."""


class SpawningSystem(Protocol):
    """What the door needs of an actor system."""

    def spawn(
        self, actor_class: type[Any], *args: Any, name: str | None = None, supervision: Supervision | None = None
    ) -> Reference: ...
    async def terminate(self, ref: Reference) -> None: ...


class Turn(Message, wire="door.turn"):
    """Door to its actor: commands wait to be sent to the gateway."""


_TURN = Turn()


class Sweep(Message, wire="door.sweep", lane=Lane.CONTROL):
    """Timer: look for batches that nobody has answered."""


class DoorActor(Actor):
    """The door's address in the world of actors: sends its batches, receives their outcomes. All state is the door's.

    Args:
        door: whose batches.
    """

    def __init__(self, door: RedisDoor) -> None:
        self._door = door

    def start(self, context: Context) -> None:
        context.set_timer(Sweep(), self._door.settings.answer_seconds)

    @on(Turn)
    def turn(self, _message: Turn, _context: Context) -> None:
        """The rest is in after_batch: commands that outcomes of the same batch set free go along."""
        self._door.awake = False

    @on(Outcome)
    def outcome(self, message: Outcome, _context: Context) -> None:
        self._door.answer(message)

    @on(Sweep)
    def sweep(self, _message: Sweep, context: Context) -> None:
        self._door.sweep()
        context.set_timer(Sweep(), self._door.settings.answer_seconds)

    def after_batch(self, context: Context) -> None:
        if self._door.core.waits:
            for message in self._door.take():
                context.send(self._door.gateway, message)


def _clients_possible(wanted: int) -> int:
    """Raise the process's limit of open files for so many clients, as Redis does.

    Returns:
        How many clients there is room for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < needed:
        _log.warning(
            "%d Redis clients are allowed, but only %d files may be open; raise the limit (ulimit -n) to %d, "
            "or lower max_clients", wanted, limit, needed,
        )
    return max(1, min(wanted, limit - _OTHER_FILES))


def _error_of(status: Status, reason: str) -> bytes:
    """The error that tells a client what became of a command that was not executed, or perhaps not."""
    if status is Status.NOT_EXECUTED:
        text = f"CLUSTERDOWN {reason or 'the cluster cannot take commands now; not executed, try again'}"
    else:
        why = reason or "the outcome did not arrive in time"
        text = f"UNKNOWN {why}" if "may have been executed" in why else f"UNKNOWN {why}: may have been executed"
    return text.encode()


class RedisDoor:
    """Redis clients on one side, the gateway on the other.

    Args:
        system: where the door's actor lives.
        gateway: the node's storage gateway.
        settings: address and bounds.
        status: the node's own facts for INFO, such as role, leader, term and commit index.
        commands: the store's command table.
        durations: counts how long batches take, from leaving for the gateway to their outcome.

    Attributes:
        core: parses commands, makes batches, and gives replies to connections.
        awake: the actor was told that commands wait, and has not come yet.
    """

    def __init__(
        self, system: SpawningSystem, gateway: Reference, settings: RedisDoorSettings,
        status: Callable[[], Mapping[str, object]],
        commands: Mapping[bytes, tuple[int, int, int, bool]] = COMMANDS,
        durations: Durations | None = None,
    ) -> None:
        self.settings = settings
        self.gateway = gateway
        self._system = system
        self._status = status
        self._local = LocalCommands(self, commands)
        self.core = DoorCore(
            commands, self._local.table, unknown_command,
            max_argument_bytes=settings.max_argument_bytes, max_command_bytes=settings.max_command_bytes,
            max_inline_bytes=settings.max_inline_bytes, max_arguments=settings.max_arguments,
            max_batch_bytes=settings.max_batch_bytes, max_batch_commands=settings.max_batch_commands,
            max_unanswered=settings.max_unanswered_commands, max_in_flight_bytes=settings.max_in_flight_bytes,
            max_output_bytes=settings.max_output_bytes, durations=durations,
        )
        self._server: asyncio.Server | None = None
        self._actor: Reference | None = None
        self._connections: set[RedisConnection] = set()
        self._parting: set[RedisConnection] = set()
        self._empty = asyncio.Event()
        self.awake = False
        self._swept_ticket = 0
        self._last_id = 0
        self._max_clients = settings.max_clients
        self._opened = time.monotonic()
        self._refused = self._slow_readers = self._not_executed = self._unknown = self._overdue = 0

    # --- opening and closing ---

    async def start(self) -> int:
        """Listen.

        Returns:
            The port.

        Raises:
            DoorError: the address cannot be had.
        """
        settings = self.settings
        self._max_clients = _clients_possible(settings.max_clients)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: RedisConnection(self), settings.host, settings.port, backlog=1024, start_serving=False
            )
        except OSError as error:
            raise DoorError(
                f"the Redis door cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; "
                f"stop what uses the port, or choose another one (0 for any free one)"
            ) from error
        try:
            self._actor = self._system.spawn(
                DoorActor, self, name="door", supervision=Supervision(directive=Directive.ESCALATE)
            )
        except ActorumError:
            self._server.close()
            raise
        await self._server.start_serving()
        return self.port

    @property
    def port(self) -> int:
        """The port that the door listens on; the wanted one before ``start``."""
        if self._server is None or not self._server.sockets:
            return self.settings.port
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, drain_seconds: float) -> None:
        """Stop accepting, answer what is in flight, close every connection.

        Args:
            drain_seconds: connections that are not done by then are cut off.
        """
        if self._server is None or self._actor is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self._parting):
            connection.transport.close()
        for connection in list(self._connections):
            connection.finish()
        try:
            await asyncio.wait_for(self._left(), drain_seconds)
        except TimeoutError:
            _log.warning("%d Redis clients were cut off when the door closed", len(self._connections))
            for connection in list(self._connections):
                connection.session.abort()
            await self._left()
        await server.wait_closed()
        await self._system.terminate(self._actor)

    async def _left(self) -> None:
        while self._connections:
            self._empty.clear()
            await self._empty.wait()

    # --- what connections ask (redis_connection.ConnectionHost) ---

    @property
    def output_high_water_bytes(self) -> int:
        return self.settings.output_high_water_bytes

    @property
    def slow_reader_seconds(self) -> float:
        return self.settings.slow_reader_seconds

    def admit(self, connection: RedisConnection) -> int | None:
        """A number for a new connection; None when there are too many or the door is closing."""
        if len(self._connections) >= self._max_clients or self._server is None:
            self._refused += 1
            return None
        self._last_id += 1
        self._connections.add(connection)
        return self._last_id

    def may_part(self, connection: RedisConnection) -> bool:
        """Whether a connection that is to be closed may stay a little, until its client has read why."""
        if len(self._parting) >= _MAX_PARTING:
            return False
        self._parting.add(connection)
        return True

    def leave(self, connection: RedisConnection) -> None:
        """A connection is gone."""
        self._parting.discard(connection)
        if connection in self._connections:
            self._connections.remove(connection)
            self._slow_readers += connection.session.output_overflowed
        if not self._connections:
            self._empty.set()

    def too_slow(self, connection: RedisConnection) -> None:
        """A client has not read its replies for too long."""
        self._slow_readers += 1
        connection.session.abort()

    def wake(self) -> None:
        """Commands wait: the actor sends them when this turn's other connections were read, too."""
        if self.awake or self._actor is None:
            return
        try:
            self._actor.tell(_TURN)
            self.awake = True
        except ActorumError as error:
            self._refuse_waiting(str(error))

    # --- what the actor asks ---

    def take(self) -> list[Message]:
        """This turn's batches as messages for the gateway."""
        return [
            Execute(ticket=ticket, batch=batch) if is_write else Query(ticket=ticket, batch=batch)
            for ticket, is_write, batch in self.core.take()
        ]

    def answer(self, outcome: Outcome) -> None:
        """Give a batch's replies to its clients."""
        status = outcome.status
        if status is Status.DONE:
            self.core.complete(outcome.ticket, outcome.replies, None)
            return
        self._not_executed += status is Status.NOT_EXECUTED
        self._unknown += status is Status.UNKNOWN
        self.core.complete(outcome.ticket, outcome.replies, _error_of(status, outcome.reason))

    def sweep(self) -> None:
        """Answer what the gateway should have answered since the last but one sweep."""
        for ticket, is_write in self.core.unanswered(self._swept_ticket):
            self._overdue += 1
            _log.error("the gateway has not answered batch %d; its clients get an error", ticket)
            status = Status.UNKNOWN if is_write else Status.NOT_EXECUTED
            self.answer(Outcome(ticket=ticket, status=status, replies=b"", reason="the node did not answer in time"))
        self._swept_ticket = self.core.last_ticket

    def _refuse_waiting(self, reason: str) -> None:
        """The actor cannot take a message: nothing that waits will be executed."""
        for message in self.take():
            assert isinstance(message, Execute | Query)
            self.answer(Outcome(ticket=message.ticket, status=Status.NOT_EXECUTED, replies=b"", reason=reason))

    # --- what local commands ask (redis_commands.DoorFacts) ---

    @property
    def password(self) -> str | None:
        return self.settings.password

    @property
    def connections(self) -> Iterable[RedisConnection]:
        return sorted(self._connections, key=lambda connection: connection.id)

    def config(self) -> Mapping[str, str]:
        """CONFIG GET's parameters, in Redis's names where it has one for what is meant."""
        settings = self.settings
        return {
            "appendfsync": "always", "appendonly": "yes", "bind": settings.host, "databases": "1",
            "maxclients": str(self._max_clients), "maxmemory": "0", "maxmemory-policy": "noeviction",
            "port": str(self.port), "proto-max-bulk-len": str(settings.max_argument_bytes), "save": "", "timeout": "0",
        }

    def info(self, sections: list[bytes]) -> str:
        """The text of INFO."""
        counters = self.counters
        return info_text(
            self.port, int(time.monotonic() - self._opened), version("actorum"),
            {"connected_clients": len(self._connections), "maxclients": self._max_clients},
            {
                "total_connections_received": counters["connections_accepted"],
                "rejected_connections": counters["connections_refused"],
                "total_commands_processed": counters["commands"],
                "total_net_input_bytes": counters["bytes_in"],
                "total_net_output_bytes": counters["bytes_out"],
                "actorum_batches": counters["batches"],
            },
            self._status, sections,
        )

    @property
    def counters(self) -> dict[str, int]:
        """What happened at this door since it was opened; ``connections`` and ``batches_in_flight`` are of now."""
        core = self.core
        return {
            "connections": len(self._connections), "connections_accepted": self._last_id,
            "connections_refused": self._refused, "commands": core.commands, "batches": core.batches,
            "batches_in_flight": core.in_flight_batches, "batches_not_executed": self._not_executed,
            "batches_unknown": self._unknown, "batches_overdue": self._overdue, "bytes_in": core.bytes_in,
            "bytes_out": core.bytes_out, "protocol_errors": core.protocol_errors,
            "slow_readers": self._slow_readers, "stray_outcomes": core.stray_outcomes,
        }
