"""The native core of the door without sockets: transports that only note what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core_ext.door import DoorCore
from core_ext.sessions import Session
from core_ext.store import COMMANDS

LIMITS: dict[str, int] = {
    "max_argument_bytes": 1 << 20, "max_command_bytes": 2 << 20, "max_inline_bytes": 65536,
    "max_arguments": 1_048_576, "max_batch_bytes": 1 << 20, "max_batch_commands": 8192, "max_unanswered": 16384,
    "max_in_flight_bytes": 64 << 20, "max_output_bytes": 1 << 20,
}


class NotedTransport:
    """What a session does to its transport."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = self.aborted = self.reading_paused = False
        self.unread = 0
        self.written_hook: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after close"
        self.written.append(data)
        if self.written_hook is not None:
            self.written_hook()

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        assert not self.reading_paused
        self.reading_paused = True

    def resume_reading(self) -> None:
        assert self.reading_paused
        self.reading_paused = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    @property
    def output(self) -> bytes:
        return b"".join(self.written)


def _ping(_owner: Any, arguments: list[bytes]) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(arguments[0]), arguments[0]) if arguments else b"+PONG\r\n"


def _hello(owner: list[Session], arguments: list[bytes]) -> bytes:
    owner[0].protocol = int(arguments[0])
    return b"+HELLO\r\n"


def _quit(owner: list[Session], _arguments: list[bytes]) -> bytes:
    owner[0].close_after_replies()
    return b"+OK\r\n"


def _big(_owner: Any, _arguments: list[bytes]) -> bytes:
    return b"$100000\r\n%b\r\n" % (b"x" * 100_000)


def _broken(_owner: Any, _arguments: list[bytes]) -> bytes:
    raise ZeroDivisionError


def unknown(_owner: Any, arguments: list[bytes]) -> bytes:
    return b"-ERR unknown %d\r\n" % len(arguments)


def new_core(**limits: Any) -> DoorCore:
    local = {
        b"PING": (_ping, 0, 1, False), b"HELLO": (_hello, 1, 1, True), b"QUIT": (_quit, 0, 0, True),
        b"BROKEN": (_broken, 0, 0, False), b"BIG": (_big, 0, 0, False),
    }
    return DoorCore(COMMANDS, local, unknown, **{**LIMITS, **limits})


def new_session(authenticated: bool = True) -> tuple[Session, NotedTransport]:
    transport = NotedTransport()
    owner: list[Session] = []
    session = Session(owner, transport, authenticated)
    owner.append(session)
    return session, transport
