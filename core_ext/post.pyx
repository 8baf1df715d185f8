"""Between the dispatch loop and the links: what is paid for each message that comes from another node or goes to one.

Messages to bytes and back, into the right mailbox, and answers to whoever asked. What happens rarely (a message that
nobody takes, that cannot be read, or that is for the world itself) is the runtime's subclass's. Knows no socket.
"""

from core_ext.frames import CodecError

from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject

from core_ext.asks cimport Ask
from core_ext.cell cimport ASK, FAILURE, REPLY, TAKEN, TELL, Cell, Far
from core_ext.codec cimport MessageCodec
from core_ext.dispatch cimport Scheduler
from core_ext.flow cimport Receiver
from core_ext.frames cimport Envelope
from core_ext.mailbox cimport Reference
from core_ext.outlet cimport Outlet
from libc.stdint cimport uint32_t

ctypedef unsigned long long u64

cdef str OUTSIDE_NAME = "$outside"  # stands for code that is not an actor, as the sender of its asks
cdef str WORLD_NAME = "$world"  # stands for the world itself, as the sender of its messages to other worlds
cdef Reference OUTSIDE_SENDER = Reference("", OUTSIDE_NAME)
cdef Reference WORLD_SENDER = Reference("", WORLD_NAME)
OUTSIDE, WORLD = OUTSIDE_NAME, WORLD_NAME


