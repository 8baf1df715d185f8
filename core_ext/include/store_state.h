/* The key-value state: entries with versions and deadlines, log time, revision, digest, and what a snapshot walk needs.
 * Knows no command and no clock: time is what the log says.
 *
 * Everything here is a function of the operations applied: no clock, no randomness, no order that depends on history. */
#ifndef ACTORUM_STORE_STATE_H
#define ACTORUM_STORE_STATE_H

#include "store_table.h"

#define KV_EXPIRE_PER_APPLY 512   /* entries past their deadline removed at the start of an apply */
#define KV_RELEASE_PER_APPLY 4096 /* entries and empty buckets of flushed tables freed per apply */
#define KV_RELEASE_AT_ONCE 1024   /* a flushed table of no more entries is freed on the spot */

typedef struct {
    int64_t deadline;
    kv_entry *entry;
} kv_due;

typedef struct {
    kv_table *table;      /* NULL: no walk is open */
    uint64_t revision;    /* entries with a greater version are newer than the walk */
    uint64_t position;    /* entries before it have been given out */
    int ended;            /* the table has been given out to its end */
    kv_entry *preimages;  /* copies, or unlinked originals, of entries that changed before the walk reached them */
} kv_walk;

typedef struct {
    kv_table *table;
    kv_due *due;          /* a heap by (deadline, hash, key): the order of expiry is the same on every replica */
    uint32_t due_count, due_room;
    int64_t log_time;
    uint64_t revision;
    uint64_t digest;      /* sum of the entries' marks */
    uint64_t entry_bytes; /* memory of live entries */
    uint64_t expired;     /* entries removed because of their deadline, since this process has the state */
    kv_walk walk;
    kv_buffer scratch;    /* of a running command */
    kv_table *retired;    /* flushed tables, freed a little per apply */
} kv_state;

/* --- deadlines -------------------------------------------------------------------------------------------------- */

static inline int kv_due_before(const kv_due *a, const kv_due *b) {
    if (a->deadline != b->deadline) return a->deadline < b->deadline;
    if (a->entry->hash != b->entry->hash) return a->entry->hash < b->entry->hash;
    return kv_key_order(a->entry, b->entry->data, b->entry->key_bytes) < 0;
}

static inline void kv_due_place(kv_state *state, uint32_t at, kv_due due) {
    state->due[at] = due;
    due.entry->due_at = at;
}

