/* The commands, with Redis 7.0's semantics and error texts. Knows no batch format and no replication.
 * Each takes a kv_call whose argument count has been checked, and says exactly one reply. */
#ifndef ACTORUM_STORE_COMMANDS_H
#define ACTORUM_STORE_COMMANDS_H

#include "store_call.h"

/* --- expiry options, shared by SET, GETEX and their older forms ------------------------------------------------------- */

typedef enum { KV_EX = 1, KV_PX = 2, KV_EXAT = 4, KV_PXAT = 8 } kv_expiry_unit;
enum { KV_ANY_EXPIRY = KV_EX | KV_PX | KV_EXAT | KV_PXAT };
enum { KV_NX = 16, KV_XX = 32, KV_GET = 64, KV_KEEPTTL = 128, KV_PERSIST = 256 };

/* SET's and GETEX's options from argument `at` on; those in `allowed` are known. False: the error has been said. */
static int kv_parse_options(kv_call *call, uint32_t at, int allowed, int *flags, uint32_t *expiry_at) {
    static const struct { const char *word; int flag, excludes, takes_value; } options[] = {
        {"NX", KV_NX, KV_XX, 0},
        {"XX", KV_XX, KV_NX, 0},
        {"GET", KV_GET, 0, 0},
        {"KEEPTTL", KV_KEEPTTL, KV_PERSIST | KV_ANY_EXPIRY, 0},
        {"PERSIST", KV_PERSIST, KV_KEEPTTL | KV_ANY_EXPIRY, 0},
        {"EX", KV_EX, KV_KEEPTTL | KV_PERSIST | (KV_ANY_EXPIRY & ~KV_EX), 1},
        {"PX", KV_PX, KV_KEEPTTL | KV_PERSIST | (KV_ANY_EXPIRY & ~KV_PX), 1},
        {"EXAT", KV_EXAT, KV_KEEPTTL | KV_PERSIST | (KV_ANY_EXPIRY & ~KV_EXAT), 1},
        {"PXAT", KV_PXAT, KV_KEEPTTL | KV_PERSIST | (KV_ANY_EXPIRY & ~KV_PXAT), 1},
    };
    *flags = 0;
    for (; at < call->count; at++) {
        size_t i = 0, known = sizeof options / sizeof *options;
        while (i < known && !(kv_is(call->args[at], options[i].word) && (options[i].flag & allowed))) i++;
        if (i == known || (*flags & options[i].excludes) || (options[i].takes_value && at + 1 == call->count)) {
            kv_say_syntax(call);
            return 0;
        }
        *flags |= options[i].flag;
        if (options[i].takes_value) *expiry_at = ++at;
    }
    return 1;
}

