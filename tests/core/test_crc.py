"""CRC32C: known values, and both ways of computing it against the plain twin."""

from hypothesis import given
from hypothesis import strategies as st

from core_ext import crc
from tests.core import log_twin


def test_known_values_of_rfc_3720() -> None:
    assert crc.crc32c(b"123456789") == 0xE3069283
    assert crc.crc32c(bytes(32)) == 0x8A9136AA
    assert crc.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc.crc32c(bytes(range(32))) == 0x46DD794E
    assert crc.crc32c(b"") == 0


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_instruction_tables_and_twin_agree_and_chain(first: bytes, second: bytes) -> None:
    expected = log_twin.crc32c(first + second)
    assert crc.crc32c(first + second) == expected
    assert crc.crc32c_by_tables(first + second) == expected
    assert crc.crc32c(second, crc.crc32c(first)) == expected
    assert crc.crc32c_by_tables(second, crc.crc32c_by_tables(first)) == expected
