"""A very small HTTP/1.1 server for GET: health, metrics, status. Knows no node; routes are given to it.

h11 keeps the protocol's rules; this file moves bytes between it and asyncio's streams.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import h11

MAX_CONNECTIONS = 64
MAX_HEADER_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
IDLE_SECONDS = 30.0


class Response(NamedTuple):
    """What a route answers."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def text(cls, status: int, text: str) -> Response:
        """A plain text answer; a newline is added."""
        return cls(status, "text/plain; charset=utf-8", text.encode() + b"\n")


Route = Callable[[Mapping[str, list[str]]], Awaitable[Response]]


class HttpServer:
    """Serves GET and HEAD on one address.

    Args:
        routes: path to coroutine function, which gets the query's fields.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the bound port.

        Raises:
            OSError: the address cannot be bound.
        """
        self._server = await asyncio.start_server(self._accept, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and drop the connections."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADER_BYTES)
        while True:
            try:
                request = await self._read_request(connection, reader)
            except h11.RemoteProtocolError as error:
                if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    refusal = Response.text(error.error_status_hint, f"bad request: {error}")
                    await self._write(connection, writer, refusal, head_only=False)
                return
            if request is None:
                return
            response = await self._answer(request)
            await self._write(connection, writer, response, head_only=request.method == b"HEAD")
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _read_request(self, connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
        """One whole request; None when the client is gone. A body is read and ignored, up to a limit."""
        request: h11.Request | None = None
        body_bytes = 0
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(IDLE_SECONDS):
                    connection.receive_data(await reader.read(MAX_HEADER_BYTES))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body_bytes += len(event.data)
                if body_bytes > MAX_BODY_BYTES:
                    raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage):
                return request
            else:
                return None

    async def _answer(self, request: h11.Request) -> Response:
        if request.method not in (b"GET", b"HEAD"):
            return Response.text(405, f"{request.method.decode()} is not served here; use GET")
        target = urlsplit(request.target.decode("ascii", "replace"))
        route = self._routes.get(target.path)
        if route is None:
            return Response.text(404, f"no {target.path} here; there are {', '.join(self._routes)}")
        try:
            return await route(parse_qs(target.query, keep_blank_values=True))
        except Exception as error:
            return Response.text(500, f"{type(error).__name__}: {error}")

    async def _write(
        self, connection: h11.Connection, writer: asyncio.StreamWriter, response: Response, *, head_only: bool
    ) -> None:
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        if response.status == 405:
            headers.append(("Allow", "GET, HEAD"))
        data = connection.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if not head_only:
            data += connection.send(h11.Data(data=response.body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        writer.write(data)
        await writer.drain()
