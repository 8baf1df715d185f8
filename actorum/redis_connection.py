"""One client connection of the Redis door, as asyncio sees it: bytes go to the native core, events become calls. Must
not know commands or actors.

A socket that is closed while input stands unread in the kernel is reset, and the reset may overtake the last reply: the
client would not learn what was wrong. So the door half-closes, reads and drops what the client still sends, and closes
when the client does, or falls silent, or after so many seconds or bytes.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
import termios
import time
from typing import Protocol, cast

from core_ext.door import DoorCore
from core_ext.sessions import Session

PARTING_SECONDS = 2.0
PARTING_QUIET_SECONDS = 0.25  # a client that has sent nothing for so long has nothing under way that could cost it
PARTING_BYTES = 32 << 20  # the rest of a command that is too large, of a client that reads when all is written


class ConnectionHost(Protocol):
    """What a connection needs of its door."""

    @property
    def core(self) -> DoorCore: ...
    @property
    def output_high_water_bytes(self) -> int: ...
    @property
    def slow_reader_seconds(self) -> float: ...
    def admit(self, connection: RedisConnection) -> int | None: ...
    def wake(self) -> None: ...
    def may_part(self, connection: RedisConnection) -> bool: ...
    def leave(self, connection: RedisConnection) -> None: ...
    def too_slow(self, connection: RedisConnection) -> None: ...
    @property
    def password(self) -> str | None: ...


def _shown_address(address: object) -> str:
    if not isinstance(address, tuple):
        return str(address or "")
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _descriptor(transport: asyncio.Transport) -> int:
    """The socket that replies may be written to directly; -1 when what the transport writes is not what it is given."""
    connected = transport.get_extra_info("socket")
    if connected is None or transport.get_extra_info("sslcontext") is not None:
        return -1
    return int(connected.fileno())


class RedisConnection(asyncio.Protocol):
    """Owner of one session of the core.

    Attributes:
        id: what CLIENT ID answers; grows, never used twice by one door.
        session: the core's side of it.
        name: what CLIENT SETNAME said, or empty.
        library: what CLIENT SETINFO said, by "lib-name" and "lib-ver".
    """

    id: int
    session: Session
    transport: asyncio.Transport

    def __init__(self, host: ConnectionHost) -> None:
        self._host = host
        self._core = host.core
        self._admitted = False
        self._slow: asyncio.TimerHandle | None = None
        self._ended = False  # the client sends no more, or nothing at the moment
        self._parting: asyncio.TimerHandle | None = None
        self._parting_bytes = self._parting_seen = 0
        self._parting_until = 0.0
        self.name = b""
        self.library: dict[str, bytes] = {}
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own is not derived from it
        self.transport = transport
        number = self._host.admit(self)
        if number is None:
            transport.write(b"-ERR max number of clients reached\r\n")
            self._part()
            return
        self._admitted = True
        self.id = number
        self._began = time.monotonic()
        transport.set_write_buffer_limits(high=self._host.output_high_water_bytes)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.session = Session(
            self, transport, self._host.password is None, _descriptor(transport), self._part
        )

    def data_received(self, data: bytes) -> None:
        if self._parting is not None:
            self._parting_bytes += len(data)
            if self._parting_bytes > PARTING_BYTES:
                self.transport.close()
        elif self._admitted and self._core.feed(self.session, data):
            self._host.wake()

    def eof_received(self) -> bool:
        """A client may shut down its sending side and still read; True keeps the other direction open."""
        self._ended = True
        if self._parting is not None or not self._admitted:
            return False
        self._core.end_of_input(self.session)
        return True

    def pause_writing(self) -> None:
        if self._admitted:
            self._slow = asyncio.get_running_loop().call_later(
                self._host.slow_reader_seconds, self._host.too_slow, self
            )
            self._core.output_blocked(self.session)

    def resume_writing(self) -> None:
        self._no_longer_slow()
        if self._admitted and self._core.output_drained(self.session):
            self._host.wake()

    def connection_lost(self, _reason: Exception | None) -> None:
        self._no_longer_slow()
        if self._parting is not None:
            self._parting.cancel()
        if self._admitted:
            self._core.lost(self.session)
        self._host.leave(self)

    def _no_longer_slow(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _part(self) -> None:
        """The last reply is written: close so that it arrives, also when the client is still sending."""
        if self._ended or self.transport.is_closing() or not self._host.may_part(self):
            self.transport.close()
            return
        self.transport.write_eof()
        self.transport.resume_reading()
        self._parting_until = time.monotonic() + PARTING_SECONDS
        self._parting = asyncio.get_running_loop().call_later(PARTING_QUIET_SECONDS, self._part_further)

    def _part_further(self) -> None:
        quiet = self._parting_seen == self._parting_bytes
        self._parting_seen = self._parting_bytes
        if quiet or time.monotonic() > self._parting_until:
            self.transport.close()
        else:
            self._parting = asyncio.get_running_loop().call_later(PARTING_QUIET_SECONDS, self._part_further)

    def finish(self) -> None:
        """The door closes: take no more, and end when everything that was taken is answered."""
        session = self.session
        self._ended |= not (session.unanswered or session.input_bytes or self._unread_bytes())
        session.finish()

    def _unread_bytes(self) -> int:
        """What the kernel holds of the client's input."""
        connected = self.transport.get_extra_info("socket")
        if connected is None or connected.fileno() < 0:
            return 0
        return int.from_bytes(fcntl.ioctl(connected.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)

    def close_after_replies(self) -> None:
        """Take no more commands; close when everything that was taken, this command included, is answered."""
        self.session.close_after_replies()

    def describe(self, now: float) -> str:
        """The connection as one line of CLIENT LIST; ``now`` in seconds of the monotonic clock."""
        info = self.transport.get_extra_info
        library = {option: value.decode("ascii") for option, value in self.library.items()}
        return (
            f"id={self.id} addr={_shown_address(info('peername'))} laddr={_shown_address(info('sockname'))} "
            f"name={self.name.decode('ascii')} age={int(now - self._began)} flags=N db=0 sub=0 psub=0 multi=-1 "
            f"qbuf={self.session.input_bytes} omem={self.transport.get_write_buffer_size()} "
            f"cmd={self.session.last_command} user=default redir=-1 resp={self.session.protocol} "
            f"lib-name={library.get('lib-name', '')} lib-ver={library.get('lib-ver', '')}"
        )
