"""The HTTP door's server: what it answers, also to garbage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from actorum.http import MAX_CONNECTIONS, MAX_HEADER_BYTES, HttpServer, Response


async def _hello(query: Mapping[str, list[str]]) -> Response:
    return Response.text(200, f"hello {','.join(query.get('name', ['nobody']))}")


async def _broken(_query: Mapping[str, list[str]]) -> Response:
    raise LookupError("out of order")


def _serve(talk: Callable[[int], Awaitable[None]]) -> None:
    async def main() -> None:
        server = HttpServer({"/hello": _hello, "/broken": _broken})
        port = await server.start("127.0.0.1", 0)
        try:
            await talk(port)
        finally:
            await server.close()

    asyncio.run(main())


async def _say(port: int, data: bytes) -> bytes:
    """Everything the server answers until it closes (which every test asks for); nothing when it refused to listen."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()


def _get(path: str, method: str = "GET", close: bool = True) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{'Connection: close' if close else 'X-Y: z'}\r\n\r\n".encode()


def test_routes_are_found_with_their_query() -> None:
    async def talk(port: int) -> None:
        answer = await _say(port, _get("/hello?name=you"))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"\r\n\r\nhello you\n")

    _serve(talk)


def test_a_connection_serves_several_requests() -> None:
    async def talk(port: int) -> None:
        answer = await _say(port, _get("/hello", close=False) + _get("/hello?name=b"))
        assert answer.count(b"HTTP/1.1 200") == 2

    _serve(talk)


def test_head_has_no_body() -> None:
    async def talk(port: int) -> None:
        answer = await _say(port, _get("/hello", "HEAD"))
        assert answer.lower().split(b"\r\n\r\n") == [answer.lower().split(b"\r\n\r\n")[0], b""]
        assert b"content-length: 13" in answer.lower()

    _serve(talk)


def test_errors_say_what_is_there() -> None:
    async def talk(port: int) -> None:
        assert b"there are /hello, /broken" in await _say(port, _get("/nothing"))
        assert (await _say(port, _get("/hello", "POST"))).startswith(b"HTTP/1.1 405")
        assert b"LookupError: out of order" in await _say(port, _get("/broken"))

    _serve(talk)


def test_garbage_and_oversized_requests_are_refused() -> None:
    async def talk(port: int) -> None:
        assert (await _say(port, b"\x16\x03\x01 nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await _say(port, b"GET /" + b"a" * (4 * MAX_HEADER_BYTES))).startswith(b"HTTP/1.1 431")
        assert (await _say(port, _get("/hello"))).startswith(b"HTTP/1.1 200")

    _serve(talk)


def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    async def talk(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        while await _say(port, _get("/hello")):
            await asyncio.sleep(0)  # until every held connection was accepted
        held[0][1].close()
        await held[0][1].wait_closed()
        while not await _say(port, _get("/hello")):
            await asyncio.sleep(0)
        for _, writer in held:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in held))

    _serve(talk)
