"""C-level names of the hands of an actor in the simulated world."""

from core_ext.codec cimport MessageCodec
from core_ext.draws cimport Draws
from core_ext.mailbox cimport Reference
from core_ext.stage_link cimport StagePeer

cdef class Sent:
    cdef readonly Reference target
    cdef readonly object message
    cdef readonly bint now

cdef class Away:
    cdef readonly Reference target
    cdef readonly object message
    cdef readonly object content
    cdef readonly bint now

cdef class Timed:
    cdef readonly object message
    cdef readonly object delay_seconds
    cdef readonly object key

cdef class Appended:
    cdef readonly long long position
    cdef readonly object record
    cdef readonly object note
    cdef readonly object critical

cdef class StageFloor(StagePeer):
    cdef public Draws stream
    cdef public dict types
    cdef public MessageCodec codec
    cdef public bint encoded
    cdef public double clock_rate
    cdef public double clock_offset
    cdef object packed
    cdef object parcel
    cdef object packed_for_travel(self, object message)

cdef class StageHands:
    cdef public object sender
    cdef public StageView view
    cdef public object _ticket
    cdef readonly list items
    cdef readonly bint active
    cdef readonly Reference own
    cdef readonly str node
    cdef StageFloor stage
    cdef int queue_send(self, Reference target, object message, bint now) except -1

cdef class StageView:
    cdef readonly list _effects
    cdef public long long first_position
    cdef public long long next_position
    cdef public tuple uncertain
    cdef public bint lost
    cdef long long kept_first
    cdef long long kept_next
    cdef tuple kept_uncertain
    cdef bint kept_lost
    cdef set known
    cdef int stand(self) except -1
