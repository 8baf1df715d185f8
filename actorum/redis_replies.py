"""RESP encodings for the replies that the Redis door gives by itself. Must not know commands or connections."""

from __future__ import annotations

from collections.abc import Sequence

OK = b"+OK\r\n"


def simple(text: str) -> bytes:
    """A simple string; the text holds no line end."""
    return b"+%b\r\n" % text.encode()


def error(text: str) -> bytes:
    """An error, ``text`` beginning with its code; line ends inside become blanks, as Redis does it."""
    return b"-%b\r\n" % text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape")


def integer(number: int) -> bytes:
    """An integer."""
    return b":%d\r\n" % number


def bulk(value: bytes | str) -> bytes:
    """A bulk string."""
    data = value.encode() if isinstance(value, str) else value
    return b"$%d\r\n%b\r\n" % (len(data), data)


def null(protocol: int) -> bytes:
    """Nothing: RESP2 has no type for it and uses a bulk string of length -1."""
    return b"_\r\n" if protocol >= 3 else b"$-1\r\n"


def array(items: Sequence[bytes]) -> bytes:
    """An array of values that are encoded already."""
    return b"*%d\r\n%b" % (len(items), b"".join(items))


def mapping(pairs: Sequence[tuple[bytes, bytes]], protocol: int) -> bytes:
    """A map of encoded keys and values; in RESP2 a flat array."""
    head = b"%%%d\r\n" % len(pairs) if protocol >= 3 else b"*%d\r\n" % (2 * len(pairs))
    return head + b"".join(key + value for key, value in pairs)


def collection(items: Sequence[bytes], protocol: int) -> bytes:
    """A set of encoded values; in RESP2 an array."""
    return b"%b%d\r\n%b" % (b"~" if protocol >= 3 else b"*", len(items), b"".join(items))


def verbatim(text: str, protocol: int) -> bytes:
    """Text for people; in RESP2 a bulk string."""
    if protocol < 3:
        return bulk(text)
    data = text.encode()
    return b"=%d\r\ntxt:%b\r\n" % (len(data) + 4, data)
