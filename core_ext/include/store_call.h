/* One running command: its arguments, its reply in RESP3, and how it looks at keys. Knows no particular command. */
#ifndef ACTORUM_STORE_CALL_H
#define ACTORUM_STORE_CALL_H

#include <strings.h>

#include "store_state.h"

#define KV_MAX_VALUE_BYTES (16u << 20)        /* our proto-max-bulk-len; bounds keys and values */
#define KV_MAX_REPLY_BYTES ((size_t)32 << 20) /* replies of one batch: they travel between nodes as one message */
#define KV_SMALL_REPLY_BYTES ((size_t)8 << 20) /* beyond it, for what is no string: nulls, numbers, errors */

typedef struct {
    const char *at;
    uint32_t size;
} kv_arg;

typedef struct {
    kv_state *state;
    kv_buffer *out;
    kv_arg *args;
    uint32_t count;
    const char *name;   /* lower case, for error texts */
    int applying;       /* in the log's order; else a local read, which changes nothing */
    int64_t time;       /* what deadlines are compared with, and what remaining times are counted from */
    uint64_t version;   /* revision that this command's changes get */
    int changed;
    int tick_needed;    /* a local read met a deadline between log time and `time` */
    int too_large;      /* the reply exceeds its limit; kv_run replaces it by an error */
    kv_entry **link;    /* of the last kv_find, for the kv_put or kv_remove that follows it */
    uint64_t hash;
} kv_call;

/* --- replies ---------------------------------------------------------------------------------------------------- */

static inline void kv_say(kv_call *call, const char *text) { kv_buffer_add(call->out, text, strlen(text)); }
static inline void kv_say_ok(kv_call *call) { kv_buffer_add(call->out, "+OK\r\n", 5); }
static inline void kv_say_null(kv_call *call) { kv_buffer_add(call->out, "_\r\n", 3); }

static inline void kv_say_header(kv_call *call, char kind, int64_t number) {
    char *at = kv_buffer_reserve(call->out, 24);
    at[0] = kind;
    size_t size = 1 + kv_format_integer(number, at + 1);
    memcpy(at + size, "\r\n", 2);
    call->out->size += size + 2;
}

static inline void kv_say_integer(kv_call *call, int64_t number) { kv_say_header(call, ':', number); }

static inline void kv_say_bytes(kv_call *call, const char *at, size_t size) {
    if (call->out->size + size > KV_MAX_REPLY_BYTES) {
        call->too_large = 1;
        return;
    }
    kv_say_header(call, '$', (int64_t)size);
    char *to = kv_buffer_reserve(call->out, size + 2);
    memcpy(to, at, size);
    memcpy(to + size, "\r\n", 2);
    call->out->size += size + 2;
}

static inline void kv_say_value(kv_call *call, kv_entry *entry) {
    if (entry) kv_say_bytes(call, kv_value(entry), entry->value_bytes);
    else kv_say_null(call);
}

static void kv_say_not_integer(kv_call *call) { kv_say(call, "-ERR value is not an integer or out of range\r\n"); }
static void kv_say_syntax(kv_call *call) { kv_say(call, "-ERR syntax error\r\n"); }

static void kv_say_named(kv_call *call, const char *before, const char *after) {
    kv_say(call, before);
    kv_say(call, call->name);
    kv_say(call, after);
}

static void kv_say_arity(kv_call *call) { kv_say_named(call, "-ERR wrong number of arguments for '", "' command\r\n"); }
static void kv_say_expire_time(kv_call *call) { kv_say_named(call, "-ERR invalid expire time in '", "' command\r\n"); }

static void kv_say_too_large(kv_call *call) {
    kv_say(call, "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
}

/* --- arguments -------------------------------------------------------------------------------------------------- */

static inline int kv_is(kv_arg arg, const char *word) {
    size_t size = strlen(word);
    return arg.size == size && strncasecmp(arg.at, word, size) == 0;
}

/* True when the argument is an integer; else the error has been said. */
static inline int kv_integer(kv_call *call, uint32_t index, int64_t *value) {
    if (kv_parse_integer(call->args[index].at, call->args[index].size, value)) return 1;
    kv_say_not_integer(call);
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------------------------- */

/* Is this entry there for the command? Applying, what is past its deadline was removed before; reading, it is hidden. */
static inline int kv_visible(kv_call *call, const kv_entry *entry) {
    if (!kv_is_gone(entry, call->time)) return 1;
    if (kv_is_gone(entry, call->state->log_time)) return 0;
    call->tick_needed = 1;
    return 0;
}

/* The live entry of a key, or NULL; sets call->link and call->hash. */
static inline kv_entry *kv_find(kv_call *call, kv_arg key) {
    kv_entry *entry;
    call->hash = kv_hash(key.at, key.size);
    call->link = kv_locate(call->state->table, key.at, key.size, call->hash, &entry);
    if (entry == NULL || kv_visible(call, entry)) return entry;
    if (call->applying) {
        kv_remove(call->state, call->link);
        call->state->expired++;
        call->link = kv_locate(call->state->table, key.at, key.size, call->hash, &entry);
    }
    return NULL;
}

/* Remove the entry that kv_find returned last. */
static void kv_delete(kv_call *call) {
    call->changed = 1;
    kv_remove(call->state, call->link);
}

/* Set the key that kv_find looked at last, which returned `found`. A deadline already reached removes it at once. */
static void kv_set(kv_call *call, kv_entry *found, kv_arg key, kv_arg value, int64_t deadline) {
    if (deadline != KV_NO_DEADLINE && deadline <= call->time) {
        if (found) kv_delete(call);
        return;
    }
    call->changed = 1;
    kv_put(
        call->state, call->link, found, key.at, key.size, call->hash,
        value.at, value.size, deadline, call->version
    );
}

/* Give the found entry another deadline (or none), as a change of its own. */
static void kv_change_deadline(kv_call *call, kv_entry *entry, int64_t deadline) {
    call->changed = 1;
    kv_before_change(call->state, entry);
    entry->version = call->version;
    kv_due_set(call->state, entry, deadline);
    kv_mark(call->state, entry);
}

/* Begin a change of the found entry's value in place, with room for `size` bytes; ended by kv_value_changed. */
static kv_entry *kv_change_value(kv_call *call, kv_entry *entry, uint32_t size) {
    uint64_t room = size;
    kv_before_change(call->state, entry);
    if (size > entry->value_room) { /* as Redis's strings grow: doubling up to 1 MiB, then by 1 MiB */
        room = size < (1u << 20) ? (uint64_t)size * 2 : (uint64_t)size + (1u << 20);
        entry = kv_make_room(call->state, call->link, (uint32_t)room);
    }
    return entry;
}

static void kv_value_changed(kv_call *call, kv_entry *entry, uint32_t size) {
    call->changed = 1;
    entry->value_bytes = size;
    entry->version = call->version;
    kv_mark(call->state, entry);
}

#endif
