"""RESP in the core: inline quoting, and RESP3 replies for RESP2 clients, against plain-Python twins."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.resp import split_line, to_resp2
from tests.door import twins

line_text = st.text(alphabet="ab \t\r\"'\\xnrt0fF\0\vé", max_size=24).map(str.encode)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=12)
)
keys = st.one_of(st.integers(0, 99), st.binary(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3), st.frozensets(keys, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        (b"", []),
        (b"   ", []),
        (b"SET a b", [b"SET", b"a", b"b"]),
        (b"  SET\ta  b ", [b"SET", b"a", b"b"]),
        (b'SET "a b" \'c d\'', [b"SET", b"a b", b"c d"]),
        (b'SET "\\x41\\n\\"" x', [b"SET", b'A\n"', b"x"]),
        (b"SET 'it\\'s' '\\n'", [b"SET", b"it's", b"\\n"]),
        (b'SET ""', [b"SET", b""]),
        (b'a"b"', [b"ab"]),
        (b'"\\xZZ"', [b"xZZ"]),
        (b'"a', None),
        (b"'a", None),
        (b'"a"b', None),
        (b"'a'b", None),
        (b'"a\\', None),
        (b"a\0b c", [b"a"]),
    ],
)
def test_inline_commands_follow_redis_quoting(line: bytes, arguments: list[bytes] | None) -> None:
    assert split_line(line) == arguments == twins.split_line(line)


@given(st.one_of(line_text, st.binary(max_size=40)))
def test_any_line_is_split_as_the_twin_does(line: bytes) -> None:
    assert split_line(line) == twins.split_line(line)


@given(values)
def test_a_resp3_reply_becomes_its_resp2_equivalent(value: object) -> None:
    assert to_resp2(twins.resp3(value)) == twins.resp2(value)


def test_text_for_people_and_pushes_become_strings_and_arrays() -> None:
    assert to_resp2(b"=7\r\ntxt:abc\r\n") == b"$3\r\nabc\r\n"
    assert to_resp2(b">2\r\n+a\r\n(12345678901234567890\r\n") == b"*2\r\n+a\r\n$20\r\n12345678901234567890\r\n"
    assert to_resp2(b"-ERR no\r\n") == b"-ERR no\r\n"


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=20).map(lambda rest: b"%2\r\n" + rest)))
def test_any_bytes_are_converted_or_refused(reply: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert to_resp2(reply).endswith(b"\r\n")


@given(values, st.data())
def test_a_cut_or_lengthened_reply_is_refused(value: object, data: st.DataObject) -> None:
    reply = twins.resp3(value)
    cut = data.draw(st.integers(0, len(reply) - 1))
    for damaged in (reply[:cut], reply + b"x"):
        with pytest.raises(ValueError, match="not one RESP3 value"):
            to_resp2(damaged)


def test_deep_nesting_is_refused() -> None:
    assert to_resp2(b"*1\r\n" * 32 + b":1\r\n") == b"*1\r\n" * 32 + b":1\r\n"
    with pytest.raises(ValueError, match="not one RESP3 value"):
        to_resp2(b"*1\r\n" * 33 + b":1\r\n")
