"""Batches of commands and their replies, as ``messages`` describes them, for callers that speak for themselves: the
clients of a simulated store. The real door does the same in the native core. Knows no actor.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from core_ext.store import COMMANDS

_HEAD = struct.Struct("<HH")
_LENGTH = struct.Struct("<I")

Argument = bytes | str | int


def raw(value: Argument) -> bytes:
    """An argument's bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


def writes(command: Sequence[Argument]) -> bool:
    """Whether a command goes through the log.

    Raises:
        KeyError: the store has no such command.
    """
    return COMMANDS[raw(command[0]).upper()][3]


def encode(*commands: Sequence[Argument]) -> bytes:
    """Commands, each ``("SET", key, value)``, as one batch.

    Raises:
        KeyError: the store has no such command.
    """
    parts = []
    for name, *arguments in commands:
        parts.append(_HEAD.pack(COMMANDS[raw(name).upper()][0], len(arguments)))
        for argument in map(raw, arguments):
            parts.append(_LENGTH.pack(len(argument)) + argument)
    return b"".join(parts)


def split(replies: bytes) -> list[bytes]:
    """The replies of a batch, one a command, in RESP3."""
    found, at = [], 0
    while at < len(replies):
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(replies, at)[0]
        found.append(replies[start:at])
    return found


def simple(reply: bytes) -> bytes | int | None:
    """The value of a reply that is one string, number or null; an error or anything else is its bytes."""
    kind = reply[:1]
    if kind == b"_":
        return None
    if kind == b":":
        return int(reply[1:-2])
    if kind == b"$":
        return reply[reply.index(b"\r\n") + 2 : -2]
    return reply[:-2]