static void kv_due_settle(kv_state *state, uint32_t at, kv_due due) {
    while (at > 0 && kv_due_before(&due, &state->due[(at - 1) / 2])) {
        kv_due_place(state, at, state->due[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint64_t child = 2 * (uint64_t)at + 1;
        if (child >= state->due_count) break;
        if (child + 1 < state->due_count && kv_due_before(&state->due[child + 1], &state->due[child])) child++;
        if (!kv_due_before(&state->due[child], &due)) break;
        kv_due_place(state, at, state->due[child]);
        at = (uint32_t)child;
    }
    kv_due_place(state, at, due);
}

/* Give the entry a deadline, another one, or none. */
static void kv_due_set(kv_state *state, kv_entry *entry, int64_t deadline) {
    entry->deadline = deadline;
    if (deadline != KV_NO_DEADLINE) {
        kv_due due = {deadline, entry};
        if (entry->due_at != KV_NOT_DUE) {
            kv_due_settle(state, entry->due_at, due);
            return;
        }
        if (state->due_count == state->due_room) {
            state->due_room = state->due_room ? state->due_room * 2 : 64;
            state->due = kv_reallocate(state->due, state->due_room * sizeof(kv_due));
        }
        kv_due_settle(state, state->due_count++, due);
    } else if (entry->due_at != KV_NOT_DUE) {
        uint32_t at = entry->due_at;
        kv_due last = state->due[--state->due_count];
        entry->due_at = KV_NOT_DUE;
        if (last.entry != entry) kv_due_settle(state, at, last);
    }
}

static inline int kv_is_gone(const kv_entry *entry, int64_t time) {
    return entry->deadline != KV_NO_DEADLINE && entry->deadline <= time;
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

static inline void kv_mark(kv_state *state, kv_entry *entry) {
    uint64_t content = kv_hash(kv_value(entry), entry->value_bytes);
    uint64_t label = kv_fold(entry->version ^ KV_SEED_A, (uint64_t)entry->deadline ^ KV_SEED_B);
    entry->mark = kv_fold(content ^ KV_SEED_C, entry->hash ^ KV_SEED_A) + kv_fold(label, entry->hash | 1);
    state->digest += entry->mark;
}

static kv_entry *kv_entry_new(const char *key, uint32_t key_bytes, uint64_t hash, uint32_t value_room) {
    kv_entry *entry = kv_allocate(sizeof(kv_entry) + (size_t)key_bytes + value_room);
    entry->hash = hash;
    entry->deadline = KV_NO_DEADLINE;
    entry->due_at = KV_NOT_DUE;
    entry->key_bytes = key_bytes;
    entry->value_bytes = 0;
    entry->value_room = value_room;
    memcpy(entry->data, key, key_bytes);
    return entry;
}

/* Has the open walk still to give out this entry as it is now? */
static inline int kv_walk_needs(const kv_state *state, const kv_entry *entry) {
    const kv_walk *walk = &state->walk;
    return walk->table == state->table && walk->table && !walk->ended && entry->hash >= walk->position
           && entry->version <= walk->revision;
}

/* An unlinked entry goes to the walk that still needs it, or is freed. */
static void kv_entry_drop(kv_state *state, kv_entry *entry) {
    if (kv_walk_needs(state, entry)) {
        entry->next = state->walk.preimages;
        state->walk.preimages = entry;
    } else {
        free(entry);
    }
}

/* Before an entry is changed in place: its old content goes to the walk, its mark leaves the digest. */
static void kv_before_change(kv_state *state, kv_entry *entry) {
    state->digest -= entry->mark;
    if (kv_walk_needs(state, entry)) {
        kv_entry *copy = kv_allocate(kv_entry_bytes(entry));
        memcpy(copy, entry, sizeof(kv_entry) + entry->key_bytes + entry->value_bytes);
        kv_entry_drop(state, copy);
    }
}

/* Remove the entry that `link` points to. */
static void kv_remove(kv_state *state, kv_entry **link) {
    kv_entry *entry = *link;
    int64_t deadline = entry->deadline;
    kv_due_set(state, entry, KV_NO_DEADLINE);
    entry->deadline = deadline; /* a walk may still give it out */
    *link = entry->next;
    state->digest -= entry->mark;
    state->entry_bytes -= kv_entry_bytes(entry);
    state->table->count--;
    kv_entry_drop(state, entry);
    kv_table_adjust(state->table);
}

/* Make sure that the entry at `link` can hold a value of `room` bytes; keeps its content. Returns it, perhaps moved.
 * Comes after kv_before_change. */
static kv_entry *kv_make_room(kv_state *state, kv_entry **link, uint32_t room) {
    kv_entry *entry = *link;
    if (entry->value_room >= room) return entry;
    state->entry_bytes -= kv_entry_bytes(entry);
    entry = kv_reallocate(entry, sizeof(kv_entry) + (size_t)entry->key_bytes + room);
    entry->value_room = room;
    state->entry_bytes += kv_entry_bytes(entry);
    *link = entry;
    if (entry->due_at != KV_NOT_DUE) state->due[entry->due_at].entry = entry;
    return entry;
}

/* Set a key. `found` and `link` are from kv_locate; afterwards they are invalid. `value` lies outside the store. */
static void kv_put(
    kv_state *state, kv_entry **link, kv_entry *found, const char *key, uint32_t key_bytes, uint64_t hash,
    const char *value, uint32_t value_bytes, int64_t deadline, uint64_t version
) {
    kv_entry *entry = found;
    if (entry && entry->value_room >= value_bytes && entry->value_room <= 2 * (uint64_t)value_bytes + 64) {
        kv_before_change(state, entry);
    } else {
        entry = kv_entry_new(key, key_bytes, hash, value_bytes);
        entry->next = found ? found->next : *link;
        *link = entry;
        if (found) {
            int64_t old_deadline = found->deadline;
            kv_due_set(state, found, KV_NO_DEADLINE);
            found->deadline = old_deadline;
            state->digest -= found->mark;
            state->entry_bytes -= kv_entry_bytes(found);
            kv_entry_drop(state, found);
        } else {
            state->table->count++;
        }
        state->entry_bytes += kv_entry_bytes(entry);
    }
    entry->value_bytes = value_bytes;
    if (value_bytes) memcpy(kv_value(entry), value, value_bytes);
    entry->version = version;
    if (deadline != KV_NO_DEADLINE || entry->due_at != KV_NOT_DUE) kv_due_set(state, entry, deadline);
    kv_mark(state, entry);
    if (!found) kv_table_adjust(state->table);
}

/* --- expiry, flush, life ---------------------------------------------------------------------------------------- */

static void kv_expire_some(kv_state *state) {
    for (int i = 0; i < KV_EXPIRE_PER_APPLY && state->due_count; i++) {
        kv_entry *entry = state->due[0].entry, *found;
        if (!kv_is_gone(entry, state->log_time)) return;
        kv_remove(state, kv_locate(state->table, entry->data, entry->key_bytes, entry->hash, &found));
        state->expired++;
    }
}

static void kv_release_some(kv_state *state, int64_t budget) {
    kv_table **link = &state->retired;
    while (*link && budget > 0) {
        kv_table *table = *link, *after = table->next_retired;
        if (table == state->walk.table) {
            link = &table->next_retired;
        } else if (kv_table_release(table, &budget)) {
            *link = after;
        } else {
            return;
        }
    }
}

/* Forget every key. The old table is freed piecemeal, after the walk that may still need it. */
static void kv_flush(kv_state *state) {
    kv_table *old = state->table;
    int64_t all = INT64_MAX;
    state->table = kv_table_new();
    state->due_count = 0;
    state->digest = 0;
    state->entry_bytes = 0;
    if (old->count <= KV_RELEASE_AT_ONCE && old != state->walk.table && old->from.bits <= 12) {
        kv_table_release(old, &all);
    } else {
        old->next_retired = state->retired;
        state->retired = old;
    }
}

static void kv_walk_close(kv_state *state) {
    while (state->walk.preimages) {
        kv_entry *entry = state->walk.preimages;
        state->walk.preimages = entry->next;
        free(entry);
    }
    memset(&state->walk, 0, sizeof state->walk);
}

static kv_state *kv_state_new(void) {
    kv_state *state = kv_allocate_zeroed(1, sizeof *state);
    state->table = kv_table_new();
    return state;
}

static void kv_state_free(kv_state *state) {
    int64_t all = INT64_MAX;
    kv_walk_close(state);
    kv_table_release(state->table, &all);
    while (state->retired) kv_release_some(state, INT64_MAX);
    kv_buffer_free(&state->scratch);
    free(state->due);
    free(state);
}

/* Put `fresh` in the place of `old`, whose entries are freed piecemeal. */
static void kv_state_replace(kv_state *old, kv_state *fresh) {
    kv_walk_close(old);
    old->table->next_retired = old->retired;
    fresh->retired = old->table;
    kv_buffer_free(&old->scratch);
    free(old->due);
    free(old);
}

/* What all replicas with the same applied index agree on. */
static uint64_t kv_state_digest(const kv_state *state) {
    uint64_t label = kv_fold(state->revision ^ KV_SEED_A, (uint64_t)state->log_time ^ KV_SEED_B);
    return kv_fold(state->digest ^ KV_SEED_C, state->table->count ^ KV_SEED_A) ^ label;
}

#endif
