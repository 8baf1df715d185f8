"""Plain-Python twins of the door's native parts: the oracles of the tests. Slow and obvious."""

from __future__ import annotations

from typing import Any

import hiredis

_END = b"the end"
_BLANKS = b" \t\n\v\f\r"
_ESCAPES = {ord("n"): 10, ord("r"): 13, ord("t"): 9, ord("b"): 8, ord("a"): 7}


def split_line(line: bytes) -> list[bytes] | None:
    """Redis's sdssplitargs, after its C source's states."""
    text = line.split(b"\0")[0]
    result: list[bytes] = []
    at = 0
    while True:
        while text[at : at + 1] and text[at] in _BLANKS:
            at += 1
        if at == len(text):
            return result
        word = bytearray()
        quote = ""
        while True:
            rest = text[at:]
            if not rest:
                if quote:
                    return None
                break
            if quote == '"' and rest[:2] == b"\\x" and _is_hex(rest[2:4]):
                word.append(int(rest[2:4], 16))
                at += 4
            elif quote == '"' and rest[:1] == b"\\" and len(rest) > 1:
                word.append(_ESCAPES.get(rest[1], rest[1]))
                at += 2
            elif quote == "'" and rest[:2] == b"\\'":
                word += b"'"
                at += 2
            elif quote and rest[:1] == quote.encode():
                if len(rest) > 1 and rest[1] not in _BLANKS:
                    return None
                at += 1
                break
            elif quote:
                word += rest[:1]
                at += 1
            elif rest[0] in b" \n\r\t":
                break
            elif rest[:1] in (b'"', b"'"):
                quote = rest[:1].decode()
                at += 1
            else:
                word += rest[:1]
                at += 1
        result.append(bytes(word))


def _is_hex(text: bytes) -> bool:
    return len(text) == 2 and all(byte in b"0123456789abcdefABCDEF" for byte in text)


def parse(stream: bytes) -> list[Any]:
    """All values of a RESP stream, by hiredis; errors are hiredis.ReplyError objects."""
    reader = hiredis.Reader()
    reader.feed(stream + resp3(_END))
    found = []
    while (value := reader.gets()) is not False:
        found.append(value)
    assert found[-1:] == [_END], f"the stream does not end where a value ends: {stream[-80:]!r}"
    return found[:-1]


def decode_batch(batch: bytes) -> list[tuple[int, list[bytes]]]:
    """The commands of a batch as (opcode, arguments), after protocols/storage/messages.py."""
    found = []
    at = 0
    while at < len(batch):
        opcode, count = int.from_bytes(batch[at : at + 2], "little"), int.from_bytes(batch[at + 2 : at + 4], "little")
        at += 4
        arguments = []
        for _ in range(count):
            size = int.from_bytes(batch[at : at + 4], "little")
            arguments.append(batch[at + 4 : at + 4 + size])
            assert len(arguments[-1]) == size
            at += 4 + size
        found.append((opcode, arguments))
    return found


def framed(*replies: bytes) -> bytes:
    """Replies as they travel: length and bytes each."""
    return b"".join(len(reply).to_bytes(4, "little") + reply for reply in replies)


def resp3(value: Any) -> bytes:
    """A value as RESP3: None, bool, int, float, bytes, list, dict, set (as a frozenset or tuple marked "set")."""
    if value is None:
        return b"_\r\n"
    if isinstance(value, bool):
        return b"#t\r\n" if value else b"#f\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, float):
        return b",%b\r\n" % repr(value).encode()
    if isinstance(value, bytes):
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if isinstance(value, dict):
        return b"%%%d\r\n" % len(value) + b"".join(resp3(key) + resp3(item) for key, item in value.items())
    head = b"~" if isinstance(value, frozenset) else b"*"
    return b"%b%d\r\n" % (head, len(value)) + b"".join(map(resp3, value))


def resp2(value: Any) -> bytes:
    """The same value as RESP2."""
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, bool):
        return b":%d\r\n" % value
    if isinstance(value, float):
        return resp2(repr(value).encode())
    if isinstance(value, dict):
        flat = [part for pair in value.items() for part in pair]
        return b"*%d\r\n" % len(flat) + b"".join(map(resp2, flat))
    if isinstance(value, list | frozenset):
        return b"*%d\r\n" % len(value) + b"".join(map(resp2, value))
    return resp3(value)
