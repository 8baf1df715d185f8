"""CRC32C for Python code, and the two ways in which the core computes it. Must not know what is summed."""

from libc.stdint cimport uint32_t

cdef extern from "crc32c.h" nogil:
    int crc32c_hardware
    void crc32c_prepare()
    uint32_t c_crc32c "crc32c"(uint32_t crc, const void *data, size_t length)
    uint32_t crc32c_software(uint32_t crc, const void *data, size_t length)

crc32c_prepare()

HARDWARE = bool(crc32c_hardware)


def crc32c(const unsigned char[::1] data not None, uint32_t crc=0):
    """The CRC32C of ``data``, continued from ``crc``."""
    return c_crc32c(crc, &data[0] if data.shape[0] else NULL, data.shape[0])


def crc32c_by_tables(const unsigned char[::1] data not None, uint32_t crc=0):
    """The same without the processor's instruction: what runs where SSE4.2 is missing."""
    return crc32c_software(crc, &data[0] if data.shape[0] else NULL, data.shape[0])
