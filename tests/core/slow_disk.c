/* The syncer of core_ext/include/log_syncer.h on a disk that takes as long for a sync as it is told to. One owner drives it:
 * it submits small batches and comes for each, as an event loop does, at once or when it is told. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static _Atomic long sync_microseconds;
static pthread_t owner;
static int held;           /* the owner's syncs of 5 ms and more, by what they were told to take: a clock would count */
static long held_microseconds; /* also the times when a busy machine took its core away */

static int told_sync(int file) {
    long micro = sync_microseconds;
    struct timespec wait = {micro / 1000000, micro % 1000000 * 1000};
    (void)file;
    if (micro >= 5000 && pthread_equal(pthread_self(), owner)) {
        held++;
        held_microseconds += micro;
    }
    if (micro) nanosleep(&wait, 0);
    return 0;
}

#define fdatasync told_sync
#include "log_syncer.h"

void *disk_start(int directory, int file) { return log_syncer_start(directory, file, 0, 1 << 20, 1 << 20, 0); }

void disk_finish(void *disk) { log_syncer_free((log_syncer *)disk); }

uint64_t disk_owner_syncs(void *disk) { return atomic_load(&((log_syncer *)disk)->owner_syncs); }

/* Batches until ``last``, one after the other, every ``slow_every``-th sync taking so many microseconds. Counts the syncs
 * of 5 ms and more that held the owner up, and adds them up, in nanoseconds. */
int disk_run(void *disk, int here, uint64_t first, uint64_t last, uint64_t slow_every, long microseconds,
             uint64_t *held_ns) {
    log_syncer *syncer = (log_syncer *)disk;
    static unsigned char batch[64];
    owner = pthread_self();
    held = 0;
    held_microseconds = 0;
    for (uint64_t number = first; number <= last; number++) {
        log_item *item = (log_item *)calloc(1, sizeof *item);
        if (!item) return -1;
        item->kind = LOG_ITEM_WRITE;
        item->number = number;
        item->bytes = batch;
        item->length = sizeof batch;
        sync_microseconds = slow_every && number % slow_every == 0 ? microseconds : 0;
        if (log_syncer_submit(syncer, item, here) && here) log_syncer_take(syncer);
        while (log_syncer_synced(syncer) < number) {
            struct timespec wait = {0, 20000};
            nanosleep(&wait, 0);
            log_syncer_drain(syncer);
        }
        log_syncer_drain(syncer);
    }
    *held_ns = (uint64_t)held_microseconds * 1000;
    return held;
}