/* A time argument as a deadline in milliseconds since the epoch; relative ones count from log time. */
static int kv_parse_deadline(kv_call *call, uint32_t index, int unit, int64_t *deadline) {
    int64_t value;
    if (!kv_integer(call, index, &value)) return 0;
    if (value > 0 && (unit & (KV_EX | KV_EXAT)) && __builtin_mul_overflow(value, 1000, &value)) value = 0;
    if (value > 0 && (unit & (KV_EX | KV_PX)) && __builtin_add_overflow(value, call->time, &value)) value = 0;
    if (value <= 0) {
        kv_say_expire_time(call);
        return 0;
    }
    *deadline = value;
    return 1;
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

static void kv_cmd_get(kv_call *call) { kv_say_value(call, kv_find(call, call->args[0])); }

static void kv_cmd_set(kv_call *call) {
    int flags;
    uint32_t expiry_at = 0;
    int64_t deadline = KV_NO_DEADLINE;
    if (!kv_parse_options(call, 2, KV_ANY_EXPIRY | KV_NX | KV_XX | KV_GET | KV_KEEPTTL, &flags, &expiry_at)) return;
    if ((flags & KV_ANY_EXPIRY) && !kv_parse_deadline(call, expiry_at, flags, &deadline)) return;
    kv_entry *found = kv_find(call, call->args[0]);
    if (flags & KV_GET) kv_say_value(call, found);
    if (((flags & KV_NX) && found) || ((flags & KV_XX) && !found)) {
        if (!(flags & KV_GET)) kv_say_null(call);
        return;
    }
    if ((flags & KV_KEEPTTL) && found) deadline = found->deadline;
    kv_set(call, found, call->args[0], call->args[1], deadline);
    if (!(flags & KV_GET)) kv_say_ok(call);
}

static void kv_set_with_expiry(kv_call *call, int unit) {
    int64_t deadline;
    if (!kv_parse_deadline(call, 1, unit, &deadline)) return;
    kv_set(call, kv_find(call, call->args[0]), call->args[0], call->args[2], deadline);
    kv_say_ok(call);
}

static void kv_cmd_setex(kv_call *call) { kv_set_with_expiry(call, KV_EX); }
static void kv_cmd_psetex(kv_call *call) { kv_set_with_expiry(call, KV_PX); }

static void kv_cmd_setnx(kv_call *call) {
    kv_entry *found = kv_find(call, call->args[0]);
    if (!found) kv_set(call, found, call->args[0], call->args[1], KV_NO_DEADLINE);
    kv_say_integer(call, found == NULL);
}

static void kv_cmd_getset(kv_call *call) {
    kv_entry *found = kv_find(call, call->args[0]);
    kv_say_value(call, found);
    kv_set(call, found, call->args[0], call->args[1], KV_NO_DEADLINE);
}

static void kv_cmd_getdel(kv_call *call) {
    kv_entry *found = kv_find(call, call->args[0]);
    kv_say_value(call, found);
    if (found) kv_delete(call);
}

static void kv_cmd_getex(kv_call *call) {
    int flags;
    uint32_t expiry_at = 0;
    int64_t deadline;
    if (!kv_parse_options(call, 1, KV_ANY_EXPIRY | KV_PERSIST, &flags, &expiry_at)) return;
    kv_entry *found = kv_find(call, call->args[0]);
    if (!found) {
        kv_say_null(call);
        return;
    }
    if ((flags & KV_ANY_EXPIRY) && !kv_parse_deadline(call, expiry_at, flags, &deadline)) return;
    kv_say_value(call, found);
    if (flags & KV_ANY_EXPIRY) {
        if (deadline <= call->time) kv_delete(call);
        else kv_change_deadline(call, found, deadline);
    } else if ((flags & KV_PERSIST) && found->deadline != KV_NO_DEADLINE) {
        kv_change_deadline(call, found, KV_NO_DEADLINE);
    }
}

static void kv_cmd_mget(kv_call *call) {
    kv_say_header(call, '*', call->count);
    for (uint32_t i = 0; i < call->count; i++) kv_say_value(call, kv_find(call, call->args[i]));
}

static void kv_set_pairs(kv_call *call) {
    for (uint32_t i = 0; i < call->count; i += 2) {
        kv_set(call, kv_find(call, call->args[i]), call->args[i], call->args[i + 1], KV_NO_DEADLINE);
    }
}

static void kv_cmd_mset(kv_call *call) {
    if (call->count % 2) {
        kv_say_arity(call);
        return;
    }
    kv_set_pairs(call);
    kv_say_ok(call);
}

static void kv_cmd_msetnx(kv_call *call) {
    if (call->count % 2) {
        kv_say_arity(call);
        return;
    }
    for (uint32_t i = 0; i < call->count; i += 2) {
        if (kv_find(call, call->args[i])) {
            kv_say_integer(call, 0);
            return;
        }
    }
    kv_set_pairs(call);
    kv_say_integer(call, 1);
}

static void kv_cmd_append(kv_call *call) {
    kv_arg more = call->args[1];
    kv_entry *entry = kv_find(call, call->args[0]);
    if (!entry) {
        kv_set(call, NULL, call->args[0], more, KV_NO_DEADLINE);
        kv_say_integer(call, more.size);
        return;
    }
    uint64_t size = (uint64_t)entry->value_bytes + more.size;
    if (size > KV_MAX_VALUE_BYTES) {
        kv_say_too_large(call);
        return;
    }
    entry = kv_change_value(call, entry, (uint32_t)size);
    memcpy(kv_value(entry) + entry->value_bytes, more.at, more.size);
    kv_value_changed(call, entry, (uint32_t)size);
    kv_say_integer(call, (int64_t)size);
}

static void kv_cmd_strlen(kv_call *call) {
    kv_entry *entry = kv_find(call, call->args[0]);
    kv_say_integer(call, entry ? entry->value_bytes : 0);
}

static void kv_cmd_getrange(kv_call *call) {
    int64_t start, end;
    if (!kv_integer(call, 1, &start) || !kv_integer(call, 2, &end)) return;
    kv_entry *entry = kv_find(call, call->args[0]);
    int64_t size = entry ? entry->value_bytes : 0;
    int empty = size == 0 || (start < 0 && end < 0 && start > end);
    if (start < 0) start = start + size > 0 ? start + size : 0;
    if (end < 0) end = end + size > 0 ? end + size : 0;
    if (end >= size) end = size - 1;
    if (empty || start > end) kv_say_bytes(call, "", 0);
    else kv_say_bytes(call, kv_value(entry) + start, (size_t)(end - start + 1));
}

static void kv_cmd_setrange(kv_call *call) {
    int64_t offset;
    kv_arg key = call->args[0], piece = call->args[2];
    if (!kv_integer(call, 1, &offset)) return;
    if (offset < 0) {
        kv_say(call, "-ERR offset is out of range\r\n");
        return;
    }
    kv_entry *entry = kv_find(call, key);
    uint32_t old = entry ? entry->value_bytes : 0;
    if (piece.size == 0) {
        kv_say_integer(call, old);
        return;
    }
    if (offset > KV_MAX_VALUE_BYTES || (uint64_t)offset + piece.size > KV_MAX_VALUE_BYTES) {
        kv_say_too_large(call);
        return;
    }
    uint32_t end = (uint32_t)offset + piece.size, size = end > old ? end : old;
    if (!entry) {
        kv_set(call, NULL, key, (kv_arg){"", 0}, KV_NO_DEADLINE);
        entry = kv_find(call, key);
    }
    entry = kv_change_value(call, entry, size);
    if (offset > old) memset(kv_value(entry) + old, 0, (size_t)(offset - old));
    memcpy(kv_value(entry) + offset, piece.at, piece.size);
    kv_value_changed(call, entry, size);
    kv_say_integer(call, size);
}

static void kv_add(kv_call *call, int64_t by) {
    int64_t value = 0;
    char digits[20];
    kv_entry *entry = kv_find(call, call->args[0]);
    if (entry && !kv_parse_integer(kv_value(entry), entry->value_bytes, &value)) {
        kv_say_not_integer(call);
        return;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        kv_say(call, "-ERR increment or decrement would overflow\r\n");
        return;
    }
    kv_arg text = {digits, (uint32_t)kv_format_integer(value, digits)};
    kv_set(call, entry, call->args[0], text, entry ? entry->deadline : KV_NO_DEADLINE);
    kv_say_integer(call, value);
}

static void kv_cmd_incr(kv_call *call) { kv_add(call, 1); }
static void kv_cmd_decr(kv_call *call) { kv_add(call, -1); }

static void kv_cmd_incrby(kv_call *call) {
    int64_t by;
    if (kv_integer(call, 1, &by)) kv_add(call, by);
}

static void kv_cmd_decrby(kv_call *call) {
    int64_t by;
    if (!kv_integer(call, 1, &by)) return;
    if (by == INT64_MIN) kv_say(call, "-ERR decrement would overflow\r\n");
    else kv_add(call, -by);
}

/* --- keys ------------------------------------------------------------------------------------------------------- */

static void kv_cmd_del(kv_call *call) {
    int64_t removed = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        if (!kv_find(call, call->args[i])) continue;
        kv_delete(call);
        removed++;
    }
    kv_say_integer(call, removed);
}

