"""CRC32C for Python code, and the two ways in which the core computes it."""

from typing_extensions import Buffer

HARDWARE: bool
"""True when the processor's CRC32C instruction is used."""

def crc32c(data: Buffer, crc: int = 0) -> int:
    """The CRC32C of contiguous bytes, continued from ``crc`` (chains like ``zlib.crc32``)."""

def crc32c_by_tables(data: Buffer, crc: int = 0) -> int:
    """The same value by tables: what runs where the instruction is missing."""
