"""A small blocking client of the Redis door, for the command line, the pytest plugin and the main job.

Speaks RESP2 over one socket; never retries, so that whoever uses it knows what was executed. Knows no actor, no node.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import hiredis

RECEIVE_BYTES = 256 * 1024

Argument = bytes | str | int | float


class ReplyError(Exception):
    """The door answered with an error: ``CLUSTERDOWN …`` was certainly not executed, ``UNKNOWN …`` may have been."""

    @property
    def code(self) -> str:
        """The first word of the error."""
        return str(self).partition(" ")[0]


class NotReachable(ConnectionError):
    """No connection to the door, or it was lost.

    Attributes:
        certainly_not_executed: nothing was sent; otherwise commands without a reply may have been executed.
    """

    def __init__(self, message: str, *, certainly_not_executed: bool) -> None:
        super().__init__(message)
        self.certainly_not_executed = certainly_not_executed


class Commands:
    """The commands that have a method, for whatever executes commands."""

    def execute(self, *command: Argument) -> Any:
        """Run one command.

        Raises:
            ReplyError: it was answered with an error.
        """
        raise NotImplementedError

    def get(self, key: Argument) -> bytes | None:
        """The value of a key; None when there is none."""
        value = self.execute("GET", key)
        return value if isinstance(value, bytes) else None

    def set(self, key: Argument, value: Argument) -> None:
        """Set a key; returns once it is on disk on a majority."""
        self.execute("SET", key, value)

    def delete(self, *keys: Argument) -> int:
        """Delete keys; the number of those that existed."""
        return int(self.execute("DEL", *keys))


class Client(Commands):
    """One connection to one node's Redis door.

    Args:
        host: name or address.
        port: the node's ``redis_port``.
        timeout_seconds: for the connection and for each wait for replies.

    Raises:
        NotReachable: from every method that talks to the node; the client is then closed and connects again when next
            used.
    """

    def __init__(self, host: str, port: int, *, timeout_seconds: float = 10.0) -> None:
        self.address = (host, port)
        self.timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(replyError=ReplyError)

    def execute(self, *command: Argument) -> Any:
        """Run one command.

        Returns:
            bytes, int, None or a list of them, as Redis answers.

        Raises:
            ReplyError: the door answered with an error.
        """
        (reply,) = self.pipeline([command])
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Any]:
        """Send all commands, then read all replies; an error is a ReplyError in its place.

        Raises:
            ReplyError: the door refused a command before it had read it (too large): what came before may have been
                executed, this one and what follows was not.
        """
        packed = [hiredis.pack_command(tuple(command)) for command in commands]  # type: ignore[arg-type]
        self._send(b"".join(packed))
        return [self._receive() for _ in packed]

    def close(self) -> None:
        """Close the connection; what had no reply yet may have been executed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, data: bytes) -> None:
        try:
            if self._socket is None:
                self._reader = hiredis.Reader(replyError=ReplyError)
                self._socket = socket.create_connection(self.address, self.timeout_seconds)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(data)
        except OSError as error:
            sent = self._socket is not None
            refusal = self._last_words() if sent and isinstance(error, ConnectionError) else None
            lost = self._lost(str(error), sent=sent)
            raise (refusal or lost) from error

    def _last_words(self) -> ReplyError | None:
        """Why the door closed the connection while it was written to: what it refuses it does not read to the end."""
        try:
            found = self._receive()
        except NotReachable:
            return None
        return found if isinstance(found, ReplyError) and str(found).startswith("ERR Protocol error") else None

    def _receive(self) -> Any:
        while (reply := self._reader.gets()) is False:
            try:
                data = self._socket.recv(RECEIVE_BYTES) if self._socket is not None else b""
            except OSError as error:
                raise self._lost(str(error)) from error
            if not data:
                raise self._lost("the node closed the connection")
            self._reader.feed(data)
        return reply

    def _lost(self, why: str, *, sent: bool = True) -> NotReachable:
        self.close()
        host, port = self.address
        return NotReachable(
            f"no answer from the Redis door at {host}:{port}: {why}", certainly_not_executed=not sent
        )
