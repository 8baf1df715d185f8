"""The store answers every command as Redis 7.0 does, byte for byte."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time

import pytest

from core_ext.store import Store
from tests.storage.batches import batch, parse, split
from tests.storage.golden import RawRedis, load, random_command

UNORDERED = (b"KEYS", b"SCAN")
STORIES = load()


def same(name: bytes, ours: bytes, theirs: bytes) -> bool:
    """Equal, but for the order in which keys are listed, and for the moment that relative times counted from."""
    found, expected = parse(ours), parse(theirs)
    timed = {b"TTL": 1, b"EXPIRETIME": 1, b"PEXPIRETIME": 1000}.get(name.upper(), 0)
    if timed and isinstance(found, int) and isinstance(expected, int) and min(found, expected) > 0:
        return abs(found - expected) <= timed
    if name.upper() not in UNORDERED or ours == theirs:
        return ours == theirs
    if name.upper() == b"SCAN" and isinstance(found, list) and isinstance(expected, list):
        return bool(found[0] == expected[0] and sorted(found[1]) == sorted(expected[1]))
    return isinstance(found, list) and isinstance(expected, list) and sorted(found) == sorted(expected)


@pytest.mark.parametrize("number", range(len(STORIES)))
def test_replies_are_those_of_redis(number: int) -> None:
    begun_ms, story = STORIES[number]
    store = Store()
    for at, (command, reply) in enumerate(story):
        (ours,) = split(store.apply(begun_ms, batch(command)))
        assert same(command[0], ours, reply), f"{at}: {command} after {[each for each, _ in story[:at]][-12:]}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_replies_are_those_of_a_running_redis(tmp_path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL) as server:
        try:
            compare(port)
        finally:
            server.terminate()


def compare(port: int) -> None:
    deadline = time.monotonic() + 10
    redis = None
    while redis is None:
        try:
            redis = RawRedis(port)
        except OSError:
            assert time.monotonic() < deadline, "redis-server did not start within 10 s"
            time.sleep(0.05)
    draw = random.Random(7)
    for _ in range(300):
        redis.call(["FLUSHALL"])
        store, begun_ms = Store(), int(time.time() * 1000)
        for _ in range(80):
            command = random_command(draw)
            theirs = redis.call(command)
            encoded = [part.encode("latin-1") for part in command]
            (ours,) = split(store.apply(begun_ms, batch(encoded)))
            assert same(encoded[0], ours, theirs), command
    redis.close()
