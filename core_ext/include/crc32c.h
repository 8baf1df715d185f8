/* CRC32C (Castagnoli), by SSE4.2 when the processor has it, by tables otherwise. Must not know what is summed.
 *
 * Polynomial 0x1EDC6F41, reflected 0x82F63B78 (RFC 3720 appendix B.4). Chains like zlib's crc32: the result of one
 * call is the first argument of the next.
 */
#ifndef ACTORUM_CRC32C_H
#define ACTORUM_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t crc32c_tables[8][256];
static int crc32c_hardware = 0;

static inline void crc32c_prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        crc32c_tables[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int slice = 1; slice < 8; slice++) {
            uint32_t before = crc32c_tables[slice - 1][byte];
            crc32c_tables[slice][byte] = (before >> 8) ^ crc32c_tables[0][before & 0xff];
        }
#if defined(__x86_64__)
    __builtin_cpu_init();
    crc32c_hardware = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

/* Slicing by eight (Kounavis and Berry, ISCC 2005). */
static uint32_t crc32c_software(uint32_t crc, const void *data, size_t length) {
    const uint8_t *at = (const uint8_t *)data;
    crc = ~crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word ^= crc;
        crc = crc32c_tables[7][word & 0xff] ^ crc32c_tables[6][(word >> 8) & 0xff] ^
              crc32c_tables[5][(word >> 16) & 0xff] ^ crc32c_tables[4][(word >> 24) & 0xff] ^
              crc32c_tables[3][(word >> 32) & 0xff] ^ crc32c_tables[2][(word >> 40) & 0xff] ^
              crc32c_tables[1][(word >> 48) & 0xff] ^ crc32c_tables[0][word >> 56];
        at += 8;
        length -= 8;
    }
    while (length--) crc = (crc >> 8) ^ crc32c_tables[0][(crc ^ *at++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t length) {
    const uint8_t *at = (const uint8_t *)data;
    uint64_t state = (uint32_t)~crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = __builtin_ia32_crc32di(state, word);
        at += 8;
        length -= 8;
    }
    uint32_t tail = (uint32_t)state;
    while (length--) tail = __builtin_ia32_crc32qi(tail, *at++);
    return ~tail;
}
#endif

static inline uint32_t crc32c(uint32_t crc, const void *data, size_t length) {
#if defined(__x86_64__)
    if (crc32c_hardware) return crc32c_sse42(crc, data, length);
#endif
    return crc32c_software(crc, data, length);
}

#endif
