"""The door on real sockets: local commands, limits, slow and half-closed clients, outcomes, closing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop

from actorum.redis_door import DoorError, RedisDoor, RedisDoorSettings, Sweep
from protocols.storage.messages import Execute, Query, Status
from tests.door import twins
from tests.door.fakes import StoreGateway, open_door, request

DEADLINE_SECONDS = 10.0


def run(main: Coroutine[Any, Any, None], loop: Callable[..., None] = uvloop.run) -> None:
    loop(main)


class Wire:
    """A client that speaks bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @staticmethod
    async def to(door: RedisDoor) -> Wire:
        return Wire(*await asyncio.open_connection("127.0.0.1", door.port))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), DEADLINE_SECONDS)

    async def expect(self, data: bytes) -> None:
        assert await self.read(len(data)) == data

    async def ask(self, *arguments: bytes | str | int) -> bytes:
        """One command's reply, told from what follows by an ECHO behind it."""
        mark = b"$13\r\n-- no more --\r\n"
        self.send(request(*arguments) + request("ECHO", "-- no more --"))
        found = await asyncio.wait_for(self.reader.readuntil(mark), DEADLINE_SECONDS)
        return found[: -len(mark)]

    async def rest(self) -> bytes:
        """Everything until the door closes the connection."""
        return await asyncio.wait_for(self.reader.read(-1), DEADLINE_SECONDS)

    async def close(self) -> None:
        self.writer.close()
        await asyncio.wait([asyncio.ensure_future(self.writer.wait_closed())])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.002)


def with_wire(
    test: Callable[[Wire, RedisDoor, StoreGateway], Awaitable[None]], loop: Callable[..., None] = uvloop.run,
    **given: Any,
) -> None:
    async def main() -> None:
        async with open_door(**given) as (door, gateway):
            wire = await Wire.to(door)
            try:
                await test(wire, door, gateway)
            finally:
                await wire.close()

    run(main(), loop)


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_commands_reach_the_store_and_local_ones_do_not(loop: Callable[..., None]) -> None:
    async def test(wire: Wire, door: RedisDoor, gateway: StoreGateway) -> None:
        wire.send(request("SET", "a", 1) + request("PING") + request("GET", "a") + b"ECHO 'b c'\r\n")
        await wire.expect(b"+OK\r\n+PONG\r\n$1\r\n1\r\n$3\r\nb c\r\n")
        await until(lambda: door.counters["batches_in_flight"] == 0)
        assert await wire.ask("GET", "none") == b"$-1\r\n"
        assert [type(message) for message in gateway.seen] == [Execute, Query]
        assert door.counters["commands"] == 6

    with_wire(test, loop)