cdef class Post(Far):
    """The far side of one world, as far as every message needs it.

    Args:
        world: the dispatch loop.
        codec: messages to bytes and back.
        answer_type: tells the type of a request's answer, by the request's class.
        lanes: what the transport calls them: data, control.

    Attributes:
        arrivals: takes what comes in.
        carrier: the transport; None when the system talks to no other node.
        refused: messages that the transport did not take.
        undecodable: messages that came and could not be read.
    """

    cdef Scheduler world
    cdef readonly MessageCodec codec
    cdef readonly Receiver arrivals
    cdef object answer_type
    cdef object any_carrier
    cdef Outlet outlet  # the same, when it is a transport
    cdef public u64 refused, undecodable
    cdef object lanes, last_message
    cdef bytes last_body
    cdef dict answer_types

    def __init__(self, Scheduler world not None, MessageCodec codec not None, answer_type, tuple lanes not None):
        self.world = world
        self.codec = codec
        self.answer_type = answer_type
        self.answer_types = {}
        self.lanes = lanes
        self.arrivals = Arrivals(self)

    @property
    def carrier(self):
        return self.any_carrier

    @carrier.setter
    def carrier(self, carrier):
        self.any_carrier = carrier
        self.outlet = carrier if isinstance(carrier, Outlet) else None
        self.world.flush = None if carrier is None else carrier.flush

    # --- out ---------------------------------------------------------------------------------------------------------

    cpdef bytes encode(self, message):
        """A message's body; the same message sent to several peers is encoded once."""
        if self.last_message is not message:
            self.last_body = self.codec.encode(message)
            self.last_message = message
        return self.last_body

    cdef bytes encode_message(self, Reference target, object message):
        return None if target.node == self.world.node else self.encode(message)

    cdef bytes encode_answer(self, object value, object failure):
        return self.codec.encode_value(value) if failure is None else self.failure_body(failure)

    cdef int tell(self, Cell sender, Reference target, object message, bytes body, bint control) except -1:
        cdef Reference own = None if sender is None else sender.own
        cdef str refusal
        if body is None:
            self.world.send_late(sender, target, message, control)
            return 0
        refusal = self.put(target, control, TELL, own, 0, message.wire_id, body)
        if refusal is not None:
            self.tell_refused(target, message, own, refusal)
        return 0

    cdef int ask(self, Cell sender, Ask ask, object message, bytes body, bint control) except -1:
        cdef str refusal
        self.world.asks.set_out(ask)
        if body is None:
            self.world.ask_late(ask, message, control)
            return 0
        refusal = self.put(
            ask.target, control, ASK, OUTSIDE_SENDER if sender is None else sender.own, ask.correlation,
            message.wire_id, body,
        )
        if refusal is not None:
            self.ask_refused(ask, refusal)
        return 0

    cdef int answer(self, Reference asker, u64 correlation, bint failed, bytes body) except -1:
        cdef str refusal = self.put(asker, False, FAILURE if failed else REPLY, None, correlation, 0, body)
        if refusal is not None:
            self.answer_refused(asker, correlation, refusal)
        return 0

    def send_answer(self, Reference asker not None, u64 correlation, value, failure):
        """Answer a request from another node now; with ``failure`` unless that is None."""
        self.answer(asker, correlation, failure is not None, self.encode_answer(value, failure))

    def send_urgently(self, Reference asker not None, u64 correlation, failure not None):
        """Answer a request from another node with an error, on the control lane; says why when it was refused."""
        return self.put(asker, True, FAILURE, None, correlation, 0, self.encode_answer(None, failure))

    def send_as_world(self, Reference target not None, message):
        """A message from this world to another one, or in its name; says why when it was refused."""
        return self.put(target, True, TELL, WORLD_SENDER, 0, message.wire_id, self.codec.encode(message))

    cdef str put(
        self, Reference target, bint control, int kind, Reference sender, u64 correlation, uint32_t wire_id, bytes body
    ):
        """Hand an envelope to the transport; says why when it was refused."""
        cdef str refusal, name = None
        cdef u64 incarnation = 0
        if sender is not None:
            name, incarnation = sender.name, sender.incarnation
        if self.outlet is not None:
            refusal = self.outlet.put(
                target.node, control, kind, target.name, target.incarnation, name, incarnation, correlation, wire_id,
                body,
            )
        elif self.any_carrier is None:
            refusal = (
                f"system {self.world.node!r} talks to no other node; give it listen='tcp://...' and peers={{...}}"
            )
        else:
            refusal = self.any_carrier.send(
                target.node, self.lanes[control], kind, (target.name, target.incarnation),
                None if name is None else (name, incarnation), correlation, wire_id, body,
            )
        if refusal is not None:
            self.refused += 1
        elif not self.world.turn_end_wanted:
            self.world.have_turn_end()
        return refusal

    # --- in ----------------------------------------------------------------------------------------------------------

    def on_envelope(
        self, int kind, str target_name not None, u64 target_incarnation, Reference sender, u64 correlation,
        uint32_t wire_id, body, lane,
    ):
        """An envelope came from a peer: into its mailbox, or back to whom it concerns."""
        self.came(
            kind, target_name, target_incarnation, sender, correlation, wire_id, body, lane is self.lanes[1]
        )

    cdef int came(
        self, int kind, str target_name, u64 target_incarnation, Reference sender, u64 correlation, uint32_t wire_id,
        object body, bint control,
    ) except -1:
        cdef Scheduler world = self.world
        cdef int accepted
        if kind > ASK:
            return self.answered(kind, sender, correlation, body)
        try:
            message = self.codec.decode(wire_id, body)
        except CodecError as error:
            self.unreadable(kind, target_name, sender, correlation, error)
            return 0
        if sender is None:
            if kind == ASK:  # nobody to answer: no node of ours sends this
                self.undecodable += 1
                return 0
        elif sender.name == WORLD_NAME:
            if self.for_world(message, sender.node):
                return 0
            sender = None
        accepted = world.deliver_to(target_name, target_incarnation, message, sender, correlation, kind, control)
        if accepted != TAKEN:
            self.not_taken(accepted, target_name, target_incarnation, kind, message, sender, correlation)
        return 0

    cdef int answered(self, int kind, Reference sender, u64 correlation, body) except -1:
        cdef Scheduler world = self.world
        cdef Ask ask = world.asks.pending.get(correlation)
        cdef PyObject* expected
        if ask is None or sender is None or sender.node != ask.target.node:  # only who was asked may answer
            world.late_answers += 1
            return 0
        if kind != REPLY:
            self.failure_came(ask, body)
            return 0
        expected = PyDict_GetItem(self.answer_types, ask.request_type)
        if expected == NULL:
            self.answer_types[ask.request_type] = self.answer_type(ask.request_type)
            expected = PyDict_GetItem(self.answer_types, ask.request_type)
        try:
            value = self.codec.decode_as(<object>expected, body)
        except CodecError as error:
            self.answer_unreadable(ask, error)
            return 0
        return ask.give(value, None)


cdef class Arrivals(Receiver):
    """Takes envelopes from the transport for a Post, and gives its world a turn after each wake-up."""

    cdef Post post

    def __init__(self, Post post not None):
        self.post = post

    cdef int begin(self) except -1:
        return self.post.world.gather_turn()

    cdef int take(self, Envelope envelope, Reference sender, bint control) except -1:
        if self.post.any_carrier is None:  # the system is stopping
            return 0
        return self.post.came(
            envelope.kind, envelope.target_name, envelope.target_incarnation, sender, envelope.correlation,
            envelope.wire_id, envelope.body, control,
        )

    cdef int finish(self) except -1:
        cdef Outlet outlet = self.post.outlet
        self.post.world.run_turn()
        if outlet is not None:
            outlet.flush_dirty()
        return 0
