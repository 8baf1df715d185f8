"""Real clients, unchanged: redis-py with its default handshake, redis-cli, redis-benchmark; and a real Redis as the
oracle of what is answered locally.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import uvloop
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.door.fakes import open_door, request
from tests.door.test_door import LOCAL

REDIS_CLI = shutil.which("redis-cli")
REDIS_BENCHMARK = shutil.which("redis-benchmark")
REDIS_SERVER = shutil.which("redis-server")


def no_retries() -> Retry:
    return Retry(NoBackoff(), 0)


def beside_a_door(use: Callable[[int], Any], **settings: Any) -> Any:
    """Run blocking code in a thread beside a door; it gets the port."""

    async def main() -> Any:
        async with open_door(**settings) as (door, _):
            return await asyncio.to_thread(use, door.port)

    return uvloop.run(main())


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(protocol: int) -> None:
    def use(port: int) -> None:
        with redis.Redis(
            port=port, protocol=protocol, password="secret", client_name="tester", retry=no_retries()
        ) as client:
            assert client.ping()
            assert client.set("a", "1", ex=100)
            assert client.set("a", "2", nx=True) is None
            assert client.get("a") == b"1"
            assert client.get("none") is None
            assert client.mget("a", "none") == [b"1", None]
            assert 98 <= client.ttl("a") <= 100
            assert client.client_getname() in ("tester", b"tester")
            assert client.client_info()["lib-name"].startswith("redis-py")
            assert client.info()["redis_mode"] == "standalone"
            assert client.config_get("maxmemory") == {"maxmemory": "0"}
            assert client.command_count() > 30
            assert client.command()["get"]["arity"] == 2
            pipeline = client.pipeline(transaction=False)
            for number in range(1000):
                pipeline.set(f"key{number}", number).get(f"key{number}")
            assert pipeline.execute() == [each for n in range(1000) for each in (True, b"%d" % n)]
            assert client.dbsize() == 1001
            assert set(client.scan_iter(match="key99*")) == {b"key99", *(b"key%d" % n for n in range(990, 1000))}
            with pytest.raises(redis.ResponseError, match="unknown command 'SUBSCRIBE'"):
                client.execute_command("SUBSCRIBE", "x")
            with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
                client.execute_command("GET")

    beside_a_door(use, password="secret")


def test_redis_py_without_a_password_or_options() -> None:
    def use(port: int) -> None:
        with redis.Redis(port=port) as client:
            assert client.set("a", b"\0\r\n\xff")
            assert client.get("a") == b"\0\r\n\xff"
            assert {info["id"] for info in client.client_list()} == {str(client.client_id())}

    beside_a_door(use)


def test_redis_py_asyncio_with_many_connections() -> None:
    async def main() -> None:
        async with open_door() as (door, _):
            clients = [
                redis.asyncio.Redis(port=door.port, retry=redis.asyncio.retry.Retry(NoBackoff(), 0)) for _ in range(50)
            ]
            async with asyncio.timeout(20):
                for _ in range(10):
                    await asyncio.gather(*(client.incr("n") for client in clients))
                assert await clients[0].get("n") == b"500"
                await asyncio.gather(*(client.aclose() for client in clients))
            assert door.counters["batches"] < 550

    uvloop.run(main())


def cli(port: int, *arguments: str, stdin: str | None = None) -> str:
    assert REDIS_CLI is not None
    done = subprocess.run(
        [REDIS_CLI, "-p", str(port), *arguments], input=stdin, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(REDIS_CLI is None, reason="redis-cli is not installed (package redis-tools)")
def test_redis_cli() -> None:
    def use(port: int) -> None:
        assert cli(port, "set", "a", "b c") == "OK\n"
        assert cli(port, "-3", "get", "a") == "b c\n"
        assert cli(port, "--no-raw", "get", "none") == "(nil)\n"
        assert cli(port, stdin="PING\nINCR n\nINCR n\nGET a\n") == "PONG\n1\n2\nb c\n"
        assert cli(port, "foo", "x") == "ERR unknown command 'foo', with args beginning with: 'x' \n\n"
        assert "# Server" in cli(port, "info")
        assert cli(port, "--scan") in ("a\nn\n", "n\na\n")
        bulk = request("SET", "k1", "v1") + request("SET", "k2", "v2")
        assert "errors: 0, replies: 2" in cli(port, "--pipe", stdin=bulk.decode())

    beside_a_door(use)


@pytest.mark.skipif(REDIS_BENCHMARK is None, reason="redis-benchmark is not installed (package redis-tools)")
@pytest.mark.parametrize("options", [["-P", "16"], ["-3"], []])
def test_redis_benchmark(options: list[str]) -> None:
    def use(port: int) -> None:
        assert REDIS_BENCHMARK is not None
        done = subprocess.run(
            [REDIS_BENCHMARK, "-p", str(port), "-n", "2000", "-c", "20", "-r", "100", "-t",
             "ping_inline,ping_mbulk,set,get,incr,mset", "--csv", *options],
            capture_output=True, text=True, timeout=50, check=True,
        )
        assert len(done.stdout.splitlines()) == 7
        assert "rror" not in done.stdout + done.stderr
        assert "WARNING" not in done.stdout + done.stderr

    beside_a_door(use)


@pytest.fixture
def real_redis(tmp_path: Path) -> Iterator[int]:
    """Port of a Redis of its own, without persistence."""
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    process = subprocess.Popen(
        [REDIS_SERVER, "--port", str(port), "--save", "", "--dir", str(tmp_path), "--bind", "127.0.0.1",
         "--databases", "1", *(word for name in MISSING for word in ("--rename-command", name, ""))],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "redis-server did not start"
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def conversation(port: int, stream: bytes) -> bytes:
    """Everything that a server says to these bytes."""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(stream)
        said = b""
        while piece := client.recv(65536):
            said += piece
        return said


#: Commands of Redis that this store has not; the real one is told to forget them, and must say the same.
MISSING = (
    "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUBLISH", "PUBSUB",
    "MONITOR", "LPUSH", "HSET", "SADD", "ZADD", "XADD", "EVAL", "SCRIPT", "OBJECT", "DEBUG", "SHUTDOWN", "CLUSTER",
    "ACL",
)

#: Subcommands that Redis has and this door has not.
NOT_SO_IN_REDIS = [["CLIENT", "KILL", "x"], ["CLIENT", "pause", 10], ["CONFIG", "SET", "a", "b"]]

STREAMS = [
    *(request(*arguments) for arguments, _ in LOCAL if arguments not in NOT_SO_IN_REDIS),
    *(request(name) + request(name, "a", "b" * 100, "c" * 100) + request(name.lower(), "x") for name in MISSING),
    *(request(name, "nope") + request(name, "NoPe", 1, "x" * 200) + request(name, "x" * 200) + request(name, "a\0b")
      for name in ("CLIENT", "CONFIG", "COMMAND")),
    request("COMMAND", "COUNT", "x") + request("COMMAND", "LIST", "x") + request("CONFIG", "GET"),
    request("CLIENT", "LIST", "TYPE", "nope") + request("CLIENT", "LIST", "BAD") + request("CLIENT", "LIST", "TYPE"),
    request("CLIENT", "LIST", "ID", "x") + request("CLIENT", "LIST", "ID", 0) + request("CLIENT", "LIST", "ID"),
    request("CLIENT", "LIST", "TYPE", "pubsub") + request("CLIENT", "LIST", "ID", 999_999),
    b"PING\r\nping 'a b'\r\n\r\n\nECHO \"\\x41\\n\"\r\n",
    b"*0\r\n*-1\r\nPING\r\n",
    b"*1\r\n:1\r\n",
    b"*x\r\n",
    b"*01\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$01\r\n",
    b"GET 'a\r\n",
    b"SET 'a'b c\r\n",
    request("SET", "a", 1) + request("GET", "a") + request("get", "none") + request("MGET", "a", "none", "a"),
    request("GET") + request("SET", "a") + request("DEL") + request("INCR", 1, 2),
    request("AUTH") + request("SELECT") + request("HELLO", 3, "AUTH", "x") + request("HELLO", 3, "SETNAME"),
    request("x" * 200, "y" * 200) + request("x", *range(60)) + request("x\0y", "a\0b") + request(""),
    request("COMMAND", "INFO", "nope") + request("COMMAND", "DOCS", "nope") + request("CLIENT", "nO-EvIcT"),
    request("CLIENT", "SETNAME", "") + request("CLIENT", "SETNAME", "x") + request("CLIENT", "GETNAME"),
]


def test_what_a_real_redis_says_to_the_same_bytes(real_redis: int) -> None:
    def use(port: int) -> None:
        for stream in STREAMS:
            complete = stream + request("QUIT")
            assert (stream, conversation(port, complete)) == (stream, conversation(real_redis, complete))

    beside_a_door(use)
