"""Link messages and the rules of admission, without a socket."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import WireError
from actors.runtime.handshake import (
    MAX_LINK_MESSAGE_BYTES,
    Bye,
    Hello,
    Identity,
    LinkMessage,
    Ping,
    Pong,
    Refused,
    Stranger,
    VersionMismatch,
    Welcome,
    decode,
    encode,
    is_link_message,
    why_refused,
)
from core_ext.codec import WIRE_VERSION

US = Identity("b", 5, "c1", "fb", "tcp://127.0.0.1:1")
HELLO = Hello("a", 9, "c1", "fa", "tcp://127.0.0.1:2")
ALL: list[LinkMessage] = [
    HELLO, Welcome("b", 1, "c1", "", 2, 3, 4), Refused("because"), Ping(1), Pong(1, 2, 3, 4, 5), Stranger(), Bye("x"),
]


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_what_is_encoded_is_decoded(message: LinkMessage) -> None:
    part = encode(message)
    assert is_link_message(part)
    assert decode(part) == (message, WIRE_VERSION)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_link_message_or_a_wire_error(garbage: bytes) -> None:
    for part in (garbage, b"ALNK" + garbage, encode(HELLO)[:8] + garbage):
        with contextlib.suppress(WireError):
            decode(part)


@given(st.integers(0, 6), st.integers(0, 200), st.integers(0, 255))
def test_a_damaged_byte_gives_a_message_or_a_wire_error(which: int, at: int, value: int) -> None:
    part = bytearray(encode(ALL[which]))
    part[at % len(part)] = value
    with contextlib.suppress(WireError):
        decode(bytes(part))


def test_an_overlong_link_message_is_refused_before_it_is_read() -> None:
    with pytest.raises(WireError, match=f"at most {MAX_LINK_MESSAGE_BYTES}"):
        decode(encode(Refused("x" * 2000)) + b"\0" * MAX_LINK_MESSAGE_BYTES)


def test_hello_and_refused_are_read_from_every_version_and_the_rest_is_not() -> None:
    assert decode(encode(HELLO, WIRE_VERSION + 1)) == (HELLO, WIRE_VERSION + 1)
    assert decode(encode(Refused("no"), WIRE_VERSION + 7))[0] == Refused("no")
    with pytest.raises(VersionMismatch, match="same release"):
        decode(encode(Ping(1), WIRE_VERSION + 1))


def _judged(them: Hello, version: int = WIRE_VERSION, folder: str | None = None, accept: bool = False) -> str | None:
    return why_refused(US, them, version, folder, ("a", "c"), accept)


def _hello(**changes: object) -> Hello:
    import msgspec

    return msgspec.structs.replace(HELLO, **changes)


def test_a_configured_peer_is_welcome() -> None:
    assert _judged(HELLO) is None
    assert _judged(HELLO, folder="fa") is None


@pytest.mark.parametrize(
    ("them", "says"),
    [
        (_hello(cluster_id="other"), ["'c1'", "'other'", "correct the cluster id"]),
        (_hello(node="x"), ["no peer named 'x'", "a, c", "add it"]),
        (_hello(node="b"), ["same name", "another name"]),
        (_hello(node="b", incarnation=5), ["itself", "table of peers"]),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(them: Hello, says: list[str]) -> None:
    reason = _judged(them)
    assert reason is not None
    for part in says:
        assert part in reason


def test_another_wire_version_is_refused_by_both_numbers() -> None:
    reason = _judged(HELLO, version=WIRE_VERSION + 1)
    assert reason is not None
    assert f"version {WIRE_VERSION}" in reason
    assert f"speaks {WIRE_VERSION + 1}" in reason


def test_an_emptied_or_replaced_data_folder_is_refused() -> None:
    replaced = _judged(HELLO, folder="before")
    assert replaced is not None
    assert "'before'" in replaced
    assert "'fa'" in replaced
    assert "emptied or replaced" in replaced
    assert "no data folder" in str(_judged(_hello(folder_id=""), folder="before"))


def test_an_unknown_peer_is_welcome_where_the_settings_say_so() -> None:
    assert _judged(_hello(node="x"), accept=True) is None
