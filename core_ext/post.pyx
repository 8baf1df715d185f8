"""Between the dispatch loop and the links: what is paid for each message that comes from another node or goes to one.

Messages to bytes and back, into the right mailbox, and answers to whoever asked. What happens rarely (a message that
nobody takes, that cannot be read, or that is for the world itself) is the runtime's subclass's. Knows no socket.
"""

from core_ext.frames import CodecError

from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject

from core_ext.asks cimport Ask
from core_ext.cell cimport ASK, FAILURE, REPLY, TAKEN
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
OUTSIDE, WORLD = OUTSIDE_NAME, WORLD_NAME


cdef class Post(Receiver):
    """The far side of one world, as far as every message needs it.

    Args:
        world: the dispatch loop.
        codec: messages to bytes and back.
        answer_type: tells the type of a request's answer, by the request's class.
        lanes: what the transport calls them: data, control.

    Attributes:
        carrier: the transport; None when the system talks to no other node.
        refused: messages that the transport did not take.
        undecodable: messages that came and could not be read.
    """

    cdef Scheduler world
    cdef readonly MessageCodec codec
    cdef object answer_type
    cdef object far
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

    @property
    def carrier(self):
        return self.far

    @carrier.setter
    def carrier(self, carrier):
        self.far = carrier
        self.outlet = carrier if isinstance(carrier, Outlet) else None
        self.world.flush = None if carrier is None else carrier.flush

    # --- out ---------------------------------------------------------------------------------------------------------

    cpdef bytes encode(self, message):
        """A message's body; the same message sent to several peers is encoded once."""
        if self.last_message is not message:
            self.last_body = self.codec.encode(message)
            self.last_message = message
        return self.last_body

    def prepare_ask(self, sender, Ask ask not None, message, long info):
        """Arguments for ``send_ask``; a request that cannot travel fails here, where it was made."""
        body = None if ask.target.node == self.world.node else self.encode(message)
        return body, sender, ask, message, info

    def send_ask(self, bytes body, sender, Ask ask not None, message, long info):
        """Send a request whose target was not here when it was made; a refused one fails at once.

        Args:
            body: None when its node is this one.
            sender: the cell that asks; None for outside code.
            info: what ``describe`` said of the message.
        """
        cdef Reference own
        cdef str refusal
        self.world.asks.set_out(ask)
        if body is None:
            self.world.ask_late(sender, ask, message, info)
            return
        if sender is None:
            refusal = self.put(ask.target, info & 1, ASK, OUTSIDE_NAME, 0, ask.correlation, message.wire_id, body)
        else:
            own = sender.self
            refusal = self.put(
                ask.target, info & 1, ASK, own.name, own.incarnation, ask.correlation, message.wire_id, body
            )
        if refusal is not None:
            self.ask_refused(ask, refusal)

    def prepare_answer(self, Reference asker not None, u64 correlation, value, failure):
        """Arguments for ``send_answer``; a value that cannot travel fails here, in the handler that gave it."""
        if failure is None:
            return asker, correlation, REPLY, self.codec.encode_value(value)
        return asker, correlation, FAILURE, self.failure_body(failure)

    def send_answer(self, Reference asker not None, u64 correlation, int kind, bytes body):
        """Send an answer's envelope; the asker's time-out covers a refused one."""
        cdef str refusal = self.put(asker, False, kind, None, 0, correlation, 0, body)
        if refusal is not None:
            self.answer_refused(asker, refusal)

    def send(
        self, Reference target not None, lane, int kind, tuple origin, u64 correlation, uint32_t wire_id,
        bytes body not None,
    ):
        """Hand an envelope to the transport; says why when it was refused."""
        cdef str name = None
        cdef u64 incarnation = 0
        if origin is not None:
            name, incarnation = origin
        return self.put(target, lane is self.lanes[1], kind, name, incarnation, correlation, wire_id, body)

    cdef str put(
        self, Reference target, bint control, int kind, str name, u64 incarnation, u64 correlation, uint32_t wire_id,
        bytes body,
    ):
        cdef str refusal
        if self.outlet is not None:
            refusal = self.outlet.put(
                target.node, control, kind, target.name, target.incarnation, name, incarnation, correlation, wire_id,
                body,
            )
        elif self.far is None:
            refusal = (
                f"system {self.world.node!r} talks to no other node; give it listen='tcp://...' and peers={{...}}"
            )
        else:
            refusal = self.far.send(
                target.node, self.lanes[control], kind, (target.name, target.incarnation),
                None if name is None else (name, incarnation), correlation, wire_id, body,
            )
        if refusal is not None:
            self.refused += 1
        elif not self.world.turn_end_wanted:
            self.world.have_turn_end()
        return refusal

    # --- in ----------------------------------------------------------------------------------------------------------

    cdef int begin(self) except -1:
        return self.world.gather_turn()

    cdef int finish(self) except -1:
        self.world.run_turn()
        if self.outlet is not None:
            self.outlet.flush_dirty()
        return 0

    cdef int take(self, Envelope envelope, Reference sender, bint control) except -1:
        if self.far is None:  # the system is stopping
            return 0
        return self.came(
            envelope.kind, envelope.target_name, envelope.target_incarnation, sender, envelope.correlation,
            envelope.wire_id, envelope.body, control,
        )

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