LOCAL = [
    (["PING"], b"+PONG\r\n"),
    (["PING", "x"], b"$1\r\nx\r\n"),
    (["PING", 1, 2], b"-ERR wrong number of arguments for 'ping' command\r\n"),
    (["ECHO"], b"-ERR wrong number of arguments for 'echo' command\r\n"),
    (["SELECT", 0], b"+OK\r\n"),
    (["SELECT", 1], b"-ERR DB index is out of range\r\n"),
    (["SELECT", "x"], b"-ERR value is not an integer or out of range\r\n"),
    (["NOPE"], b"-ERR unknown command 'NOPE', with args beginning with: \r\n"),
    (["foo", "a\r\n", "b"], b"-ERR unknown command 'foo', with args beginning with: 'a  ' 'b' \r\n"),
    (["MULTI"], b"-ERR unknown command 'MULTI', with args beginning with: \r\n"),
    (["CLIENT"], b"-ERR wrong number of arguments for 'client' command\r\n"),
    (["CLIENT", "GETNAME"], b"$-1\r\n"),
    (["CLIENT", "SETNAME", "a b"], b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"),
    (["CLIENT", "SETNAME"], b"-ERR wrong number of arguments for 'client|setname' command\r\n"),
    (["CLIENT", "FOO"], b"-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"),
    (["CLIENT", "KILL", "x"], b"-ERR unknown subcommand 'KILL'. Try CLIENT HELP.\r\n"),
    (["CLIENT", "pause", 10], b"-ERR unknown subcommand 'pause'. Try CLIENT HELP.\r\n"),
    (["CONFIG", "SET", "a", "b"], b"-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n"),
    (["CLIENT", "NO-EVICT", "on"], b"+OK\r\n"),
    (["CLIENT", "NO-EVICT", "maybe"], b"-ERR syntax error\r\n"),
    (["AUTH", "x"], b"-ERR AUTH <password> called without any password configured for the default user. "
                    b"Are you sure your configuration is correct?\r\n"),
    (["AUTH", "default", "x"], b"+OK\r\n"),
    (["AUTH", "other", "x"], b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
    (["AUTH", 1, 2, 3], b"-ERR syntax error\r\n"),
    (["HELLO", "x"], b"-ERR Protocol version is not an integer or out of range\r\n"),
    (["HELLO", 4], b"-NOPROTO unsupported protocol version\r\n"),
    (["HELLO", 3, "FOO"], b"-ERR Syntax error in HELLO option 'FOO'\r\n"),
    (["HELLO", 2, "SETNAME", "a b"], b"-ERR Client names cannot contain spaces, newlines or special characters.\r\n"),
    (["CONFIG", "GET"], b"-ERR wrong number of arguments for 'config|get' command\r\n"),
    (["CONFIG", "GET", "save"], b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
    (["CONFIG", "GET", "nothing*"], b"*0\r\n"),
    (["RESET"], b"+RESET\r\n"),
]


def test_local_commands_answer_as_redis_does() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        for arguments, reply in LOCAL:
            assert await wire.ask(*arguments) == reply, arguments

    with_wire(test)


def test_state_of_a_connection() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        assert await wire.ask("CLIENT", "SETNAME", "me") == b"+OK\r\n"
        assert await wire.ask("CLIENT", "SETINFO", "lib-name", "lib") == b"+OK\r\n"
        assert await wire.ask("CLIENT", "SETINFO", "lib-x", "1") == b"-ERR Unrecognized option 'lib-x'\r\n"
        assert await wire.ask("client", "getname") == b"$2\r\nme\r\n"
        other = await Wire.to(door)
        assert await other.ask("CLIENT", "ID") == b":2\r\n"
        listed, = twins.parse(await wire.ask("CLIENT", "LIST"))
        lines = listed.decode().splitlines()
        assert [line.split()[0] for line in lines] == ["id=1", "id=2"]
        assert " name=me " in lines[0]
        assert " cmd=client " in lines[0]
        assert lines[0].endswith("lib-name=lib lib-ver=")
        assert listed.split(b"\n")[0].split()[:2] == twins.parse(await wire.ask("CLIENT", "INFO"))[0].split()[:2]
        assert await wire.ask("RESET") == b"+RESET\r\n"
        assert await wire.ask("CLIENT", "GETNAME") == b"$-1\r\n"
        await other.close()

    with_wire(test)


def test_hello_switches_the_protocol_for_what_follows() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        wire.send(request("GET", "a") + request("HELLO", 3, "SETNAME", "me") + request("GET", "a"))
        await wire.expect(b"$-1\r\n%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n")
        assert (await wire.ask("HELLO", 2)).startswith(b"") # drains the rest of the first answer
        assert await wire.ask("GET", "a") == b"$-1\r\n"
        assert await wire.ask("CLIENT", "GETNAME") == b"$2\r\nme\r\n"
        hello, = twins.parse(await wire.ask("HELLO", 3))
        assert hello[b"proto"] == 3
        assert hello[b"role"] == b"master"
        assert await wire.ask("GET", "a") == b"_\r\n"
        assert await wire.ask("CLIENT", "NO-TOUCH", "off") == b"+OK\r\n"
        config, = twins.parse(await wire.ask("CONFIG", "GET", "max*", "port"))
        assert set(config) == {b"maxclients", b"maxmemory", b"maxmemory-policy", b"port"}
        assert (await wire.ask("INFO", "server")).startswith(b"=")

    with_wire(test)


def test_help_names_every_subcommand_and_the_list_of_clients_can_be_narrowed() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        for container, wanted in (
            ("CLIENT", {"ID", "GETNAME", "SETNAME", "SETINFO", "INFO", "LIST", "NO-EVICT", "NO-TOUCH", "HELP"}),
            ("COMMAND", {"COUNT", "LIST", "INFO", "DOCS", "HELP"}), ("CONFIG", {"GET", "HELP"}),
        ):
            lines, = twins.parse(await wire.ask(container, "help"))
            assert lines[0].startswith(container.encode() + b" <subcommand>")
            assert {line.split()[0].decode() for line in lines[1:] if line[:1] not in (b" ", b"(")} == wanted
        own, = twins.parse(await wire.ask("CLIENT", "ID"))
        narrowed = ((["TYPE", "normal"], 1), (["type", "PubSub"], 0), (["ID", own, 7], 1), (["ID", own + 1], 0))
        for options, count in narrowed:
            found, = twins.parse(await wire.ask("CLIENT", "LIST", *options))
            assert found.count(b"\n") == count, options

    with_wire(test)


def test_info_shows_the_keys_as_redis_does() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        found, = twins.parse(await wire.ask("INFO", "keyspace"))
        assert found == b"# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=0\r\n"
        everything, = twins.parse(await wire.ask("INFO"))
        assert b"actorum_keys:7\r\n" in everything
        assert b"actorum_disk_bytes:4096\r\n" in everything

    with_wire(test, status=lambda: {"keys": 7, "expiring_keys": 2, "disk_bytes": 4096})


def test_info_of_a_node_without_keys_has_an_empty_keyspace() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        assert twins.parse(await wire.ask("INFO", "keyspace")) == [b"# Keyspace\r\n"]

    with_wire(test, status=lambda: {"keys": 0, "expiring_keys": 0})


def test_info_and_command_describe_the_node() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        info, = twins.parse(await wire.ask("INFO"))
        facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
        assert facts["tcp_port"] == str(door.port)
        assert (facts["role"], facts["actorum_role"], facts["actorum_leader"]) == ("master", "follower", "")
        assert facts["connected_clients"] == "1"
        assert twins.parse(await wire.ask("INFO", "replication", "clients"))[0].count(b"# ") == 2
        assert await wire.ask("INFO", "nothing") == b"$0\r\n\r\n"
        count, = twins.parse(await wire.ask("COMMAND", "COUNT"))
        everything, = twins.parse(await wire.ask("COMMAND"))
        assert count == len(everything) == len(twins.parse(await wire.ask("COMMAND", "LIST"))[0])
        (get, mset, none), = twins.parse(await wire.ask("COMMAND", "INFO", "get", "MSET", "nope"))
        assert get[:6] == [b"get", 2, [b"readonly"], 1, 1, 1]
        assert mset[:6] == [b"mset", -3, [b"write"], 1, -1, 2]
        assert none is None
        docs, = twins.parse(await wire.ask("COMMAND", "DOCS", "get"))
        assert docs[0] == b"get"
        assert b"unknown subcommand 'X'" in await wire.ask("COMMAND", "X")

    with_wire(test, status=lambda: {"role": "follower", "leader": None, "term": 3, "commit_index": 9})


def test_password() -> None:
    async def test(wire: Wire, _door: RedisDoor, gateway: StoreGateway) -> None:
        no_auth = b"-NOAUTH Authentication required.\r\n"
        wire.send(request("GET", "a") + request("PING") + request("NOPE") + request("GET"))
        await wire.expect(
            no_auth * 2 + b"-ERR unknown command 'NOPE', with args beginning with: \r\n"
            b"-ERR wrong number of arguments for 'get' command\r\n"
        )
        wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        wire.send(request("AUTH", "no") + request("AUTH", "other", "secret") + request("HELLO", 3))
        await wire.expect(wrong * 2 + b"-NOAUTH HELLO must be called")
        await wire.reader.readuntil(b"\r\n")
        wire.send(request("HELLO", 3, "AUTH", "default", "wrong") + request("SET", "a", 1))
        await wire.expect(wrong + no_auth)
        assert gateway.seen == []
        wire.send(request("AUTH", "secret") + request("SET", "a", 1))
        await wire.expect(b"+OK\r\n+OK\r\n")
        wire.send(request("RESET") + request("GET", "a"))
        await wire.expect(b"+RESET\r\n" + no_auth)
        wire.send(request("HELLO", 2, "AUTH", "default", "secret"))
        await wire.expect(b"*14\r\n$6\r\nserver\r\n")

    with_wire(test, password="secret")


@pytest.mark.parametrize(
    ("status", "reason", "reply"),
    [
        (Status.NOT_EXECUTED, "no leader is known", b"-CLUSTERDOWN no leader is known\r\n"),
        (Status.NOT_EXECUTED, "",
         b"-CLUSTERDOWN the cluster cannot take commands now; not executed, try again\r\n"),
        (Status.UNKNOWN, "no answer in 5 s", b"-UNKNOWN no answer in 5 s: may have been executed\r\n"),
        (Status.UNKNOWN, "it may have been executed", b"-UNKNOWN it may have been executed\r\n"),
    ],
)
def test_errors_tell_the_outcome(status: Status, reason: str, reply: bytes) -> None:
    async def test(wire: Wire, door: RedisDoor, gateway: StoreGateway) -> None:
        gateway.status, gateway.reason = status, reason
        wire.send(request("SET", "a", 1) + request("PING") + request("SET", "b", 2))
        await wire.expect(reply + b"+PONG\r\n" + reply)
        wire.send(request("GET", "a"))
        await wire.expect(reply)
        gateway.status = Status.DONE
        assert await wire.ask("SET", "a", 1) == b"+OK\r\n"
        counters = door.counters
        assert counters["batches_not_executed"] + counters["batches_unknown"] == 2

    with_wire(test)


def test_what_the_gateway_never_answers_is_answered_by_the_second_sweep() -> None:
    async def test(wire: Wire, door: RedisDoor, gateway: StoreGateway) -> None:
        gateway.hold = True
        other = await Wire.to(door)
        wire.send(request("SET", "a", 1))
        other.send(request("GET", "a"))
        await until(lambda: len(gateway.held) == 2)
        gateway.system.deliver(Sweep())
        await asyncio.sleep(0)
        assert door.counters["batches_in_flight"] == 2
        gateway.system.deliver(Sweep())
        await wire.expect(b"-UNKNOWN the node did not answer in time: may have been executed\r\n")
        await other.expect(b"-CLUSTERDOWN the node did not answer in time\r\n")
        gateway.release()
        await until(lambda: door.counters["stray_outcomes"] == 2)
        assert await wire.ask("PING") == b"+PONG\r\n"
        await other.close()

    with_wire(test)


def test_a_protocol_error_closes_the_connection_after_the_answers_before_it() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        wire.send(request("SET", "a", 1) + b"*1\r\n!!\r\n" + request("SET", "b", 1))
        assert await wire.rest() == b"+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n"
        await until(lambda: door.counters["connections"] == 0)
        assert door.counters["protocol_errors"] == 1

    with_wire(test)


def test_http_is_refused() -> None:
    async def test(wire: Wire, _door: RedisDoor, gateway: StoreGateway) -> None:
        wire.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n")
        assert b"SECURITY ATTACK" in await wire.rest()
        assert gateway.seen == []

    with_wire(test)


@pytest.mark.parametrize("loop", [asyncio.run, uvloop.run])
def test_a_half_closed_client_gets_its_answers(loop: Callable[..., None]) -> None:
    async def test(wire: Wire, door: RedisDoor, gateway: StoreGateway) -> None:
        gateway.hold = True
        wire.send(request("GET", "a") + request("PING"))
        await until(lambda: len(gateway.held) == 1)
        wire.send(request("SET", "a", 1) + b"*1\r\n$4\r\nPI")
        wire.writer.write_eof()
        await asyncio.sleep(0.01)
        gateway.release()
        assert await wire.rest() == b"$-1\r\n+PONG\r\n+OK\r\n"
        await until(lambda: door.counters["connections"] == 0)

    with_wire(test, loop)


def test_ten_thousand_commands_in_one_write() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        wire.send(b"".join(request("INCR", "n") + request("GET", "n") for _ in range(5000)))
        expected = b"".join(b":%d\r\n$%d\r\n%d\r\n" % (n, len(str(n)), n) for n in range(1, 5001))
        await wire.expect(expected)
        assert door.counters["batches"] < 200

    with_wire(test)


def test_a_large_value_travels_in_many_pieces() -> None:
    async def test(wire: Wire, _door: RedisDoor, _gateway: StoreGateway) -> None:
        value = bytes(range(256)) * 40_000
        assert await wire.ask("SET", "a", value) == b"+OK\r\n"
        wire.send(request("GET", "a"))
        await wire.expect(b"$%d\r\n%b\r\n" % (len(value), value))

    with_wire(test)


def slow_reader(door: RedisDoor) -> socket.socket:
    """A client that takes its time: small buffers, and nobody reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", door.port))
    client.setblocking(False)
    return client


def test_a_reader_that_leaves_too_much_unread_is_disconnected() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        assert await wire.ask("SET", "a", b"v" * 1_000_000) == b"+OK\r\n"
        with slow_reader(door) as client:
            client.send(request("GET", "a") * 100)
            await until(lambda: door.counters["slow_readers"] == 1)
        await until(lambda: door.counters["connections"] == 1)
        assert await wire.ask("PING") == b"+PONG\r\n"

    with_wire(test, max_output_bytes=8 << 20, output_high_water_bytes=100_000)


def test_a_slow_reader_is_held_back_then_given_up() -> None:
    async def test(wire: Wire, door: RedisDoor, _gateway: StoreGateway) -> None:
        assert await wire.ask("SET", "a", b"v" * 1_000_000) == b"+OK\r\n"
        with slow_reader(door) as client:
            for _ in range(100):
                client.send(request("GET", "a"))
                await asyncio.sleep(0)
            await until(lambda: door.counters["slow_readers"] == 1)
            assert door.counters["bytes_out"] < 100_000_000

    with_wire(test, output_high_water_bytes=100_000, slow_reader_seconds=0.3)


def test_too_many_clients_are_told_so() -> None:
    async def main() -> None:
        async with open_door(max_clients=2) as (door, _):
            first, second, third = [await Wire.to(door) for _ in range(3)]
            assert await third.rest() == b"-ERR max number of clients reached\r\n"
            assert await first.ask("PING") == b"+PONG\r\n"
            await first.close()
            await until(lambda: door.counters["connections"] == 1)
            fourth = await Wire.to(door)
            assert await fourth.ask("PING") == b"+PONG\r\n"
            assert door.counters["connections_refused"] == 1
            for wire in (second, third, fourth):
                await wire.close()

    run(main())


def test_closing_answers_what_is_in_flight_and_takes_no_more() -> None:
    async def main() -> None:
        gateway = StoreGateway()
        async with open_door(gateway) as (door, _):
            gateway.hold = True
            idle, busy = await Wire.to(door), await Wire.to(door)
            busy.send(request("SET", "a", 1))
            await until(lambda: len(gateway.held) == 1)
            closing = asyncio.create_task(door.close(DEADLINE_SECONDS))
            assert await idle.rest() == b""
            busy.send(request("SET", "b", 1))
            with pytest.raises(OSError):
                await Wire.to(door)
            gateway.release()
            assert await busy.rest() == b"+OK\r\n"
            await closing
            assert gateway.store.stats()["keys"] == 1
            await idle.close()
            await busy.close()

    run(main())


def test_closing_cuts_off_who_is_not_done_in_time(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        gateway = StoreGateway()
        async with open_door(gateway) as (door, _):
            gateway.hold = True
            wire = await Wire.to(door)
            wire.send(request("SET", "a", 1))
            await until(lambda: len(gateway.held) == 1)
            await door.close(0.05)
            assert door.counters["connections"] == 0
            assert await wire.rest() == b""
            await wire.close()

    run(main())
    assert "1 Redis clients were cut off" in caplog.text


def test_a_port_in_use_is_said() -> None:
    async def main() -> None:
        gateway = StoreGateway()
        async with open_door(gateway) as (door, _):
            settings = RedisDoorSettings(port=door.port)
            second = RedisDoor(gateway.system, gateway.system.gateway_reference, settings, dict)
            with pytest.raises(DoorError, match=rf"cannot listen on 127.0.0.1:{door.port}: .*choose another"):
                await second.start()
            await second.close(1.0)

    run(main())
