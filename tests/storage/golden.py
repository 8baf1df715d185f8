"""Commands with the replies of a real Redis 7.0, so that the fast tests need none.

``python -m tests.storage.golden`` starts a redis-server on a free port and writes ``golden.json`` anew. Commands are
drawn from a seed, with arguments that provoke every option, error and edge.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.storage.batches import Command, raw

FILE = Path(__file__).with_name("golden.json")
FAR_SECONDS = 9_999_999_999
KEYS = ["a", "b", "c", "key:1", "key:2", "k*y", "", "bin\x00\r\n\xff"]
VALUES = ["", "0", "1", "-1", "10", "007", "+5", " 3", "9223372036854775807", "-9223372036854775808", "abc",
          "hello world", "9223372036854775808", "1.5", "\x00\xff\r\n", "x" * 50]
NUMBERS = ["0", "1", "-1", "2", "5", "100", "-100", "x", "", "1.0", "-0", "01", " 1", "9223372036854775807",
           "-9223372036854775808", "9223372036854775808", "9223372036854775", "9223372036854776"]
EXPIRIES = [("EX", "100"), ("PX", "100000"), ("EXAT", str(FAR_SECONDS)), ("PXAT", f"{FAR_SECONDS}500"), ("EX", "0"),
            ("PX", "-1"), ("EXAT", "1"), ("PXAT", "1"), ("EX", "x"), ("EX",), ("ex", "9223372036854775807"),
            ("PX", "9223372036854775807"), ("EX", "9223372036854775"), ("PXAT", "9223372036854775807")]
PATTERNS = ["*", "a", "?", "key:*", "k\\*y", "k[*]y", "[a-c]", "[^a]", "[c-a]", "key:[12", "[", "\\", "*\\*", "**", "",
            "[]", "k??:?", "*:*", "[a\\-c]", "bin*", "[^", "*[", "a*a", "[\\]", "[a-", "[a-]", "x**", "?*", "*?"]
WORDS = ["NX", "XX", "GET", "KEEPTTL", "PERSIST", "GT", "LT", "nx", "bogus", "b\r\nd\x00x", ""]


def random_command(draw: random.Random) -> list[str]:
    """One command, likely to mean something."""
    key = draw.choice(KEYS[:4] if draw.random() < 0.8 else KEYS)
    value, number = draw.choice(VALUES), draw.choice(NUMBERS)
    soon = number if number not in ("1", "2", "5", "100") else "100000"  # nothing may expire while Redis is asked
    expiry, words = list(draw.choice(EXPIRIES)), draw.choices(WORDS, k=draw.choice([0, 0, 1, 1, 2, 3]))
    keys = draw.choices(KEYS, k=draw.randint(1, 4))
    pairs = [text for each in keys for text in (each, draw.choice(VALUES))]
    options = draw.choice([[], words, expiry, [*words, *expiry], [*expiry, *words], [*expiry, *draw.choice(EXPIRIES)]])
    absolute = draw.choice([str(FAR_SECONDS), str(FAR_SECONDS + 7), "1", "0", "-5", number])
    return draw.choice([
        ["GET", key], ["SET", key, value, *options], ["SET", key, value], ["SET", key, value],
        ["GETDEL", key], ["GETEX", key, *options], ["SETNX", key, value],
        ["SETEX", key, draw.choice([number, "100"]), value], ["PSETEX", key, draw.choice([soon, "100000"]), value],
        ["MGET", *keys], ["MSET", *pairs], ["MSET", *pairs[:-1]], ["MSETNX", *pairs], ["MSETNX", *pairs[:-1]],
        ["APPEND", key, value], ["STRLEN", key], ["INCR", key], ["DECR", key], ["INCRBY", key, number],
        ["DECRBY", key, number], ["SET", key, number], ["DEL", *keys], ["UNLINK", *keys], ["EXISTS", *keys],
        ["EXPIRE", key, draw.choice([number, "100"]), *words], ["PEXPIRE", key, draw.choice([soon, "100000"]), *words],
        ["EXPIREAT", key, absolute, *words], ["PEXPIREAT", key, absolute + "000", *words],
        ["EXPIREAT", key, absolute], ["TTL", key], ["TTL", key], ["EXPIRETIME", key], ["PERSIST", key], ["TYPE", key],
        ["KEYS", draw.choice(PATTERNS)], ["SCAN", "0", "COUNT", "1000", "MATCH", draw.choice(PATTERNS)],
        ["SCAN", draw.choice(["0", "", "+0", "-0", "x", "1x", " 1", "18446744073709551616"]), "COUNT", "1000"],
        ["SCAN", "0", *draw.choice([["COUNT"], ["COUNT", "0"], ["COUNT", "x"], ["TYPE", "STRING", "COUNT", "99"],
                                    ["TYPE", "hash", "COUNT", "99"], ["bogus", "1"], ["MATCH"]])],
        ["DBSIZE"], ["GETSET", key, value], ["GETRANGE", key, number, draw.choice(NUMBERS)],
        ["GETRANGE", key, str(draw.randint(-20, 20)), str(draw.randint(-20, 20))],
        ["SETRANGE", key, draw.choice(["0", "3", "60", "-1", "x", "9999999999999"]), value], ["TOUCH", *keys],
        [draw.choice(["FLUSHDB", "FLUSHALL"]), *draw.choice([[], ["ASYNC"], ["sync"], ["bogus"], ["SYNC", "SYNC"]])]
        if draw.random() < 0.1 else ["PEXPIRETIME", key],
        *([["GET"], ["GET", key, key], ["SET", key], ["DBSIZE", key], ["INCRBY", key], ["EXPIRE", key], ["MSET", key],
           ["SETEX", key, "1"], ["TTL"], ["KEYS"], ["SCAN"]] if draw.random() < 0.05 else []),
    ])


def stories(count: int = 60, length: int = 60) -> Iterator[list[list[str]]]:
    """Sequences of commands that start on an empty store."""
    for seed in range(count):
        draw = random.Random(seed)
        yield [random_command(draw) for _ in range(length)]


class RawRedis:
    """One RESP3 connection that gives replies as the bytes they are."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")
        self.call(["HELLO", "3"])

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._socket.close()

    def call(self, command: Command) -> bytes:
        """Send one command, return its reply's bytes."""
        parts = [part if isinstance(part, bytes) else str(part).encode("latin-1") for part in command]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._read()

    def _read(self) -> bytes:
        line = self._file.readline()
        kind, text = line[:1], line[1:-2]
        if kind == b"$":
            return line + self._file.read(int(text) + 2)
        if kind in b"*%":
            items = int(text) * (2 if kind == b"%" else 1)
            return line + b"".join(self._read() for _ in range(items))
        return line


def record() -> None:
    """Write the golden file."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL) as server:
            try:
                FILE.write_text(json.dumps(_run(_connect(port)), separators=(",", ":")).replace("],[[", "],\n[["))
            finally:
                server.terminate()


def _connect(port: int) -> RawRedis:
    deadline = time.monotonic() + 10
    while True:
        try:
            return RawRedis(port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _run(redis: RawRedis) -> list[object]:
    found: list[object] = []
    for story in stories():
        redis.call(["FLUSHALL"])
        begun_ms = int(time.time() * 1000)
        replies = [redis.call(command).decode("latin-1") for command in story]
        found.append([begun_ms, list(zip(story, replies, strict=True))])
    redis.close()
    return found


def load() -> list[tuple[int, list[tuple[list[bytes], bytes]]]]:
    """Stories with the time in milliseconds at which they began: (command, reply) each."""
    return [
        (begun, [([part.encode("latin-1") for part in command], reply.encode("latin-1")) for command, reply in story])
        for begun, story in json.loads(FILE.read_text())
    ]


__all__ = ["RawRedis", "load", "random_command", "raw", "record", "stories"]

if __name__ == "__main__":
    record()
