"""C-level names of the stage of the simulated world."""

from core_ext.draws cimport Draws
from core_ext.stage_hands cimport Away, StageFloor, StageHands, Timed
from core_ext.stage_link cimport StageLink, StageMail

ctypedef unsigned long long u64

cdef class StageTimer:
    cdef public StageCell cell
    cdef public object key
    cdef public object message
    cdef public long long generation
    cdef public long long due
    cdef public long long queued
    cdef public bint live

cdef class StageCell:
    cdef public object actor
    cdef public object own
    cdef public object handlers
    cdef public object answers
    cdef public object after_batch
    cdef public tuple checks
    cdef public object journal
    cdef public object control
    cdef public object data
    cdef public object gated
    cdef public dict timers
    cdef public list unlaunched
    cdef public long long gate
    cdef public long long limit
    cdef public long long handled
    cdef public int state
    cdef public bint queued
    cdef public bint leaving
    cdef public unsigned int index
    cdef public StageNode stage
    cdef public StageHands hands
    cdef int take_in(self, int kind, object message, object sender, u64 correlation, bint control) except -1

cdef class StageNode(StageFloor):
    cdef public Draws disk_stream
    cdef public double disk_slow
    cdef public object durability
    cdef public dict names
    cdef public StageMail mail
    cdef public object links
    cdef public object runnable
    cdef public object journal_effects
    cdef public object at_once
    cdef public list actions
    cdef public list gating
    cdef public list outbox
    cdef public long long synced
    cdef public long long busy_until
    cdef public long long fuse
    cdef public long long handler_ns
    cdef public double shift
    cdef public bint in_turn
    cdef public bint scheduled
    cdef object put_out(self, StageLink link, tuple posted, bint control)
    cdef int run_turn(self) except -1
    cdef int flush_outbox(self) except -1
    cdef int plan(self) except -1
    cdef int put_timer(self, StageCell cell, Timed effect) except -1
    cdef int release_durable(self, StageCell cell, list effects, bint touched) except -1
    cdef int send_away(self, StageCell cell, Away effect) except -1
    cdef int serve(self, StageCell cell) except -1
    cdef int handle(self, StageCell cell, int kind, object message, object sender, u64 correlation) except -1
    cdef int finish(self, StageCell cell, object message) except -1
    cdef bint writes(self, list effects) except -1
    cdef int release(self, StageCell cell, object effect) except -1
    cdef int note_event(self, StageCell cell, int kind, object message, object sender, object wire_id) except -1
