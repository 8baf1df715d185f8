"""ZeroMQ sockets as the transport needs them: opened with every limit set, watched, and closed without a trace.

Only pyzmq's synchronous API on non-blocking sockets. A socket's descriptor is edge-triggered: whoever is called through
it must read until nothing is left, and look again after sending. Knows no node, frame or message.
"""

from __future__ import annotations

import asyncio
import os
import socket as plain_socket
import stat
from collections.abc import Callable, Sequence

import zmq
from zmq.utils.monitor import parse_monitor_message

from actors.errors import ActorumError
from core_ext.wire import Wire

NOBLOCK = int(zmq.NOBLOCK)  # a plain integer: arithmetic on pyzmq's enums costs more than the calls that they go to

_LOST_EVENTS = (
    zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_LINK_MESSAGES_WAITING = 1000
_NOT_EVERYWHERE = ("tcp://*", "tcp://0.0.0.0", "tcp://[::]")


class TransportError(ActorumError):
    """The transport cannot start: an address that cannot be used, or settings that contradict each other."""


def check_dialable(address: str) -> str | None:
    """Why an address cannot be dialled; None when it can (that somebody listens there is another question)."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in ("tcp", "ipc") or not rest:
        return f"{address!r} is no address; write tcp://host:port or ipc:///path"
    if scheme == "ipc":
        return None
    if address.startswith(_NOT_EVERYWHERE):
        return f"{address!r} stands for every interface and cannot be dialled; name a host"
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        return f"{address!r} has no host and port; write tcp://host:port"
    return None


def bind_router(
    context: zmq.Context[zmq.Socket[bytes]], addresses: Sequence[str], max_part_bytes: int
) -> tuple[zmq.Socket[bytes], str]:
    """Open the one socket for what comes in.

    Args:
        addresses: one or several; ``tcp://host:port``, ``tcp://host:*`` (a free port) or ``ipc:///path``.
        max_part_bytes: libzmq disconnects who sends a larger part.

    Returns:
        The socket, and the first address as it was bound.

    Raises:
        TransportError: the address is malformed, in use, or not this machine's.
    """
    router = context.socket(zmq.ROUTER)
    bound: list[str] = []
    try:
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.MAXMSGSIZE, max_part_bytes)
        router.setsockopt(zmq.SNDHWM, _LINK_MESSAGES_WAITING)
        router.setsockopt(zmq.RCVHWM, _LINK_MESSAGES_WAITING)
        for address in addresses:
            bound.append(_bind(router, address))
    except (zmq.ZMQError, TransportError):
        router.close(0)
        raise
    return router, bound[0]


def _bind(router: zmq.Socket[bytes], address: str) -> str:
    """Bind one address; returns it with the port that was found."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in ("tcp", "ipc") or not rest:
        raise TransportError(f"cannot listen on {address!r}: write tcp://host:port, tcp://host:* or ipc:///path")
    if scheme == "ipc":
        _check_free(rest)
    try:
        router.setsockopt(zmq.IPV6, scheme == "tcp" and rest.startswith("["))
        router.bind(address)
    except zmq.ZMQError as error:
        advice = "; stop the process that holds it, or choose another port" if error.errno == zmq.EADDRINUSE else ""
        raise TransportError(f"cannot listen on {address}: {error.strerror}{advice}") from error
    return router.get_string(zmq.LAST_ENDPOINT).rstrip("\0")


def _check_free(path: str) -> None:
    """Refuse an ipc path that a live process listens on; libzmq would take it over without a word."""
    if path.startswith("@") or not os.path.exists(path):
        return
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        raise TransportError(f"cannot listen on ipc://{path}: the path exists and is no socket; choose another path")
    with plain_socket.socket(plain_socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return  # nobody listens: a stale file, which libzmq replaces
    raise TransportError(
        f"cannot listen on ipc://{path}: address already in use; stop the process that holds it, or choose another path"
    )


class Connection:
    """One connected DEALER socket and its monitor, both in the event loop. Never reconnects by itself.

    Args:
        context: the transport's ZeroMQ context.
        loop: where ``on_readable`` and ``on_lost`` are called.
        address: where to connect.
        routing_id: who the other side sees.
        timeout_seconds: for connecting and for ZeroMQ's own handshake.
        max_part_bytes: larger parts from the other side disconnect it.
        on_readable: called when something may be there to read; None when nothing ever is.
        on_lost: called at most once, when the connection failed or ended.

    Attributes:
        wire: what is sent on it; libzmq's own calls.

    Raises:
        zmq.ZMQError: the address cannot be used.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        loop: asyncio.AbstractEventLoop,
        address: str,
        routing_id: bytes,
        *,
        timeout_seconds: float,
        max_part_bytes: int,
        on_readable: Callable[[], None] | None,
        on_lost: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._socket = dealer = context.socket(zmq.DEALER)
        self.wire = Wire(dealer)
        self._monitor: zmq.Socket[bytes] | None = None
        self._descriptors: list[int] = []
        try:
            dealer.setsockopt(zmq.ROUTING_ID, routing_id)
            dealer.setsockopt(zmq.LINGER, 0)
            dealer.setsockopt(zmq.SNDHWM, 0)  # what is under way is bounded in bytes, by ``flow``
            dealer.setsockopt(zmq.RCVHWM, _LINK_MESSAGES_WAITING)
            dealer.setsockopt(zmq.MAXMSGSIZE, max_part_bytes)
            dealer.setsockopt(zmq.RECONNECT_IVL, -1)
            dealer.setsockopt(zmq.HANDSHAKE_IVL, max(1, int(timeout_seconds * 1000)))
            dealer.setsockopt(zmq.CONNECT_TIMEOUT, max(1, int(timeout_seconds * 1000)))
            dealer.setsockopt(zmq.IPV6, address.startswith("tcp://["))
            self._monitor = dealer.get_monitor_socket(_LOST_EVENTS)
            dealer.connect(address)
        except zmq.ZMQError:
            self.close()
            raise
        self._watch(self._monitor, self._read_monitor)
        loop.call_soon(self._read_monitor)  # a descriptor tells nothing before its socket was first read from
        if on_readable is not None:
            self._watch(dealer, on_readable)

    def _watch(self, socket: zmq.Socket[bytes], callback: Callable[[], None]) -> None:
        descriptor = int(socket.getsockopt(zmq.FD))
        self._descriptors.append(descriptor)
        self._loop.add_reader(descriptor, callback)

    def send(self, parts: Sequence[bytes]) -> bool:
        """Send one message now. Returns False when the connection is gone (the message is, too)."""
        return self.wire.send_parts(parts)

    def receive(self) -> bytes | None:
        """The next single-part message, b"" for one of several parts, or None when there is none."""
        try:
            part = self._socket.recv(NOBLOCK, copy=False)
            if not part.more:
                return part.bytes
            while part.more:
                part = self._socket.recv(NOBLOCK, copy=False)
        except zmq.ZMQError:
            return None
        return b""

    def readable(self) -> bool:
        """Is there something to read? To be asked after sending, which may swallow the descriptor's wake-up."""
        return self.wire.readable()

    def _read_monitor(self) -> None:
        lost = False
        while self._monitor is not None:
            try:
                event = parse_monitor_message(self._monitor.recv_multipart(NOBLOCK))
            except zmq.Again:
                break
            lost = lost or bool(event["event"] & _LOST_EVENTS)
        if lost:
            self._on_lost()

    def close(self, linger_seconds: float = 0.0) -> None:
        """Close at once; what was sent may still go out for ``linger_seconds``."""
        for descriptor in self._descriptors:
            self._loop.remove_reader(descriptor)
        self._descriptors.clear()
        if self._socket.closed:
            return
        self.wire.close()
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor.close(0)
            self._monitor = None
        self._socket.close(int(linger_seconds * 1000))
