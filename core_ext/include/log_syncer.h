/* The thread that makes batches of the write-ahead log durable. It never touches Python: a queue of malloc'ed items in,
 * an eventfd out. Must not know records, streams or recovery.
 *
 * One owner thread submits; items take effect in order. Consecutive writes are written and synced together (group
 * commit), and nothing after them is written before they are synced. A failed write or sync is never retried: after a
 * failed fsync the page cache may call a page clean that never reached the disk (Rebello et al., ATC 2020).
 *
 * Two changes of threads cost more than the sync of a small batch on a fast disk. So a small batch that finds the thread
 * idle is left to the owner, who syncs it at once (log_syncer_take) or is told by the eventfd and syncs it in
 * log_syncer_drain, while syncs are fast as a rule and the owner always came. If it does not come, the thread takes the
 * batch at its next look but one.
 */
#ifndef ACTORUM_LOG_SYNCER_H
#define ACTORUM_LOG_SYNCER_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "log_format.h"

#define LOG_GROUP_ITEMS 64
#define LOG_GROUP_BYTES (16u << 20)
#define LOG_ZERO_AHEAD (1u << 20)  /* zeros that should stand ready behind the write position */
#define LOG_ZERO_BYTES (128u << 10) /* written and synced at a time, so that a batch hardly waits for it */
#define LOG_SYNC_BUCKETS 24        /* bucket b counts syncs below 2^b * 16 microseconds */
#define LOG_OWNER_BYTES (16u << 10) /* larger batches are the thread's */
#define LOG_FAST_NS 400000          /* while syncs take less on the average, batches are the owner's */
#define LOG_SLOW_NS (4 * LOG_FAST_NS) /* slower ones count as this: a single one says little of the next */
#define LOG_AVERAGED 16             /* syncs that the average remembers, as it were */
#define LOG_CALM_RUN 16             /* so many syncs without a stall, at least, before batches are the owner's */
#define LOG_CALM_RUN_MAX 4096
#define LOG_STALL_NS 10000000       /* one as slow as this would be felt in an event loop: four times the run is asked for */
#define LOG_LOOK_NS 5000000u        /* how often the thread looks while batches are left to the owner */
#define LOG_IDLE_LOOKS 200          /* after so many without a batch it sleeps until it is woken */

enum { LOG_ITEM_WRITE, LOG_ITEM_ROTATE, LOG_ITEM_REMOVE };

typedef struct log_item {
    struct log_item *next;
    int kind;
    char name[32];        /* ROTATE, REMOVE */
    unsigned char *bytes; /* WRITE: borrowed until synced; ROTATE: the header, freed here */
    uint64_t length;
    uint64_t offset;     /* WRITE: in the segment; ROTATE: size of the segment */
    uint64_t commit_at;  /* WRITE: where the COMMIT stands in bytes */
    uint64_t base, salt; /* WRITE: log sequence number of offset 0, salt of the segment */
    uint64_t number;     /* WRITE: of the batch */
} log_item;

typedef struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    log_item *head, *tail; /* guarded by mutex */
    int closing;           /* guarded by mutex */
    int left;              /* guarded by mutex: what waits is left to the owner */
    int busy;              /* guarded by mutex: somebody is at the disk */
    _Atomic int calm;      /* syncs in a row without a stall, up to ``run`` */
    _Atomic int run;       /* so many let the owner sync; this and ``usual`` are changed only by who is at the disk */
    _Atomic int64_t usual; /* nanoseconds of a sync, on the average of the last ones */
    uint64_t drained;      /* the owner's: the newest durable batch when it last came */
    int directory, file, event;
    uint64_t position, zeroed, size; /* of the current segment; the thread's own */
    char *zeros;
    _Atomic uint64_t synced, submitted, syncs, bytes, last_sync_end_ns, sync_ns, zeroed_bytes, owner_syncs;
    _Atomic uint64_t buckets[LOG_SYNC_BUCKETS];
    _Atomic int failure;
    const char *failed_step;
} log_syncer;

static uint64_t log_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void log_notify(log_syncer *syncer) {
    uint64_t one = 1;
    ssize_t done = write(syncer->event, &one, sizeof one);
    (void)done; /* only a full counter fails, and then it is readable anyway */
}

static int log_fail(log_syncer *syncer, const char *step) {
    syncer->failed_step = step;
    atomic_store(&syncer->failure, errno ? errno : EIO);
    return -1;
}

