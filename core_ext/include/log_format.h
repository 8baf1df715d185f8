/* The layout of one record of the write-ahead log. Must not know files, threads or Python. See docs/log.md. */
#ifndef ACTORUM_LOG_FORMAT_H
#define ACTORUM_LOG_FORMAT_H

#include "crc32c.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the log format is little-endian; this processor is not"
#endif

/* Little-endian; every record starts at a multiple of 8. */
typedef struct {
    uint32_t header_crc; /* over (segment salt, log sequence number, the 36 bytes that follow) */
    uint32_t body_crc;
    uint32_t length; /* of the body, without padding */
    uint8_t type;
    uint8_t flags;
    uint16_t reserved; /* zero */
    uint32_t stream;
    uint32_t tag;
    uint64_t position;
    uint64_t note;
} log_header;

_Static_assert(sizeof(log_header) == 40, "a record header is 40 bytes");

static inline uint64_t log_record_size(uint64_t body_length) { return sizeof(log_header) + ((body_length + 7) & ~7ull); }

/* The salt keeps bytes of another segment, the sequence number keeps bytes of another place, from looking valid. */
static inline uint32_t log_header_crc(uint64_t salt, uint64_t lsn, const log_header *header) {
    uint64_t place[2] = {salt, lsn};
    uint32_t crc = crc32c(0, place, sizeof place);
    return crc32c(crc, (const char *)header + 4, sizeof(log_header) - 4);
}

#endif
