/* Running a batch: `u16 opcode, u16 argument count, then per argument u32 length and bytes`, back to back, answered by
 * `u32 length and bytes` per command. Total: any byte string is run or refused as a whole. */
#ifndef ACTORUM_STORE_BATCH_H
#define ACTORUM_STORE_BATCH_H

#include "store_commands.h"

#define KV_MAX_ARGUMENTS 65535

/* How many commands a well-formed batch holds; -1 when it is not well-formed. */
static int64_t kv_batch_count(const char *at, size_t size) {
    int64_t commands = 0;
    const char *end = at + size;
    while (at < end) {
        if (end - at < 4) return -1;
        uint32_t arguments = kv_load16(at + 2);
        at += 4;
        while (arguments--) {
            if (end - at < 4) return -1;
            uint32_t length = kv_load32(at);
            at += 4;
            if ((uint64_t)(end - at) < length) return -1;
            at += length;
        }
        commands++;
    }
    return commands;
}

/* Run one decoded command; its reply goes to call->out behind the u32 that will hold its length. */
static void kv_run(kv_call *call, int opcode, int argument_too_large) {
    size_t start = call->out->size;
    kv_buffer_reserve(call->out, 4);
    call->out->size += 4;
    const kv_command *command = opcode >= 1 && opcode <= KV_COMMANDS ? &kv_commands[opcode - 1] : NULL;
    call->changed = call->too_large = 0;
    call->version = call->state->revision + 1;
    if (command == NULL) {
        kv_say(call, "-ERR unknown opcode in a batch; all nodes must run the same version\r\n");
    } else {
        call->name = command->name;
        if ((int64_t)call->count < command->min_args
            || (command->max_args >= 0 && (int64_t)call->count > command->max_args)) {
            kv_say_arity(call);
        } else if (command->is_write && !call->applying) {
            kv_say_named(call, "-ERR '", "' writes, and came to the store as a read\r\n");
        } else if (command->is_write && argument_too_large) {
            kv_say_too_large(call);
        } else {
            command->run(call);
        }
    }
    if (call->changed) call->state->revision = call->version;
    if (call->too_large || call->out->size > KV_MAX_REPLY_BYTES + KV_SMALL_REPLY_BYTES) {
        kv_buffer_clear(&call->state->scratch, 1 << 20);
        call->out->size = start + 4;
        kv_say(call, call->changed ? "-ERR the command was executed, but not answered: " : "-ERR ");
        kv_say(call, "the replies to one batch of commands exceed 32 MiB; ask for less at a time\r\n");
    }
    uint32_t length = (uint32_t)(call->out->size - start - 4);
    memcpy(call->out->bytes + start, &length, 4);
}

/* Memory, not arithmetic, is what a large store's commands wait for: the bucket of a command's first key is fetched
 * KV_AHEAD commands before it runs, and the first entry of that bucket half as many before. */
#define KV_AHEAD 8
#define KV_FETCHED_LINES 5

typedef struct {
    const char *at;
    uint64_t hashes[KV_AHEAD];
    uint64_t scouted;
} kv_scout;

static inline void kv_scout_next(kv_scout *scout, kv_state *state, const char *end) {
    const char *at = scout->at;
    if (at >= end) return;
    uint32_t arguments = kv_load16(at + 2);
    at += 4;
    uint64_t hash = arguments ? kv_hash(at + 4, kv_load32(at)) : 0;
    while (arguments--) at += 4 + (size_t)kv_load32(at);
    __builtin_prefetch(kv_head_of(state->table, hash));
    scout->hashes[scout->scouted++ % KV_AHEAD] = hash;
    scout->at = at;
}

static inline void kv_scout_entry(const kv_scout *scout, kv_state *state, uint64_t number) {
    if (number >= scout->scouted) return;
    const char *entry = (const char *)*kv_head_of(state->table, scout->hashes[number % KV_AHEAD]);
    if (entry == NULL) return;
    for (int line = 0; line < KV_FETCHED_LINES; line++) __builtin_prefetch(entry + 64 * line);
}

/* Run a well-formed batch. False: a local read met a deadline between log time and `time`; let log time advance. */
static int kv_run_batch(
    kv_state *state, kv_arg *args, kv_buffer *out, const char *at, size_t size, int applying, int64_t time
) {
    kv_call call = {.state = state, .out = out, .args = args, .applying = applying, .time = time};
    const char *end = at + size;
    kv_scout scout = {.at = at};
    for (int i = 0; i < KV_AHEAD; i++) kv_scout_next(&scout, state, end);
    for (uint64_t number = 0; at < end; number++) {
        kv_scout_entry(&scout, state, number + KV_AHEAD / 2);
        int opcode = kv_load16(at), argument_too_large = 0;
        call.count = kv_load16(at + 2);
        at += 4;
        for (uint32_t i = 0; i < call.count; i++) {
            args[i].size = kv_load32(at);
            args[i].at = at + 4;
            argument_too_large |= args[i].size > KV_MAX_VALUE_BYTES;
            at += 4 + (size_t)args[i].size;
        }
        kv_run(&call, opcode, argument_too_large);
        if (call.tick_needed) return 0;
        kv_scout_next(&scout, state, end);
    }
    return 1;
}

#endif
