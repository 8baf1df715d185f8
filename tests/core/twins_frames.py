"""Frames and message bodies in plain Python, from the format's description. The oracle of core_ext.frames and codec."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from core_ext.mailbox import Reference

FRAME = struct.Struct("<IHHIIQQ")
ENVELOPE = struct.Struct("<IBBHHHIQQQ")
MAGIC = int.from_bytes(b"TORM", "little")
OWN_PART_BYTES = 64 * 1024


class Letter(NamedTuple):
    """One envelope, as plain values."""

    kind: int
    target_name: str
    target_incarnation: int
    sender_name: str | None
    sender_incarnation: int
    correlation: int
    wire_id: int
    body: bytes


class Broken(Exception):
    """The bytes are no frame."""


def write(letters: Sequence[Letter], sender: int, receiver: int) -> list[bytes]:
    own_parts = [letter.body for letter in letters if len(letter.body) >= OWN_PART_BYTES]
    out = FRAME.pack(MAGIC, 1, 0, len(letters), len(own_parts), sender, receiver)
    for letter in letters:
        target, source = letter.target_name.encode(), (letter.sender_name or "").encode()
        own = len(letter.body) >= OWN_PART_BYTES
        rest = target + source + (b"" if own else letter.body)
        out += ENVELOPE.pack(
            ENVELOPE.size + len(rest), letter.kind, own, len(target), len(source), 0, letter.wire_id,
            letter.correlation, letter.target_incarnation, letter.sender_incarnation,
        ) + rest
    return [out, *own_parts]


def require(condition: bool) -> None:
    if not condition:
        raise Broken


def read(parts: Sequence[bytes]) -> tuple[int, int, list[Letter]]:
    """Sender's incarnation, receiver's, and the envelopes."""
    require(len(parts) > 0 and len(parts[0]) >= FRAME.size)
    data, own_parts = parts[0], list(parts[1:])
    magic, version, zero, count, part_count, sender, receiver = FRAME.unpack_from(data)
    require(magic == MAGIC and version == 1 and zero == 0 and count <= 1 << 20 and part_count == len(own_parts))
    at = FRAME.size
    letters = []
    for _ in range(count):
        require(len(data) - at >= ENVELOPE.size)
        size, kind, flags, target_length, source_length, zero, wire_id, correlation, target_incarnation, \
            sender_incarnation = ENVELOPE.unpack_from(data, at)
        names_end = ENVELOPE.size + target_length + source_length
        require(at + size <= len(data) and size >= names_end and kind <= 3 and flags <= 1 and zero == 0)
        require(target_length <= 1024 and source_length <= 1024)
        envelope = data[at:at + size]
        try:
            target = envelope[ENVELOPE.size:ENVELOPE.size + target_length].decode()
            source = envelope[ENVELOPE.size + target_length:names_end].decode()
        except UnicodeDecodeError as error:
            raise Broken from error
        body = envelope[names_end:]
        if flags:
            require(not body and bool(own_parts))
            body = own_parts.pop(0)
        letters.append(Letter(
            kind, target, target_incarnation, source or None, sender_incarnation, correlation, wire_id, body,
        ))
        at += size
    require(at == len(data) and not own_parts)
    return sender, receiver, letters


def msgpack(value: Any) -> bytes:
    """A value in msgpack's shortest form; messages are arrays of their fields, references of three."""
    if isinstance(value, Reference):
        return msgpack((value.node, value.name, value.incarnation))
    if hasattr(value, "__struct_fields__"):
        return msgpack(tuple(getattr(value, field) for field in value.__struct_fields__))
    if isinstance(value, enum.Enum):
        return msgpack(value.value)
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, bytes):
        return _sized(len(value), ((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I"))) + value
    if isinstance(value, str):
        text = value.encode()
        if len(text) < 32:
            return bytes([0xA0 | len(text)]) + text
        return _sized(len(text), ((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I"))) + text
    if isinstance(value, (tuple, list)):
        items = b"".join(map(msgpack, value))
        if len(value) < 16:
            return bytes([0x90 | len(value)]) + items
        return _sized(len(value), ((0xDC, ">H"), (0xDD, ">I"))) + items
    raise TypeError(type(value))


def _sized(length: int, forms: Sequence[tuple[int, str]]) -> bytes:
    for code, layout in forms:
        if length < 1 << 8 * struct.calcsize(layout):
            return bytes([code]) + struct.pack(layout, length)
    raise OverflowError(length)


def _integer(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack("b", value) if value < 0 else bytes([value])
    if value > 0:
        return _sized(value, ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")))
    for code, layout in ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q")):
        if value >= -(1 << 8 * struct.calcsize(layout) - 1):
            return bytes([code]) + struct.pack(layout, value)
    raise OverflowError(value)
