/* Bytes for the key-value store: a growing buffer, the fixed hash, Redis's number syntax and glob patterns.
 * Knows no key, entry or command. All multi-byte integers are little endian, in memory as on the wire. */
#ifndef ACTORUM_STORE_BYTES_H
#define ACTORUM_STORE_BYTES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the store's formats are written for little-endian machines"
#endif

/* Memory that cannot be had stops the process: a replica that applied half a command would differ from the others. */
static void *kv_checked(void *memory, size_t bytes) {
    if (memory == NULL) {
        fprintf(stderr, "actorum store: no memory for %zu bytes; the node stops before its state can diverge\n", bytes);
        abort();
    }
    return memory;
}

static inline void *kv_allocate(size_t bytes) { return kv_checked(malloc(bytes), bytes); }
static inline void *kv_allocate_zeroed(size_t count, size_t each) {
    return kv_checked(calloc(count, each), count * each);
}
static inline void *kv_reallocate(void *old, size_t bytes) { return kv_checked(realloc(old, bytes), bytes); }

static inline uint16_t kv_load16(const char *at) { uint16_t v; memcpy(&v, at, 2); return v; }
static inline uint32_t kv_load32(const char *at) { uint32_t v; memcpy(&v, at, 4); return v; }
static inline uint64_t kv_load64(const char *at) { uint64_t v; memcpy(&v, at, 8); return v; }

/* --- a growing buffer ------------------------------------------------------------------------------------------- */

typedef struct {
    char *bytes;
    size_t size, room;
} kv_buffer;

static inline char *kv_buffer_reserve(kv_buffer *buffer, size_t more) {
    if (buffer->room - buffer->size < more) {
        size_t room = buffer->room ? buffer->room : 1024;
        while (room - buffer->size < more) room *= 2;
        buffer->bytes = kv_reallocate(buffer->bytes, room);
        buffer->room = room;
    }
    return buffer->bytes + buffer->size;
}

static inline void kv_buffer_add(kv_buffer *buffer, const void *bytes, size_t size) {
    char *at = kv_buffer_reserve(buffer, size);
    if (size) memcpy(at, bytes, size);
    buffer->size += size;
}

static inline void kv_buffer_free(kv_buffer *buffer) {
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}

/* A large reply should not hold its memory for ever. */
static inline void kv_buffer_clear(kv_buffer *buffer, size_t keep_room) {
    if (buffer->room > keep_room) kv_buffer_free(buffer);
    buffer->size = 0;
}

/* --- the hash: the same on every node and in every run, because SCAN's cursors and the table's order depend on it -- */