static int log_write_all(int file, const void *bytes, uint64_t length, uint64_t offset) {
    const char *at = (const char *)bytes;
    while (length) {
        ssize_t done = pwrite(file, at, length, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return -1;
        at += done;
        length -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

/* fdatasync over written zeros changes no metadata; over unwritten extents each sync pays for a journal commit. */
static int log_zero_ahead(log_syncer *syncer, uint64_t upto) {
    while (syncer->zeroed < upto && syncer->zeroed < syncer->size) {
        uint64_t length = syncer->size - syncer->zeroed;
        if (length > LOG_ZERO_BYTES) length = LOG_ZERO_BYTES;
        if (log_write_all(syncer->file, syncer->zeros, length, syncer->zeroed)) return -1;
        syncer->zeroed += length;
        atomic_fetch_add(&syncer->zeroed_bytes, length);
    }
    return 0;
}

/* Learn from a sync. A disk that is slow now and then, although rarely, is slow for the thread and not for the owner. */
static void log_note_sync(log_syncer *syncer, int64_t took) {
    int calm = atomic_load(&syncer->calm), run = atomic_load(&syncer->run);
    int64_t usual = atomic_load(&syncer->usual);
    if (took > LOG_STALL_NS) {
        calm = 0;
        run = run * 4 < LOG_CALM_RUN_MAX ? run * 4 : LOG_CALM_RUN_MAX;
    } else if (calm < run && ++calm == run && run > LOG_CALM_RUN) {
        calm = run /= 2; /* it has kept its word; but only one more run makes the next one shorter again */
    }
    atomic_store(&syncer->usual, usual + ((took < LOG_SLOW_NS ? took : LOG_SLOW_NS) - usual) / LOG_AVERAGED);
    atomic_store(&syncer->run, run);
    atomic_store(&syncer->calm, calm);
}

/* May a small batch be left to the owner? */
static int log_is_fast(log_syncer *syncer) {
    return atomic_load(&syncer->calm) >= atomic_load(&syncer->run) && atomic_load(&syncer->usual) < LOG_FAST_NS;
}

static int log_write_group(log_syncer *syncer, log_item **items, int count, int tell) {
    struct iovec parts[LOG_GROUP_ITEMS];
    uint64_t total = 0, group = items[0]->base + items[0]->offset;
    for (int i = 0; i < count; i++) {
        log_item *item = items[i];
        log_header *commit = (log_header *)(item->bytes + item->commit_at);
        if (commit->note != group) {
            commit->note = group;
            commit->header_crc = log_header_crc(item->salt, item->base + item->offset + item->commit_at, commit);
        }
        parts[i].iov_base = item->bytes;
        parts[i].iov_len = item->length;
        total += item->length;
    }
    uint64_t begun = log_now_ns();
    if (log_zero_ahead(syncer, items[0]->offset + total)) return log_fail(syncer, "write");
    ssize_t done;
    do done = pwritev(syncer->file, parts, count, (off_t)items[0]->offset);
    while (done < 0 && errno == EINTR);
    if (done < 0) return log_fail(syncer, "write");
    uint64_t written = (uint64_t)done, before = 0;
    for (int i = 0; i < count && written < total; i++) { /* a short write: go on item by item */
        uint64_t end = before + parts[i].iov_len;
        if (end > written) {
            uint64_t from = written > before ? written - before : 0;
            if (log_write_all(syncer->file, items[i]->bytes + from, parts[i].iov_len - from, items[i]->offset + from))
                return log_fail(syncer, "write");
        }
        before = end;
    }
    uint64_t started = log_now_ns();
    if (fdatasync(syncer->file)) return log_fail(syncer, "fdatasync");
    uint64_t ended = log_now_ns(), micro = (ended - started) / 16000;
    int bucket = 0;
    while (micro && bucket < LOG_SYNC_BUCKETS - 1) {
        micro >>= 1;
        bucket++;
    }
    atomic_fetch_add(&syncer->buckets[bucket], 1);
    atomic_fetch_add(&syncer->syncs, 1);
    atomic_fetch_add(&syncer->bytes, total);
    atomic_fetch_add(&syncer->sync_ns, ended - started);
    atomic_store(&syncer->last_sync_end_ns, ended);
    syncer->position = items[0]->offset + total;
    log_note_sync(syncer, (int64_t)(ended - begun));
    atomic_store(&syncer->synced, items[count - 1]->number);
    if (tell) log_notify(syncer);
    else atomic_fetch_add(&syncer->owner_syncs, 1);
    return 0;
}

/* The new segment gets its name only when its header is durable: a named segment always has one. */
static int log_rotate(log_syncer *syncer, log_item *item) {
    const char *spare = "spare.tmp";
    int file = openat(syncer->directory, spare, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return log_fail(syncer, "open of a new segment");
    close(syncer->file);
    syncer->file = file;
    syncer->size = item->offset;
    syncer->position = syncer->zeroed = item->length;
    int refused = posix_fallocate(file, 0, (off_t)item->offset);
    if (refused) {
        errno = refused;
        return log_fail(syncer, "allocation of a new segment");
    }
    if (log_write_all(file, item->bytes, item->length, 0) || log_zero_ahead(syncer, LOG_ZERO_BYTES))
        return log_fail(syncer, "write of a new segment");
    if (fdatasync(file)) return log_fail(syncer, "fdatasync of a new segment");
    if (renameat(syncer->directory, spare, syncer->directory, item->name)) return log_fail(syncer, "rename of a new segment");
    if (fsync(syncer->directory)) return log_fail(syncer, "fsync of the directory");
    return 0;
}

static int log_remove(log_syncer *syncer, log_item *item) {
    if (unlinkat(syncer->directory, item->name, 0) && errno != ENOENT) return log_fail(syncer, "removal of a segment");
    if (fsync(syncer->directory)) return log_fail(syncer, "fsync of the directory");
    return 0;
}

/* Do the first item, or the first group; returns the next one. Only who has set ``busy`` calls this. */
static log_item *log_process(log_syncer *syncer, log_item *item, int tell) {
    log_item *group[LOG_GROUP_ITEMS];
    int count = 0;
    uint64_t total = 0;
    if (item->kind == LOG_ITEM_WRITE) {
        log_item *next = item;
        while (next && next->kind == LOG_ITEM_WRITE && count < LOG_GROUP_ITEMS && total < LOG_GROUP_BYTES) {
            total += next->length;
            group[count++] = next;
            next = next->next;
        }
        if (!atomic_load(&syncer->failure)) log_write_group(syncer, group, count, tell);
    } else {
        group[count++] = item;
        if (!atomic_load(&syncer->failure)) {
            if (item->kind == LOG_ITEM_ROTATE) log_rotate(syncer, item);
            else log_remove(syncer, item);
        }
    }
    if (atomic_load(&syncer->failure)) log_notify(syncer);
    item = group[count - 1]->next;
    for (int i = 0; i < count; i++) {
        if (group[i]->kind == LOG_ITEM_ROTATE) free(group[i]->bytes);
        free(group[i]);
    }
    return item;
}

/* Idle, with the mutex: prepare room, so that no batch waits for it. Returns whether there was something to do. */
static int log_prepare_room(log_syncer *syncer) {
    if (syncer->busy || syncer->head || atomic_load(&syncer->failure)) return 0;
    if (syncer->zeroed >= syncer->size || syncer->zeroed - syncer->position >= LOG_ZERO_AHEAD) return 0;
    syncer->busy = 1;
    pthread_mutex_unlock(&syncer->mutex);
    if (log_zero_ahead(syncer, syncer->zeroed + LOG_ZERO_BYTES)) log_fail(syncer, "write");
    else if (fdatasync(syncer->file)) log_fail(syncer, "fdatasync");
    if (atomic_load(&syncer->failure)) log_notify(syncer);
    pthread_mutex_lock(&syncer->mutex);
    syncer->busy = 0;
    return 1;
}

/* Wait for work, with the mutex: until woken, or, while batches may be left to the owner, until the next look. What is
 * left at two looks in a row, the owner does not come for. */
static void log_wait(log_syncer *syncer, int *looks, uint64_t *seen) {
    if (!log_is_fast(syncer)) {
        pthread_cond_wait(&syncer->wake, &syncer->mutex);
        return;
    }
    struct timespec until;
    uint64_t at = log_now_ns() + LOG_LOOK_NS;
    until.tv_sec = (time_t)(at / 1000000000ull);
    until.tv_nsec = (long)(at % 1000000000ull);
    if (pthread_cond_timedwait(&syncer->wake, &syncer->mutex, &until) != ETIMEDOUT || syncer->busy) return;
    uint64_t newest = atomic_load(&syncer->submitted);
    if (newest != *seen) *looks = 0;
    else if (syncer->left || ++*looks > LOG_IDLE_LOOKS) { /* the owner has not come, or has nothing to write */
        syncer->left = *looks = 0;
        atomic_store(&syncer->calm, 0);
    }
    *seen = newest;
}

static void *log_syncer_run(void *argument) {
    log_syncer *syncer = (log_syncer *)argument;
    int looks = 0;
    uint64_t seen = 0;
    pthread_mutex_lock(&syncer->mutex);
    for (;;) {
        if (syncer->busy || ((!syncer->head || syncer->left) && !syncer->closing)) {
            if (!log_prepare_room(syncer)) log_wait(syncer, &looks, &seen);
            continue;
        }
        log_item *item = syncer->head;
        if (!item) break;
        syncer->head = syncer->tail = NULL;
        syncer->left = 0;
        syncer->busy = 1;
        pthread_mutex_unlock(&syncer->mutex);
        while (item) item = log_process(syncer, item, 1);
        pthread_mutex_lock(&syncer->mutex);
        syncer->busy = 0;
    }
    pthread_mutex_unlock(&syncer->mutex);
    return NULL;
}

/* Takes over nothing on failure; on success owns `file`. Returns NULL with errno set. */
static inline log_syncer *log_syncer_start(int directory, int file, uint64_t position, uint64_t zeroed, uint64_t size,
                                    uint64_t synced) {
    log_syncer *syncer = (log_syncer *)calloc(1, sizeof *syncer);
    if (!syncer) return NULL;
    syncer->zeros = (char *)calloc(1, LOG_ZERO_BYTES);
    syncer->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    syncer->directory = directory;
    syncer->file = file;
    syncer->position = position;
    syncer->zeroed = zeroed;
    syncer->size = size;
    atomic_store(&syncer->synced, synced);
    atomic_store(&syncer->submitted, synced);
    syncer->drained = synced;
    atomic_store(&syncer->run, LOG_CALM_RUN);
    atomic_store(&syncer->usual, LOG_FAST_NS);
    pthread_mutex_init(&syncer->mutex, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&syncer->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (syncer->zeros && syncer->event >= 0 && !pthread_create(&syncer->thread, NULL, log_syncer_run, syncer))
        return syncer;
    if (syncer->event >= 0) close(syncer->event);
    free(syncer->zeros);
    free(syncer);
    return NULL;
}

/* ``here``: the owner asks for it at once. Returns whether the item is left to the owner, who then calls
 * log_syncer_take; without ``here`` it is told by the eventfd, and calls log_syncer_drain. */
static inline int log_syncer_submit(log_syncer *syncer, log_item *item, int here) {
    item->next = NULL;
    int small = item->kind == LOG_ITEM_WRITE && item->length <= LOG_OWNER_BYTES;
    int came = syncer->drained == atomic_load(&syncer->synced);
    pthread_mutex_lock(&syncer->mutex);
    if (item->kind == LOG_ITEM_WRITE) atomic_store(&syncer->submitted, item->number);
    /* read here: a thread that has just given up looking (log_wait) would never take back what was left after that */
    int left = syncer->left = small && came && log_is_fast(syncer) && !syncer->busy && !syncer->head;
    if (syncer->tail) syncer->tail->next = item;
    else syncer->head = item;
    syncer->tail = item;
    if (!left) pthread_cond_signal(&syncer->wake);
    pthread_mutex_unlock(&syncer->mutex);
    if (left && !here) log_notify(syncer);
    return left;
}

/* The owner writes and syncs what was left to it. */
static inline void log_syncer_take(log_syncer *syncer) {
    pthread_mutex_lock(&syncer->mutex);
    if (syncer->left && !syncer->busy) {
        log_item *item = syncer->head;
        syncer->head = syncer->tail = NULL;
        syncer->left = 0;
        syncer->busy = 1;
        pthread_mutex_unlock(&syncer->mutex);
        while (item) item = log_process(syncer, item, 0);
        pthread_mutex_lock(&syncer->mutex);
        syncer->busy = 0;
    }
    pthread_mutex_unlock(&syncer->mutex);
    syncer->drained = atomic_load(&syncer->synced);
}

/* The owner takes the eventfd's notice, and writes and syncs what was left to it. */
static inline void log_syncer_drain(log_syncer *syncer) {
    uint64_t count;
    ssize_t done = read(syncer->event, &count, sizeof count);
    (void)done; /* nothing to read is as good */
    log_syncer_take(syncer);
}

/* Waits until the queue is empty, then ends the thread. Once or more. */
static inline void log_syncer_finish(log_syncer *syncer) {
    pthread_mutex_lock(&syncer->mutex);
    int again = syncer->closing;
    syncer->closing = 1;
    pthread_cond_signal(&syncer->wake);
    pthread_mutex_unlock(&syncer->mutex);
    if (!again) pthread_join(syncer->thread, NULL);
}

/* Closes the segment and the eventfd. */
static inline void log_syncer_free(log_syncer *syncer) {
    log_syncer_finish(syncer);
    close(syncer->file);
    close(syncer->event);
    pthread_mutex_destroy(&syncer->mutex);
    pthread_cond_destroy(&syncer->wake);
    free(syncer->zeros);
    free(syncer);
}

static inline uint64_t log_syncer_bucket(log_syncer *syncer, int bucket) { return atomic_load(&syncer->buckets[bucket]); }
static inline uint64_t log_syncer_synced(log_syncer *syncer) { return atomic_load(&syncer->synced); }
static inline int log_syncer_failure(log_syncer *syncer) { return atomic_load(&syncer->failure); }

#endif
