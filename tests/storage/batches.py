"""Batches and replies as the store speaks them, for tests: (name, arguments) to bytes and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from core_ext.store import COMMANDS

Command = Sequence[bytes | str | int]


def raw(value: bytes | str | int) -> bytes:
    """An argument's bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def batch(*commands: Command) -> bytes:
    """Commands, each ``("SET", key, value)``, as one batch."""
    parts = []
    for name, *arguments in commands:
        opcode = COMMANDS[raw(name).upper()][0]
        parts.append(struct.pack("<HH", opcode, len(arguments)))
        for argument in map(raw, arguments):
            parts += [struct.pack("<I", len(argument)), argument]
    return b"".join(parts)


def split(replies: bytes) -> list[bytes]:
    """Length-prefixed replies, as a list."""
    found, at = [], 0
    while at < len(replies):
        (size,) = struct.unpack_from("<I", replies, at)
        found.append(replies[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(replies)
    return found


def join(replies: Iterable[bytes]) -> bytes:
    """The opposite of ``split``."""
    return b"".join(struct.pack("<I", len(reply)) + reply for reply in replies)


def parse(reply: bytes) -> object:
    """One RESP3 reply as a value: text for simple strings and errors, bytes, int, None or list."""
    value, rest = _parse(reply)
    assert rest == b"", reply
    return value


def _parse(data: bytes) -> tuple[object, bytes]:
    line, rest = data.split(b"\r\n", 1)
    kind, text = line[:1], line[1:]
    if kind == b"_":
        return None, rest
    if kind == b":":
        return int(text), rest
    if kind in b"+-":
        return (kind + text).decode("latin-1"), rest
    if kind == b"$":
        size = int(text)
        assert rest[size : size + 2] == b"\r\n", data
        return rest[:size], rest[size + 2 :]
    assert kind == b"*", data
    items = []
    for _ in range(int(text)):
        item, rest = _parse(rest)
        items.append(item)
    return items, rest