static inline uint64_t kv_fold(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define KV_SEED_A UINT64_C(0x9e3779b97f4a7c15)
#define KV_SEED_B UINT64_C(0xd6e8feb86659fd93)
#define KV_SEED_C UINT64_C(0xa0761d6478bd642f)

static inline uint64_t kv_hash(const char *at, size_t size) {
    uint64_t state = KV_SEED_A ^ (size * KV_SEED_B), low = 0, high = 0;
    while (size > 16) {
        state = kv_fold(kv_load64(at) ^ KV_SEED_B, kv_load64(at + 8) ^ state) + KV_SEED_C;
        at += 16;
        size -= 16;
    }
    if (size >= 8) {
        low = kv_load64(at);
        high = kv_load64(at + size - 8);
    } else if (size >= 4) {
        low = kv_load32(at);
        high = kv_load32(at + size - 4);
    } else if (size > 0) {
        low = ((uint64_t)(uint8_t)at[0] << 16) | ((uint64_t)(uint8_t)at[size >> 1] << 8) | (uint8_t)at[size - 1];
    }
    state = kv_fold(low ^ KV_SEED_C ^ state, high ^ KV_SEED_A);
    return kv_fold(state ^ KV_SEED_B, KV_SEED_A);
}

/* --- numbers, as Redis reads them: no sign but '-', no spaces, no leading zeros, nothing beyond 64 bits ------------ */

static int kv_parse_integer(const char *at, size_t size, int64_t *result) {
    uint64_t limit = INT64_MAX, value = 0;
    int negative = 0;
    if (size == 0 || size > 20) return 0;
    if (size == 1 && at[0] == '0') {
        *result = 0;
        return 1;
    }
    if (at[0] == '-') {
        negative = 1;
        limit = (uint64_t)INT64_MAX + 1;
        at++;
        size--;
    }
    if (size == 0 || at[0] < '1' || at[0] > '9') return 0;
    for (size_t i = 0; i < size; i++) {
        if (at[i] < '0' || at[i] > '9') return 0;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (value > (limit - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    *result = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 1;
}

/* Decimal digits of `value` into `to` (at least 20 bytes); returns how many. */
static inline size_t kv_format_integer(int64_t value, char *to) {
    char digits[20];
    size_t count = 0, size = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0) to[size++] = '-';
    while (count) to[size++] = digits[--count];
    return size;
}

/* SCAN's cursor, with the latitude of strtoul: leading sign and zeros, empty means 0, what follows a NUL is ignored. */
static int kv_parse_cursor(const char *at, size_t size, uint64_t *result) {
    uint64_t value = 0;
    size_t i = 0;
    int negative = 0;
    if (size && (at[0] == '-' || at[0] == '+')) {
        negative = at[0] == '-';
        i = 1;
        if (size == 1 || at[1] < '0' || at[1] > '9') return 0;
    }
    for (; i < size && at[i] != '\0'; i++) {
        if (at[i] < '0' || at[i] > '9') return 0;
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    *result = negative ? 0 - value : value;
    return 1;
}

/* --- glob patterns, as Redis matches them --------------------------------------------------------------------------- */

/* Does the pattern's element at *at match `byte`? Moves *at behind the element. Elements: ? [class] \escaped literal. */
static int kv_glob_element(const char *pattern, size_t size, size_t *at, uint8_t byte) {
    size_t i = *at;
    int matched;
    if (pattern[i] == '?') {
        *at = i + 1;
        return 1;
    }
    if (pattern[i] == '[') {
        i++;
        int negated = i < size && pattern[i] == '^';
        if (negated) i++;
        matched = 0;
        for (;; i++) {
            if (i >= size) break; /* an unclosed class ends with the pattern */
            if (pattern[i] == '\\' && size - i >= 2) {
                i++;
                if ((uint8_t)pattern[i] == byte) matched = 1;
            } else if (pattern[i] == ']') {
                i++;
                break;
            } else if (size - i >= 3 && pattern[i + 1] == '-') {
                uint8_t low = (uint8_t)pattern[i], high = (uint8_t)pattern[i + 2];
                if (low > high) {
                    uint8_t swapped = low;
                    low = high;
                    high = swapped;
                }
                i += 2;
                if (byte >= low && byte <= high) matched = 1;
            } else if ((uint8_t)pattern[i] == byte) {
                matched = 1;
            }
        }
        *at = i;
        return negated ? !matched : matched;
    }
    if (pattern[i] == '\\' && size - i >= 2) i++;
    matched = (uint8_t)pattern[i] == byte;
    *at = i + 1;
    return matched;
}

/* Every element but '*' takes exactly one byte, so going back to the last '*' is enough: O(pattern x text) at worst. */
static int kv_glob(const char *pattern, size_t pattern_size, const char *text, size_t text_size) {
    size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;
    if (text_size == 0) return pattern_size == 0; /* Redis: only a lone "*", handled by its callers, matches nothing */
    while (t < text_size) {
        size_t next = p;
        if (p < pattern_size && pattern[p] == '*') {
            star = ++p;
            star_text = t;
        } else if (p < pattern_size && kv_glob_element(pattern, pattern_size, &next, (uint8_t)text[t])) {
            p = next;
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++star_text;
        } else {
            return 0;
        }
    }
    while (p < pattern_size && pattern[p] == '*') p++;
    return p == pattern_size;
}

#endif
