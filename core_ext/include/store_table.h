/* The store's hash table: chains kept in hash order, the bucket being the hash's upper bits, grown and shrunk a few
 * buckets at a time. Knows no time, command or snapshot.
 *
 * Because chains are sorted and buckets are ranges of hashes, the order of the whole table is the order of (hash, key):
 * a function of the content alone, whatever the table's size and history. SCAN's cursor and a snapshot walk are positions
 * in that order, which neither growth nor another replica changes. */
#ifndef ACTORUM_STORE_TABLE_H
#define ACTORUM_STORE_TABLE_H

#include "store_bytes.h"

#define KV_NO_DEADLINE INT64_MIN
#define KV_NOT_DUE UINT32_MAX
#define KV_MIN_BITS 4
#define KV_MAX_BITS 31
#define KV_MOVES_PER_CHANGE 2 /* coarse buckets moved per insertion or removal: a resize ends before the next is due */

typedef struct kv_entry {
    struct kv_entry *next;
    uint64_t hash;
    uint64_t version;  /* revision of the last write to this key */
    uint64_t mark;     /* what this entry adds to the store's digest */
    int64_t deadline;  /* milliseconds since the epoch, or KV_NO_DEADLINE */
    uint32_t due_at;   /* place in the heap of deadlines, or KV_NOT_DUE */
    uint32_t key_bytes, value_bytes, value_room;
    char data[];       /* the key, then the value */
} kv_entry;

static inline char *kv_value(kv_entry *entry) { return entry->data + entry->key_bytes; }
static inline size_t kv_entry_bytes(const kv_entry *entry) {
    return sizeof(kv_entry) + entry->key_bytes + entry->value_room;
}

typedef struct {
    kv_entry **heads;
    unsigned bits;
} kv_buckets;

typedef struct kv_table {
    kv_buckets from, to; /* `to` exists only while resizing */
    uint64_t moved;      /* coarse buckets (of the smaller of the two) already moved */
    uint64_t count;
    struct kv_table *next_retired;
    uint64_t released;   /* retired only: buckets already freed, of `from` and then of `to` */
} kv_table;

static kv_buckets kv_buckets_new(unsigned bits) {
    kv_buckets buckets = {kv_allocate_zeroed((size_t)1 << bits, sizeof(kv_entry *)), bits};
    return buckets;
}

static kv_table *kv_table_new(void) {
    kv_table *table = kv_allocate_zeroed(1, sizeof *table);
    table->from = kv_buckets_new(KV_MIN_BITS);
    return table;
}

static inline size_t kv_table_bytes(const kv_table *table) {
    size_t heads = (size_t)1 << table->from.bits;
    if (table->to.heads) heads += (size_t)1 << table->to.bits;
    return sizeof *table + heads * sizeof(kv_entry *);
}

static inline unsigned kv_coarse_bits(const kv_table *table) {
    return table->to.heads && table->to.bits < table->from.bits ? table->to.bits : table->from.bits;
}

static inline kv_buckets *kv_buckets_of(kv_table *table, uint64_t hash) {
    if (table->to.heads && (hash >> (64 - kv_coarse_bits(table))) < table->moved) return &table->to;
    return &table->from;
}

static inline kv_entry **kv_head_of(kv_table *table, uint64_t hash) {
    kv_buckets *buckets = kv_buckets_of(table, hash);
    return &buckets->heads[hash >> (64 - buckets->bits)];
}

static inline int kv_key_order(const kv_entry *entry, const char *key, uint32_t key_bytes) {
    uint32_t common = entry->key_bytes < key_bytes ? entry->key_bytes : key_bytes;
    int order = memcmp(entry->data, key, common);
    return order ? order : (entry->key_bytes > key_bytes) - (entry->key_bytes < key_bytes);
}

/* The link that points to the key's entry, or, with *found NULL, to where it would be inserted. */
static inline kv_entry **kv_locate(
    kv_table *table, const char *key, uint32_t key_bytes, uint64_t hash, kv_entry **found
) {
    kv_entry **link = kv_head_of(table, hash);
    kv_entry *entry = *link;
    while (entry && entry->hash < hash) {
        link = &entry->next;
        entry = *link;
    }
    while (entry && entry->hash == hash) {
        int order = kv_key_order(entry, key, key_bytes);
        if (order == 0) {
            *found = entry;
            return link;
        }
        if (order > 0) break;
        link = &entry->next;
        entry = *link;
    }
    *found = NULL;
    return link;
}

/* One coarse bucket: growing splits its chain in two, shrinking joins two chains; both keep the order. */
static void kv_move_bucket(kv_table *table) {
    uint64_t coarse = table->moved++;
    if (table->to.bits > table->from.bits) {
        kv_entry **link = &table->from.heads[coarse];
        uint64_t boundary = ((coarse << 1) | 1) << (64 - table->to.bits);
        table->to.heads[coarse << 1] = *link;
        kv_entry **tail = &table->to.heads[coarse << 1];
        while (*tail && (*tail)->hash < boundary) tail = &(*tail)->next;
        table->to.heads[(coarse << 1) | 1] = *tail;
        *tail = NULL;
        *link = NULL;
    } else {
        kv_entry **low = &table->from.heads[coarse << 1], **high = low + 1;
        kv_entry **tail = &table->to.heads[coarse];
        *tail = *low;
        while (*tail) tail = &(*tail)->next;
        *tail = *high;
        *low = *high = NULL;
    }
}

/* A few steps of a running resize, or the begin of one that the count asks for. Links found before are invalid. */
static void kv_table_adjust(kv_table *table) {
    if (table->to.heads == NULL) {
        unsigned bits = table->from.bits;
        uint64_t buckets = (uint64_t)1 << bits;
        if (table->count > buckets && bits < KV_MAX_BITS) {
            table->to = kv_buckets_new(bits + 1);
        } else if (table->count < buckets / 8 && bits > KV_MIN_BITS) {
            table->to = kv_buckets_new(bits - 1);
        } else {
            return;
        }
        table->moved = 0;
    }
    uint64_t coarse = (uint64_t)1 << kv_coarse_bits(table);
    for (int step = 0; step < KV_MOVES_PER_CHANGE && table->moved < coarse; step++) kv_move_bucket(table);
    if (table->moved == coarse) {
        free(table->from.heads);
        table->from = table->to;
        table->to.heads = NULL;
        table->moved = 0;
    }
}

/* The bucket that holds position `hash`: its chain, and the last position that belongs to it. */
static inline kv_entry *kv_span(kv_table *table, uint64_t hash, uint64_t *last) {
    kv_buckets *buckets = kv_buckets_of(table, hash);
    uint64_t index = hash >> (64 - buckets->bits);
    *last = ((index + 1) << (64 - buckets->bits)) - 1; /* the last bucket wraps to UINT64_MAX, as it should */
    return buckets->heads[index];
}

/* Frees up to *budget entries and empty buckets of a table that nobody looks at any more; true when it is gone. */
static int kv_table_release(kv_table *table, int64_t *budget) {
    uint64_t from = (uint64_t)1 << table->from.bits;
    uint64_t total = from + (table->to.heads ? (uint64_t)1 << table->to.bits : 0);
    for (; table->released < total; table->released++) {
        kv_entry **head = table->released < from ? &table->from.heads[table->released]
                                                 : &table->to.heads[table->released - from];
        while (*head) {
            if (--*budget < 0) return 0;
            kv_entry *entry = *head;
            *head = entry->next;
            free(entry);
        }
        if ((table->released & 15) == 0 && --*budget < 0) return 0;
    }
    free(table->from.heads);
    free(table->to.heads);
    free(table);
    return 1;
}

#endif
