"""The native key-value state machine: applies batches of Redis commands in the log's order and answers in RESP3.

Knows no replication, session or network, and no clock: time is what the log says. Formats of batches and replies are
described in ``protocols/storage/messages.py``. The C in ``include/store_*.h`` is in layers: bytes, table, state, call,
commands, batch, snapshot; each knows only those before it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memmove, memset


cdef extern from "store_batch.h" nogil:
    ctypedef struct kv_buffer:
        char *bytes
        size_t size
    ctypedef struct kv_entry:
        pass
    ctypedef struct kv_table:
        uint64_t count
        kv_table *next_retired
    ctypedef struct kv_due:
        int64_t deadline
    ctypedef struct kv_walk:
        kv_table *table
    ctypedef struct kv_state:
        kv_table *table
        kv_due *due
        uint32_t due_count, due_room
        int64_t log_time
        uint64_t revision, entry_bytes, expired
        kv_walk walk
        kv_table *retired
    ctypedef struct kv_arg:
        pass
    ctypedef struct kv_command:
        const char *name
        int opcode, min_args, max_args, is_write
    const kv_command *kv_commands
    int KV_COMMANDS
    int KV_MAX_ARGUMENTS
    int KV_RELEASE_PER_APPLY
    int KV_MAX_VALUE_BYTES
    void kv_buffer_free(kv_buffer *buffer)
    void kv_buffer_clear(kv_buffer *buffer, size_t keep_room)
    kv_state *kv_state_new()
    void kv_state_free(kv_state *state)
    uint64_t kv_state_digest(const kv_state *state)
    size_t kv_table_bytes(const kv_table *table)
    void kv_expire_some(kv_state *state)
    void kv_release_some(kv_state *state, int64_t budget)
    int64_t kv_batch_count(const char *at, size_t size)
    bint kv_run_batch(
        kv_state *state, kv_arg *args, kv_buffer *out, const char *at, size_t size, bint applying, int64_t time
    )
    void kv_walk_close(kv_state *state)
    void kv_state_replace(kv_state *old, kv_state *fresh)


cdef extern from "store_snapshot.h" nogil:
    ctypedef struct kv_restore:
        kv_state *state
        kv_buffer rest
    void kv_walk_begin(kv_state *state, kv_buffer *out)
    bint kv_walk_step(kv_state *state, kv_buffer *out, size_t limit)
    bint kv_restore_chunk(kv_restore *restore, const char *at, size_t size, const char **problem)
    bint kv_restore_check(kv_restore *restore, const char **problem)


MAX_ARGUMENTS = KV_MAX_ARGUMENTS
MAX_VALUE_BYTES = KV_MAX_VALUE_BYTES
COMMANDS = {
    kv_commands[i].name.upper(): (
        kv_commands[i].opcode, kv_commands[i].min_args, kv_commands[i].max_args, bool(kv_commands[i].is_write)
    )
    for i in range(KV_COMMANDS)
}

cdef enum:
    KEEP_REPLY_ROOM = 1 << 20


cdef class Store:
    """One key space. Not safe for threads; every call holds the GIL."""

    cdef kv_state *state
    cdef kv_arg *args
    cdef kv_buffer replies
    cdef kv_restore incoming
    cdef Walk walk

    def __cinit__(self):
        self.state = kv_state_new()
        self.args = <kv_arg *>PyMem_Malloc(KV_MAX_ARGUMENTS * sizeof(kv_arg))
        if self.args == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.state != NULL:
            kv_state_free(self.state)
        PyMem_Free(self.args)
        kv_buffer_free(&self.replies)
        self.drop_incoming()

    cdef void drop_incoming(self) noexcept:
        if self.incoming.state != NULL:
            kv_state_free(self.incoming.state)
        kv_buffer_free(&self.incoming.rest)
        memset(&self.incoming, 0, sizeof(kv_restore))

    cdef check(self, bytes batch):
        if kv_batch_count(PyBytes_AS_STRING(batch), PyBytes_GET_SIZE(batch)) < 0:
            raise ValueError(
                f"a batch of {len(batch)} bytes ends within a command; nothing of it was run; "
                f"its form is u16 opcode, u16 argument count, then per argument u32 length and bytes"
            )

    cdef bytes take_replies(self):
        cdef bytes result = PyBytes_FromStringAndSize(self.replies.bytes, self.replies.size)
        kv_buffer_clear(&self.replies, KEEP_REPLY_ROOM)
        return result

    def apply(self, int64_t time_ms, bytes batch not None):
        self.check(batch)
        cdef kv_state *state = self.state
        if time_ms > state.log_time:
            state.log_time = time_ms
        if state.due_count:
            kv_expire_some(state)
        if state.retired != NULL:
            kv_release_some(state, KV_RELEASE_PER_APPLY)
        kv_run_batch(
            state, self.args, &self.replies, PyBytes_AS_STRING(batch), PyBytes_GET_SIZE(batch), True, state.log_time
        )
        return self.take_replies()

    def read(self, int64_t time_ms, bytes batch not None):
        self.check(batch)
        cdef int64_t time = max(time_ms, self.state.log_time)
        if not kv_run_batch(
            self.state, self.args, &self.replies, PyBytes_AS_STRING(batch), PyBytes_GET_SIZE(batch), False, time
        ):
            kv_buffer_clear(&self.replies, KEEP_REPLY_ROOM)
            return None
        return self.take_replies()

    @property
    def revision(self):
        return self.state.revision

    @property
    def log_time_ms(self):
        return self.state.log_time

    @property
    def next_deadline_ms(self):
        return self.state.due[0].deadline if self.state.due_count else None

    def __len__(self):
        return self.state.table.count

    def digest(self):
        return kv_state_digest(self.state)

    def stats(self):
        cdef kv_table *table = self.state.retired
        cdef uint64_t retired = 0
        while table != NULL:
            retired += 1
            table = table.next_retired
        return {
            "keys": self.state.table.count,
            "keys_with_deadline": self.state.due_count,
            "expired_keys": self.state.expired,
            "entry_bytes": self.state.entry_bytes,
            "table_bytes": kv_table_bytes(self.state.table),
            "deadline_bytes": self.state.due_room * sizeof(kv_due),
            "flushed_tables": retired,
        }

    def snapshot(self):
        if self.walk is not None:
            self.walk.close()
        cdef Walk walk = Walk.__new__(Walk)
        walk.store = self
        kv_walk_begin(self.state, &walk.pending)
        self.walk = walk
        return walk

    def begin_restore(self):
        self.drop_incoming()
        self.incoming.state = kv_state_new()

    def restore_chunk(self, bytes chunk not None):
        cdef const char *problem = NULL
        if self.incoming.state == NULL:
            raise ValueError("restore_chunk: no restore was begun; call begin_restore first")
        if not kv_restore_chunk(&self.incoming, PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk), &problem):
            self.drop_incoming()
            raise ValueError(f"this is not a snapshot of the store: {problem.decode()}; the state is unchanged")

    def finish_restore(self):
        cdef const char *problem = NULL
        if self.incoming.state == NULL:
            raise ValueError("finish_restore: no restore was begun; call begin_restore first")
        if not kv_restore_check(&self.incoming, &problem):
            self.drop_incoming()
            raise ValueError(f"the snapshot cannot be restored: {problem.decode()}; the state is unchanged")
        if self.walk is not None:
            self.walk.close()
        kv_state_replace(self.state, self.incoming.state)
        self.state = self.incoming.state
        self.incoming.state = NULL
        self.drop_incoming()


cdef class Walk:
    """A consistent pass over the state as of the moment it was begun, while the state goes on changing."""

    cdef Store store
    cdef kv_buffer pending
    cdef size_t given

    def __dealloc__(self):
        kv_buffer_free(&self.pending)

    def next(self, Py_ssize_t limit_bytes):
        if limit_bytes < 1:
            raise ValueError(f"a walk's step of {limit_bytes} bytes was asked for; it needs at least 1")
        cdef size_t limit = limit_bytes
        cdef size_t left = self.pending.size - self.given
        if left < limit and self.given:
            memmove(self.pending.bytes, self.pending.bytes + self.given, left)
            self.pending.size = left
            self.given = 0
        if left < limit and self.store is not None and kv_walk_step(self.store.state, &self.pending, limit):
            self.leave()
        left = min(self.pending.size - self.given, limit)
        if left == 0:
            return None
        piece = PyBytes_FromStringAndSize(self.pending.bytes + self.given, left)
        self.given += left
        return piece

    cdef leave(self):
        kv_walk_close(self.store.state)
        self.store.walk = None
        self.store = None

    def close(self):
        if self.store is not None:
            self.leave()
        kv_buffer_free(&self.pending)
        self.given = 0