static void kv_cmd_exists(kv_call *call) {
    int64_t present = 0;
    for (uint32_t i = 0; i < call->count; i++) present += kv_find(call, call->args[i]) != NULL;
    kv_say_integer(call, present);
}

static void kv_cmd_type(kv_call *call) {
    kv_say(call, kv_find(call, call->args[0]) ? "+string\r\n" : "+none\r\n");
}

/* NX XX GT LT; the text of an unknown option ends at a NUL and has no line breaks, as Redis prints it. */
static int kv_parse_expire_flags(kv_call *call, int *nx, int *xx, int *gt, int *lt) {
    *nx = *xx = *gt = *lt = 0;
    for (uint32_t i = 2; i < call->count; i++) {
        kv_arg word = call->args[i];
        if (kv_is(word, "NX")) *nx = 1;
        else if (kv_is(word, "XX")) *xx = 1;
        else if (kv_is(word, "GT")) *gt = 1;
        else if (kv_is(word, "LT")) *lt = 1;
        else {
            size_t size = strnlen(word.at, word.size);
            kv_say(call, "-ERR Unsupported option ");
            size_t from = call->out->size;
            kv_buffer_add(call->out, word.at, size);
            for (size_t at = from; at < call->out->size; at++) {
                char *byte = &call->out->bytes[at];
                if (*byte == '\r' || *byte == '\n') *byte = ' ';
            }
            kv_say(call, "\r\n");
            return 0;
        }
    }
    if (*nx && (*xx || *gt || *lt)) {
        kv_say(call, "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
        return 0;
    }
    if (*gt && *lt) {
        kv_say(call, "-ERR GT and LT options at the same time are not compatible\r\n");
        return 0;
    }
    return 1;
}

static void kv_expire(kv_call *call, int in_seconds, int relative) {
    int nx, xx, gt, lt;
    int64_t when;
    if (!kv_parse_expire_flags(call, &nx, &xx, &gt, &lt) || !kv_integer(call, 1, &when)) return;
    if ((in_seconds && __builtin_mul_overflow(when, 1000, &when))
        || (relative && __builtin_add_overflow(when, call->time, &when))) {
        kv_say_expire_time(call);
        return;
    }
    kv_entry *entry = kv_find(call, call->args[0]);
    int lasting = entry && entry->deadline == KV_NO_DEADLINE;
    if (!entry || (nx && !lasting) || (xx && lasting) || (gt && (lasting || when <= entry->deadline))
        || (lt && !lasting && when >= entry->deadline)) {
        kv_say_integer(call, 0);
        return;
    }
    if (when <= call->time) kv_delete(call);
    else kv_change_deadline(call, entry, when);
    kv_say_integer(call, 1);
}

static void kv_cmd_expire(kv_call *call) { kv_expire(call, 1, 1); }
static void kv_cmd_pexpire(kv_call *call) { kv_expire(call, 0, 1); }
static void kv_cmd_expireat(kv_call *call) { kv_expire(call, 1, 0); }
static void kv_cmd_pexpireat(kv_call *call) { kv_expire(call, 0, 0); }

static void kv_say_deadline(kv_call *call, int in_seconds, int relative) {
    kv_entry *entry = kv_find(call, call->args[0]);
    if (!entry) {
        kv_say_integer(call, -2);
    } else if (entry->deadline == KV_NO_DEADLINE) {
        kv_say_integer(call, -1);
    } else {
        int64_t value = relative ? entry->deadline - call->time : entry->deadline;
        kv_say_integer(call, in_seconds ? (int64_t)(((uint64_t)value + 500) / 1000) : value);
    }
}

static void kv_cmd_ttl(kv_call *call) { kv_say_deadline(call, 1, 1); }
static void kv_cmd_pttl(kv_call *call) { kv_say_deadline(call, 0, 1); }
static void kv_cmd_expiretime(kv_call *call) { kv_say_deadline(call, 1, 0); }
static void kv_cmd_pexpiretime(kv_call *call) { kv_say_deadline(call, 0, 0); }

static void kv_cmd_persist(kv_call *call) {
    kv_entry *entry = kv_find(call, call->args[0]);
    int had = entry && entry->deadline != KV_NO_DEADLINE;
    if (had) kv_change_deadline(call, entry, KV_NO_DEADLINE);
    kv_say_integer(call, had);
}

/* --- the whole key space ---------------------------------------------------------------------------------------------- */

static inline int kv_matches(kv_arg pattern, const kv_entry *entry) {
    if (pattern.size == 1 && pattern.at[0] == '*') return 1;
    return kv_glob(pattern.at, pattern.size, entry->data, entry->key_bytes);
}

/* An array's length is known only at its end: its header is written into a gap of fixed width, zeros in front. */
#define KV_GAP 13

static size_t kv_begin_array(kv_call *call) {
    size_t at = call->out->size;
    kv_buffer_reserve(call->out, KV_GAP);
    call->out->size += KV_GAP;
    return at;
}

/* Close the gap: the content moves down so that the header has no padding. */
static void kv_end_array(kv_call *call, size_t at, int64_t count) {
    char digits[20];
    size_t size = kv_format_integer(count, digits), gap = KV_GAP - (size + 3);
    char *header = call->out->bytes + at;
    memmove(header + size + 3, header + KV_GAP, call->out->size - at - KV_GAP);
    header[0] = '*';
    memcpy(header + 1, digits, size);
    memcpy(header + 1 + size, "\r\n", 2);
    call->out->size -= gap;
}

/* All matching keys, in the table's order (which is the same on every replica). */
static void kv_cmd_keys(kv_call *call) {
    int64_t count = 0;
    uint64_t position = 0, last;
    size_t at = kv_begin_array(call);
    do {
        for (kv_entry *entry = kv_span(call->state->table, position, &last); entry; entry = entry->next) {
            if (!kv_matches(call->args[0], entry) || !kv_visible(call, entry)) continue;
            kv_say_bytes(call, entry->data, entry->key_bytes);
            if (call->too_large) return;
            count++;
        }
        position = last + 1;
    } while (position);
    kv_end_array(call, at, count);
}

/* A cursor is the upper 48 bits of a position in hash order; buckets begin at such positions (KV_MAX_BITS < 48). A key
 * has one position for ever, so one that is present all the time is given exactly once, also while the table is resized
 * and from whichever replica answers. */
#define KV_CURSOR_SHIFT 16

static void kv_cmd_scan(kv_call *call) {
    uint64_t cursor, last, empty_budget;
    int64_t wanted = 10, seen = 0, given = 0;
    kv_arg pattern = {"*", 1}, cursor_text = call->args[0];
    int only_other_types = 0;
    if (!kv_parse_cursor(cursor_text.at, cursor_text.size, &cursor)) {
        kv_say(call, "-ERR invalid cursor\r\n");
        return;
    }
    for (uint32_t i = 1; i < call->count; i += 2) {
        int has_value = i + 1 < call->count;
        if (has_value && kv_is(call->args[i], "COUNT")) {
            if (!kv_integer(call, i + 1, &wanted)) return;
            if (wanted < 1) {
                kv_say_syntax(call);
                return;
            }
        } else if (has_value && kv_is(call->args[i], "MATCH")) {
            pattern = call->args[i + 1];
        } else if (has_value && kv_is(call->args[i], "TYPE")) {
            only_other_types = !kv_is(call->args[i + 1], "string");
        } else {
            kv_say_syntax(call);
            return;
        }
    }
    uint64_t position = cursor << KV_CURSOR_SHIFT;
    empty_budget = wanted > INT64_MAX / 10 ? UINT64_MAX : (uint64_t)wanted * 10;
    kv_buffer *out = call->out, *found = &call->state->scratch; /* keys come after the cursor, which is known last */
    call->out = found;
    do {
        for (kv_entry *entry = kv_span(call->state->table, position, &last); entry; entry = entry->next) {
            if (entry->hash < position) continue;
            seen++;
            if (only_other_types || !kv_matches(pattern, entry) || !kv_visible(call, entry)) continue;
            kv_say_bytes(call, entry->data, entry->key_bytes);
            given++;
        }
        position = last + 1;
    } while (position && seen < wanted && --empty_budget && !call->too_large);
    call->out = out;
    char digits[20];
    uint64_t next = position >> KV_CURSOR_SHIFT;
    kv_say(call, "*2\r\n");
    kv_say_bytes(call, digits, kv_format_integer((int64_t)next, digits));
    kv_say_header(call, '*', given);
    kv_buffer_add(call->out, found->bytes, found->size);
    kv_buffer_clear(found, 1 << 20);
}

static void kv_cmd_dbsize(kv_call *call) {
    const kv_state *state = call->state;
    if (state->due_count && state->due[0].deadline <= call->time && state->due[0].deadline > state->log_time) {
        call->tick_needed = 1;
    }
    kv_say_integer(call, (int64_t)state->table->count);
}

static void kv_cmd_flush(kv_call *call) {
    if (call->count > 1 || (call->count == 1 && !kv_is(call->args[0], "SYNC") && !kv_is(call->args[0], "ASYNC"))) {
        kv_say_syntax(call);
        return;
    }
    if (call->state->table->count) {
        call->changed = 1;
        kv_flush(call->state);
    }
    kv_say_ok(call);
}

/* --- the table of commands -------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name; /* lower case */
    int opcode;       /* on the wire and in logs: never changed, never reused */
    int min_args, max_args; /* without the name; -1: no maximum */
    int is_write;
    void (*run)(kv_call *);
} kv_command;

