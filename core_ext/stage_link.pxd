"""C-level names of the links of the simulated world."""

from core_ext.agenda cimport Agenda, Happening
from core_ext.draws cimport Draws

cdef class StagePeer:
    cdef public Agenda world
    cdef public long long boots
    cdef public bint up
    cdef public bint paused
    cdef public bint traced
    cdef int read_frame(self, StagePeer source, list envelopes, bint control) except -1

cdef class Parcel:
    cdef readonly unsigned int wire_id
    cdef readonly bytes body
    cdef public object message

cdef class Frame(Happening):
    cdef readonly StageLink link
    cdef readonly list envelopes
    cdef readonly bint control
    cdef long long size
    cdef long long sender_boots
    cdef long long receiver_boots

cdef class StageLink:
    cdef readonly StagePeer source
    cdef readonly StagePeer target
    cdef readonly tuple key
    cdef long long data_due
    cdef long long control_due
    cdef public long long clogged_until
    cdef public long long slow_until
    cdef public double slow_factor
    cdef public int cut
    cdef public bint lost
    cdef public long long bytes_under_way
    cdef public long long controls_under_way
    cdef public long long waiting_bytes
    cdef public object waiting
    cdef readonly long long queue_bytes
    cdef readonly long long control_limit
    cdef readonly long long max_body_bytes
    cdef bint takes(self, tuple posted, bint control) except -1
    cdef long long size_of(self, bint control) noexcept
    cdef list take_lane(self, bint control)
    cdef bint depart(self, bint control, list envelopes, long long size, long long depart_ns, long long delay_ns,
                     bint ordered) except -1
    cdef void give_back(self, bint control, long long size) noexcept
    cdef int come(self, Frame frame) except -1
    cdef int deliver(self, Frame frame) except -1

cdef class StageMail:
    cdef public Agenda world
    cdef public Draws draws
    cdef public dict omit_send
    cdef public dict omit_receive
    cdef public object seen
    cdef public bint single
    cdef public bint bounded
    cdef public long long low_ns
    cdef public long long step_ns
    cdef bint plain(self) except -1
    cdef int leave_frames(self, list outbox, long long depart_ns) except -1
