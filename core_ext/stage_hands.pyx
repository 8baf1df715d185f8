"""The hands of an actor in the simulated world: what a running handler does, written down in order.

The calls that are paid for every message are native; the others, and every error, are the subclasses' in
``actors.simulation``. Knows no mailbox, no turn and no log.
"""

cimport cython

from core_ext.mailbox cimport Reference
from core_ext.stage_link cimport Parcel, StagePeer

from zlib import crc32

# what is beyond these, or of an unusual type, is for the subclass to judge
cdef double LONGEST_SECONDS = 1e9
cdef object LARGEST_NOTE = 1 << 62

EPOCH_SECONDS = 1_700_000_000.0


@cython.freelist(256)
cdef class Sent:
    """A message to an actor of the same node; ``now``: it need not wait for the disk."""


@cython.freelist(256)
cdef class Away:
    """A message to another node, with what travels of it; ``now``: it need not wait for the disk."""


@cython.freelist(64)
cdef class Timed:
    """A timer that is to be set; ``delay_seconds`` is a number or (low, high)."""


@cython.freelist(64)
cdef class Appended:
    """A record at the end of the journal."""

    def __init__(self, long long position, record, note=0, critical=False):
        self.position = position
        self.record = record
        self.note = note
        self.critical = critical


cdef class StageFloor(StagePeer):
    """What an actor's hands need of its node.

    Attributes:
        stream: its draws.
        types: for each type of message seen, whether it travels in the control lane.
        codec: messages to bodies and back.
        encoded: False: the message itself travels.
        clock_rate, clock_offset: of its clock, in seconds per second, and in seconds.
    """

    def pack(self, message):
        """What travels of a message to another node; the same message sent to several is encoded once."""
        return self.packed_for_travel(message)

    cdef object packed_for_travel(self, object message):
        cdef bytes body
        if type(message) not in self.types:
            self.check_type(message)
        if not self.encoded:
            return message
        if self.packed is not message:
            body = self.codec.encode(message)
            self.world.mix(message.wire_id, crc32(body))
            self.parcel = Parcel(message.wire_id, body)
            self.packed = message
        return self.parcel


cdef class StageHands:
    """The part of an actor's context that every message needs.

    Attributes:
        sender: who sent the message being handled.
        effects: what the running handler has done; there is none to be had outside of a handler.
        items: the same list, for the world, at any time.
        active: one of the actor's handlers runs.
        view: its journal as it sees it; None when it has none.
    """

    def __init__(self, Reference own not None, StageFloor stage not None):
        self.own = own
        self.node = own.node
        self.stage = stage
        self.items = []

    @property
    def effects(self):
        """What the running handler has done."""
        if not self.active:
            self.stage.refuse_outside_handler(self.own)
        return self.items

    @property
    def self(self):
        """This actor."""
        return self.own

    cdef int queue_send(self, Reference target, object message, bint now) except -1:
        cdef Sent here
        cdef Away there
        if not self.active:
            self.stage.refuse_outside_handler(self.own)
        if target.node == self.node:
            if type(message) not in self.stage.types:
                self.stage.check_type(message)
            here = Sent.__new__(Sent)
            here.target = target
            here.message = message
            here.now = now
            self.items.append(here)
        else:
            there = Away.__new__(Away)
            there.target = target
            there.message = message
            there.content = self.stage.packed_for_travel(message)
            there.now = now
            self.items.append(there)
        return 0

    def send(self, Reference target not None, message):
        """See ``Context.send``."""
        self.queue_send(target, message, False)

    def send_now(self, Reference target not None, message):
        """See ``Context.send_now``."""
        self.queue_send(target, message, True)

    def set_timer(self, message, delay_seconds, key=None):
        """See ``Context.set_timer``."""
        cdef Timed timed
        if key is not None or not plain_delay(delay_seconds):
            self.check_timer(delay_seconds, key)
        if not self.active:
            self.stage.refuse_outside_handler(self.own)
        timed = Timed.__new__(Timed)
        timed.message = message
        timed.delay_seconds = delay_seconds
        timed.key = type(message) if key is None else key
        self.items.append(timed)

    def choose(self, options):
        """See ``Context.choose``."""
        return options[self.stage.stream.below(len(options))]

    def now(self):
        """See ``Context.now``."""
        cdef object seconds = self.stage.world.now_ns / 1e9  # as objects: no compiler may fuse this into other digits
        cdef object rate = self.stage.clock_rate, offset = self.stage.clock_offset
        return EPOCH_SECONDS + seconds * rate + offset


cdef bint plain_delay(object delay) except -1:
    """A time in seconds, or (low, high) of such in order, as it is nearly always given."""
    if type(delay) is float:
        return 0.0 <= <double>delay < LONGEST_SECONDS
    if type(delay) is tuple and len(<tuple>delay) == 2:
        low, high = (<tuple>delay)[0], (<tuple>delay)[1]
        return type(low) is float and type(high) is float and 0.0 <= <double>low <= <double>high < LONGEST_SECONDS
    return False


cdef bint plain_note(object note) except -1:
    """A whole number of 63 bits, as it is nearly always given."""
    return type(note) is int and 0 <= note < LARGEST_NOTE


cdef class StageView:
    """A journal as the running handler sees it: what was there, and what the handler has staged.

    Args:
        effects: where the operations are written down.
        first, next: positions of the oldest record and of the next append.
        uncertain, lost: what recovery found.
    """

    def __init__(self, list effects not None, long long first, long long next, tuple uncertain not None, bint lost):
        self._effects = effects
        self.first_position = first
        self.next_position = next
        self.uncertain = uncertain
        self.lost = lost
        self.known = set()
        self.stand()

    def append(self, record, note=0, critical=False):
        """See ``Journal.append``."""
        cdef Appended appended
        if type(record) not in self.known or not plain_note(note):
            self.check_append(record, note)
            self.known.add(type(record))
        appended = Appended.__new__(Appended)
        appended.position = self.next_position
        appended.record = record
        appended.note = note
        appended.critical = critical
        self._effects.append(appended)
        self.next_position += 1
        return appended.position

    def keep(self):
        """The handler returned: what it staged stands."""
        self.stand()

    cdef int stand(self) except -1:
        self.kept_first, self.kept_next = self.first_position, self.next_position
        self.kept_uncertain, self.kept_lost = self.uncertain, self.lost
        return 0

    def discard(self):
        """The handler raised: forget what it staged."""
        self.first_position, self.next_position = self.kept_first, self.kept_next
        self.uncertain, self.lost = self.kept_uncertain, self.kept_lost