static const kv_command kv_commands[] = {
    {"get", 1, 1, 1, 0, kv_cmd_get},
    {"set", 2, 2, -1, 1, kv_cmd_set},
    {"getdel", 3, 1, 1, 1, kv_cmd_getdel},
    {"getex", 4, 1, -1, 1, kv_cmd_getex},
    {"setnx", 5, 2, 2, 1, kv_cmd_setnx},
    {"setex", 6, 3, 3, 1, kv_cmd_setex},
    {"psetex", 7, 3, 3, 1, kv_cmd_psetex},
    {"mget", 8, 1, -1, 0, kv_cmd_mget},
    {"mset", 9, 2, -1, 1, kv_cmd_mset},
    {"msetnx", 10, 2, -1, 1, kv_cmd_msetnx},
    {"append", 11, 2, 2, 1, kv_cmd_append},
    {"strlen", 12, 1, 1, 0, kv_cmd_strlen},
    {"incr", 13, 1, 1, 1, kv_cmd_incr},
    {"decr", 14, 1, 1, 1, kv_cmd_decr},
    {"incrby", 15, 2, 2, 1, kv_cmd_incrby},
    {"decrby", 16, 2, 2, 1, kv_cmd_decrby},
    {"del", 17, 1, -1, 1, kv_cmd_del},
    {"unlink", 18, 1, -1, 1, kv_cmd_del},
    {"exists", 19, 1, -1, 0, kv_cmd_exists},
    {"expire", 20, 2, -1, 1, kv_cmd_expire},
    {"pexpire", 21, 2, -1, 1, kv_cmd_pexpire},
    {"expireat", 22, 2, -1, 1, kv_cmd_expireat},
    {"pexpireat", 23, 2, -1, 1, kv_cmd_pexpireat},
    {"ttl", 24, 1, 1, 0, kv_cmd_ttl},
    {"pttl", 25, 1, 1, 0, kv_cmd_pttl},
    {"persist", 26, 1, 1, 1, kv_cmd_persist},
    {"type", 27, 1, 1, 0, kv_cmd_type},
    {"keys", 28, 1, 1, 0, kv_cmd_keys},
    {"scan", 29, 1, -1, 0, kv_cmd_scan},
    {"dbsize", 30, 0, 0, 0, kv_cmd_dbsize},
    {"flushdb", 31, 0, -1, 1, kv_cmd_flush},
    {"flushall", 32, 0, -1, 1, kv_cmd_flush},
    {"getset", 33, 2, 2, 1, kv_cmd_getset},
    {"getrange", 34, 3, 3, 0, kv_cmd_getrange},
    {"setrange", 35, 3, 3, 1, kv_cmd_setrange},
    {"expiretime", 36, 1, 1, 0, kv_cmd_expiretime},
    {"pexpiretime", 37, 1, 1, 0, kv_cmd_pexpiretime},
    {"touch", 38, 1, -1, 0, kv_cmd_exists},
};

#define KV_COMMANDS ((int)(sizeof kv_commands / sizeof *kv_commands)) /* opcodes are 1..KV_COMMANDS, in order */

#endif
