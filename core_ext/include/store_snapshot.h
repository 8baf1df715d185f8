/* A snapshot as a stream of bytes, written while the state changes and read back piece by piece. Knows no commands.
 *
 *     header   "AKVS", u32 version, u64 revision, i64 log time, u64 entries, u64 digest of the state
 *     entry    u32 key bytes, u32 value bytes, i64 deadline, u64 version, key, value; in no particular order */
#ifndef ACTORUM_STORE_SNAPSHOT_H
#define ACTORUM_STORE_SNAPSHOT_H

#include "store_call.h"

#define KV_SNAPSHOT_VERSION 1
#define KV_HEADER_BYTES 40
#define KV_ENTRY_HEADER_BYTES 24

/* --- writing ---------------------------------------------------------------------------------------------------- */

static void kv_add_number(kv_buffer *out, uint64_t value, size_t bytes) { kv_buffer_add(out, &value, bytes); }

static void kv_walk_begin(kv_state *state, kv_buffer *out) {
    state->walk = (kv_walk){.table = state->table, .revision = state->revision};
    kv_buffer_add(out, "AKVS", 4);
    kv_add_number(out, KV_SNAPSHOT_VERSION, 4);
    kv_add_number(out, state->revision, 8);
    kv_add_number(out, (uint64_t)state->log_time, 8);
    kv_add_number(out, state->table->count, 8);
    kv_add_number(out, kv_state_digest(state), 8);
}

static void kv_walk_give(kv_buffer *out, kv_entry *entry) {
    kv_add_number(out, entry->key_bytes, 4);
    kv_add_number(out, entry->value_bytes, 4);
    kv_add_number(out, (uint64_t)entry->deadline, 8);
    kv_add_number(out, entry->version, 8);
    kv_buffer_add(out, entry->data, (size_t)entry->key_bytes + entry->value_bytes);
}

/* Adds entries until `out` holds `limit` bytes or more, or, returning true, everything was given. */
static int kv_walk_step(kv_state *state, kv_buffer *out, size_t limit) {
    kv_walk *walk = &state->walk;
    uint64_t last;
    while (walk->preimages && out->size < limit) {
        kv_entry *entry = walk->preimages;
        walk->preimages = entry->next;
        kv_walk_give(out, entry);
        free(entry);
    }
    while (!walk->ended && out->size < limit) {
        for (kv_entry *entry = kv_span(walk->table, walk->position, &last); entry; entry = entry->next) {
            if (entry->hash >= walk->position && entry->version <= walk->revision) kv_walk_give(out, entry);
        }
        walk->position = last + 1;
        walk->ended = walk->position == 0;
    }
    return walk->ended && walk->preimages == NULL;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

typedef struct {
    kv_state *state;    /* what has been read so far; not the serving state */
    kv_buffer rest;     /* an incomplete header or entry */
    int begun;
    uint64_t entries, digest;
} kv_restore;

/* Reads one header or entry at `at`; returns the bytes used, 0 when more are needed, -1 with *problem when it is bad. */
static int64_t kv_restore_item(kv_restore *restore, const char *at, size_t size, const char **problem) {
    kv_state *state = restore->state;
    if (!restore->begun) {
        if (size < KV_HEADER_BYTES) return 0;
        if (memcmp(at, "AKVS", 4) != 0) *problem = "it does not begin with a snapshot's header";
        else if (kv_load32(at + 4) != KV_SNAPSHOT_VERSION) *problem = "it was written by another version of the store";
        if (*problem) return -1;
        state->revision = kv_load64(at + 8);
        state->log_time = (int64_t)kv_load64(at + 16);
        restore->entries = kv_load64(at + 24);
        restore->digest = kv_load64(at + 32);
        restore->begun = 1;
        return KV_HEADER_BYTES;
    }
    if (size < KV_ENTRY_HEADER_BYTES) return 0;
    uint32_t key_bytes = kv_load32(at), value_bytes = kv_load32(at + 4);
    if (key_bytes > KV_MAX_VALUE_BYTES || value_bytes > KV_MAX_VALUE_BYTES) {
        *problem = "an entry's key or value is larger than the store allows";
        return -1;
    }
    size_t whole = KV_ENTRY_HEADER_BYTES + (size_t)key_bytes + value_bytes;
    if (size < whole) return 0;
    const char *key = at + KV_ENTRY_HEADER_BYTES;
    uint64_t hash = kv_hash(key, key_bytes);
    kv_entry *found, **link = kv_locate(state->table, key, key_bytes, hash, &found);
    if (found || state->table->count == restore->entries) {
        *problem = found ? "a key occurs twice" : "it holds more entries than its header says";
        return -1;
    }
    kv_put(
        state, link, NULL, key, key_bytes, hash, key + key_bytes, value_bytes,
        (int64_t)kv_load64(at + 8), kv_load64(at + 16)
    );
    return (int64_t)whole;
}

/* Takes the next piece, of any size. False with *problem when it cannot be part of a snapshot. */
static int kv_restore_chunk(kv_restore *restore, const char *at, size_t size, const char **problem) {
    kv_buffer *rest = &restore->rest;
    int64_t used;
    size_t done = 0;
    *problem = NULL;
    if (rest->size) {
        kv_buffer_add(rest, at, size);
        at = rest->bytes;
        size = rest->size;
    }
    while (done < size && (used = kv_restore_item(restore, at + done, size - done, problem)) != 0) {
        if (used < 0) return 0;
        done += (size_t)used;
    }
    if (rest->size) {
        memmove(rest->bytes, rest->bytes + done, size - done);
        rest->size = size - done;
    } else {
        kv_buffer_add(rest, at + done, size - done);
    }
    return 1;
}

/* Is it complete, and what its header says? */
static int kv_restore_check(kv_restore *restore, const char **problem) {
    *problem = NULL;
    if (!restore->begun || restore->rest.size || restore->state->table->count != restore->entries) {
        *problem = "it ends before its last entry";
    } else if (kv_state_digest(restore->state) != restore->digest) {
        *problem = "its digest does not match its content";
    }
    return *problem == NULL;
}

#endif
