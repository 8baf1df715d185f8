"""The one bound socket of a node: reads what comes in, within a budget, and never misses a wake-up.

Knows routing identities and parts; nothing of frames, peers or links.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any

import zmq

from actors.runtime.handshake import MAX_LINK_MESSAGE_BYTES
from actors.runtime.sockets import EVENTS, NOBLOCK, NOBLOCK_MORE, POLLIN, bind_router
from actors.runtime.transport_settings import TransportSettings

_PARTS_LIMIT = 1 << 16


class Inlet:
    """A bound ROUTER socket in the event loop.

    Args:
        context: the transport's ZeroMQ context.
        loop: where ``on_wake`` is called.
        address: where to bind.
        settings: budgets and the limit on a message.
        on_message: called with (routing identity, parts, bytes) for each message; returns how many envelopes it held.
            Parts above the limit are not kept: then there are none, and the bytes are above the limit.
        on_wake: called when something may have come in; it is expected to call ``poll``.

    Attributes:
        address: the bound address.

    Raises:
        TransportError: the address cannot be bound.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        loop: asyncio.AbstractEventLoop,
        address: str,
        settings: TransportSettings,
        *,
        on_message: Callable[[bytes, list[Any], int], int],
        on_wake: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._on_message = on_message
        self._on_wake = on_wake
        self._router, self.address = bind_router(context, address, settings.max_frame_bytes)
        self._descriptor = int(self._router.getsockopt(zmq.FD))
        self._probe = select.poll()
        self._probe.register(self._descriptor, select.POLLIN)
        self._woken = True  # something may be there that the descriptor no longer tells of
        self._burst = False  # the last poll found more than one message
        self._one_message = False  # the next poll takes one, and ``wake`` looks for more after the turn
        self._unsure = False  # it did
        self._answered = False
        self._closed = False
        self._wake_handle: asyncio.Handle | None = None
        loop.add_reader(self._descriptor, self.wake)

    def poll(self) -> int:
        """Take what has come in, within the budget; the rest has its turn after the event loop's.

        Returns:
            How many envelopes came.
        """
        if self._closed or not (self._woken or self._probe.poll(0)):
            return 0
        self._woken = False
        one = self._one_message
        self._one_message = False
        receive = self._router.recv
        messages = self._settings.poll_frames
        size = self._settings.poll_bytes
        delivered = 0
        while messages > 0 and size > 0:
            try:
                identity = receive(NOBLOCK)
            except zmq.Again:
                break
            part = receive(NOBLOCK, copy=False)
            length = len(part)
            if not part.more and length <= MAX_LINK_MESSAGE_BYTES:
                parts = [part.bytes]
            else:
                parts, length = self._rest(part)
            messages -= 1
            size -= length
            delivered += self._on_message(identity, parts, length)
            if one:
                self._unsure = True
                break
        else:
            self._wake_again()
        self._burst = messages < self._settings.poll_frames - 1
        return delivered

    def _rest(self, part: Any) -> tuple[list[Any], int]:
        """All parts of a message, small ones as bytes, and their size; above the limit only the size."""
        limit = self._settings.max_frame_bytes
        parts: list[Any] = []
        length = 0
        while True:
            size = len(part)
            length += size
            if length <= limit and len(parts) < _PARTS_LIMIT:
                parts.append(part.bytes if size <= MAX_LINK_MESSAGE_BYTES else part.buffer)
            else:
                parts.clear()
                length = limit + 1
            if not part.more:
                return parts, length
            part = self._router.recv(NOBLOCK, copy=False)

    def answer(self, identity: bytes, part: bytes) -> bool:
        """Send one part back to a routing identity; whether it is still connected shows elsewhere.

        Returns:
            False when it certainly did not go out.
        """
        self._answered = True
        try:
            self._router.send(identity, NOBLOCK_MORE)
            self._router.send(part, NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def look_after_answers(self) -> None:
        """Call after the last ``answer`` of a turn: sending may have swallowed the descriptor's wake-up."""
        if self._answered:
            self._answered = False
            if self._readable():
                self._wake_again()

    def _readable(self) -> bool:
        return bool(self._router.getsockopt(EVENTS) & POLLIN)  # type: ignore[operator]

    def wake(self) -> None:
        """Something may have come in.

        A wake-up is mostly for one message. To look whether there is more takes microseconds that the answer to that
        message should not wait for, so it is done after the turn, until a look finds something.
        """
        self._wake_handle = None
        if self._closed:
            return
        self._woken = True
        self._one_message = not self._burst
        self._on_wake()
        self._one_message = False
        if self._unsure and not self._closed:
            self._unsure = False
            if self._readable():
                self._burst = True
                self._wake_again()

    def _wake_again(self) -> None:
        self._woken = True
        if self._wake_handle is None:
            self._wake_handle = self._loop.call_soon(self.wake)

    def close(self) -> None:
        """Unbind at once."""
        if self._closed:
            return
        self._closed = True
        if self._wake_handle is not None:
            self._wake_handle.cancel()
        self._loop.remove_reader(self._descriptor)
        self._router.close(0)
