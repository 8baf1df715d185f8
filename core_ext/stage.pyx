"""The stage of the simulated world: mailboxes, turns, and what becomes of what a handler did.

The part of a simulated node that is paid for every message; what happens rarely is filled in by the subclasses in
``actors.simulation``. Knows no fault, no network and no log format.
"""

from core_ext.agenda cimport Agenda
from core_ext.mailbox cimport Reference
from core_ext.stage_hands cimport Away, Sent, StageFloor, StageHands, Timed
from core_ext.stage_link cimport Parcel, StageLink, StagePeer

from asyncio import CancelledError

from core_ext.frames import CodecError

cdef enum:
    NEW_ = 0
    RUNNING_ = 1
    STOPPING_ = 4

    TELL_ = 0
    ASK_ = 1
    ANSWER_ = 2
    TIMER_ = 3
    STOP_ = 4
    WORLD_ = 5

    TAKEN_ = 0
    NOBODY_ = 1

    BATCH_ = 64
    TURN_LIMIT_ = 256

    CONTROL_LIMIT = 65536

NEW, RUNNING, CREATED, SUSPENDED, STOPPING, STOPPED = range(6)  # up to RUNNING an actor gets turns
TELL, ASK, ANSWER, TIMER, STOP, WORLD = range(6)  # mailbox entries; those above ASK do not count against a bound
TAKEN, NOBODY, FULL, DROPPED = range(4)
BATCH = BATCH_  # messages of one actor before the next actor's turn
TURN_LIMIT = TURN_LIMIT_  # messages handled before what they caused leaves the node
CONTROL_CAPACITY = CONTROL_LIMIT


cdef class StageTimer:
    """One timer of one actor; ``generation`` counts its settings, so that an old firing is recognised.

    A timer that is put off again and again stays where it stands in the agenda and finds its place when it comes up.

    Attributes:
        queued: when it comes up; -1: it does not.
    """

    def __init__(self, StageCell cell not None, key):
        self.cell = cell
        self.key = key
        self.queued = -1


cdef class StageCell:
    """One actor's mailbox and state of life."""

    def accept(self, int kind, message, sender, u64 correlation, bint control):
        """Put an entry into the mailbox; says what became of it."""
        return self.take_in(kind, message, sender, correlation, control)

    cdef int take_in(self, int kind, object message, object sender, u64 correlation, bint control) except -1:
        cdef int refused
        if self.state >= STOPPING_:
            return NOBODY_
        waiting = self.control if control else self.data
        if kind <= ASK_ and len(waiting) >= (CONTROL_LIMIT if control else self.limit):
            refused = self.overflow(control)
            if refused != TAKEN_:
                return refused
        waiting.append((kind, message, sender, correlation))
        if not self.queued and self.state <= RUNNING_:
            self.queued = True
            self.stage.runnable.append(self)
        return TAKEN_


cdef class StageNode(StageFloor):
    """One node's actors and their turns.

    Attributes:
        mail: all links, as far as they are the same for each.
        links: by the other node's name; makes one when it is first asked for; None when there is no such node.
        at_once: types of effects that never wait for the disk.
        actions: functions to be called between two actors' batches.
        gating: actors whose newest records no batch of the log holds yet.
        handler_ns: what a message costs.
        disk_stream, disk_slow: draws of how long its syncs take, and by what factor they take longer than usual.
        durability: writes its journals and says when they are on disk.
        shift: of a range that a timer's delay is drawn from; a tape of zeros must not make all nodes time out together,
            again and again.
        fuse: the node crashes after so many more messages; 0: it does not.
    """

    # --- to and from other nodes -----------------------------------------------------------------------------------

    cdef int flush_outbox(self) except -1:
        """What a turn put into the outbox leaves when the node is not busy any more."""
        if self.mail.plain():
            outbox = self.outbox
            self.outbox = []
            self.mail.leave_frames(outbox, self.busy_until)
        else:
            self.flush()
        return 0

    def post(self, StageLink link, tuple posted not None, bint control):
        """Put an envelope into the outbox; says why when it is refused."""
        return self.put_out(link, posted, control)

    cdef object put_out(self, StageLink link, tuple posted, bint control):
        cdef list waiting
        if link is None or not link.takes(posted, control):
            return self.why_refused(link, posted, control)
        waiting = (<tuple>link.waiting)[control]
        if not waiting:
            self.outbox.append((link, control))
        waiting.append(posted)
        if not self.in_turn and not self.scheduled:
            self.plan()
        return None

    cdef int send_away(self, StageCell cell, Away effect) except -1:
        cdef Reference target = effect.target
        refused = self.put_out(
            self.links[target.node], (TELL_, target.name, target.incarnation, cell.own, 0, effect.content, 0),
            self.types[type(effect.message)],
        )
        if refused is not None:
            self.dead_letter(target, effect.message, refused)
        return 0

    cdef int read_frame(self, StagePeer source, list envelopes, bint control) except -1:
        """A frame came from another node: into the mailboxes, or back to whom its envelopes concern."""
        cdef StageCell cell
        cdef int accepted
        for posted in envelopes:
            kind, name, incarnation, sender, _correlation, content, _number = <tuple>posted
            if kind != TELL_:
                self.rare_envelope(source, posted, control)
                continue
            message = content
            if type(content) is Parcel:
                message = (<Parcel>content).message
                if message is None:
                    try:
                        message = self.codec.decode((<Parcel>content).wire_id, (<Parcel>content).body)
                    except CodecError:
                        self.unreadable()
                        continue
                    (<Parcel>content).message = message
            cell = self.names.get(name)
            accepted = NOBODY_
            if cell is not None and (not incarnation or incarnation == (<Reference>cell.own).incarnation):
                accepted = cell.take_in(TELL_, message, sender, 0, control)
            if accepted != TAKEN_:
                self.not_taken(posted, message, accepted)
        return self.run_turn()

    # --- turns -----------------------------------------------------------------------------------------------------

    def enqueue(self, StageCell cell not None):
        """Give an actor a turn soon."""
        if not cell.queued:
            cell.queued = True
            self.runnable.append(cell)

    def turn(self):
        """Actor after actor until nothing waits, or the turn is long enough; then what they did leaves the node."""
        self.run_turn()

    cdef int run_turn(self) except -1:
        cdef long long handled = 0
        cdef StageCell cell
        if not self.up or self.paused:
            return 0
        if self.busy_until > self.world.now_ns:
            return self.plan()
        runnable = self.runnable
        self.in_turn = True
        while handled < TURN_LIMIT_:
            if self.actions:
                actions = self.actions
                self.actions = []
                for function, arguments in actions:
                    function(*arguments)
                    if not self.up:
                        return 0
            if not runnable:
                if self.actions:
                    continue
                break
            if self.world.adversarial and len(runnable) > 1:
                runnable.rotate(-self.stream.below(len(runnable)))
            cell = runnable.popleft()
            cell.queued = False
            handled += self.serve(cell)
            if not self.up:
                return 0
        self.in_turn = False
        if self.gating:
            self.durability.commit()
        self.busy_until = self.world.now_ns + handled * self.handler_ns
        if self.outbox:
            self.flush_outbox()
        if runnable or self.actions:
            self.plan()
        return 0

    def schedule(self):
        """Have a turn as soon as the node is not busy."""
        self.plan()

    cdef int plan(self) except -1:
        if not self.scheduled and not self.in_turn and self.up and not self.paused:
            self.scheduled = True
            self.world.put(max(self.world.now_ns, self.busy_until), self.scheduled_turn, self.boots)
        return 0

    def scheduled_turn(self, long long boots):
        """The node is not busy any more, if it is still the same life of it."""
        if boots == self.boots:
            self.scheduled = False
            self.run_turn()

    cdef int serve(self, StageCell cell) except -1:
        """One actor's turn: at most a drawn number of messages, control first. Says how many it handled."""
        cdef Py_ssize_t left
        cdef int handled = 0
        if cell.state != RUNNING_:
            if cell.state == NEW_:
                self.begin(cell)
            if cell.state != RUNNING_:
                return 1
        control, data = cell.control, cell.data
        left = len(control) + len(data)
        if left > 1:
            left = min(left, BATCH_)
            left -= self.stream.below(left)
        while left > 0 and cell.state == RUNNING_ and not cell.leaving:
            if control:
                entry = control.popleft()
            elif data:
                entry = data.popleft()
            else:
                break
            left -= 1
            handled += 1
            kind, message, sender, correlation = <tuple>entry
            self.handle(cell, kind, message, sender, correlation)
            if self.fuse:
                self.fuse -= 1
                if not self.fuse:
                    self.kill()
                    return handled
        if cell.state == RUNNING_:
            if cell.after_batch is not None and handled:
                self.run_hook(cell, cell.after_batch)
            if cell.state == RUNNING_ and not cell.leaving and not cell.queued and (control or data):
                cell.queued = True
                self.runnable.append(cell)
        return handled

    cdef int handle(
        self, StageCell cell, int kind, object message, object sender, u64 correlation
    ) except -1:
        """One entry of a mailbox."""
        cdef StageHands hands = cell.hands
        cdef StageTimer timer
        ticket = None
        if kind == TIMER_:
            timer = <StageTimer>message
            if not timer.live or <u64>timer.generation != correlation:
                return 0
            timer.live = False
            cell.timers.pop(timer.key, None)
            message = timer.message
        elif kind == ASK_:
            ticket = self.new_ticket(cell, sender, correlation)
        elif kind == STOP_:
            cell.leaving = True
            self.leave(cell)
            return 0
        if kind == ANSWER_:
            request_type, message = <tuple>message
            handler = cell.answers[request_type]
            self.note_event(cell, kind, message, sender, 0)
        else:
            handler = cell.handlers.get(type(message))
            self.note_event(cell, kind, message, sender, message.wire_id)
            if handler is None:
                self.unhandled(cell, message, sender, correlation, kind)
                return 0
        cell.handled += 1
        hands.sender = sender
        hands._ticket = ticket
        hands.active = True
        try:
            handler(cell.actor, message, hands)
        except (Exception, CancelledError) as error:
            self.handler_failed(cell, error, message, ticket)
        else:
            self.finish(cell, message)
        hands.active = False
        if cell.checks:
            self.check(cell)
        return 0

    def run_hook(self, StageCell cell not None, function):
        """Call a hook like a handler; False when it raised and the supervisor has been told."""
        cdef StageHands hands = cell.hands
        hands.sender = None
        hands._ticket = None
        hands.active = True
        try:
            function(cell.actor, hands)
        except (Exception, CancelledError) as error:
            self.handler_failed(cell, error, None, None)
            hands.active = False
            return False
        self.finish(cell, None)
        hands.active = False
        if cell.checks:
            self.check(cell)
        return True

    cdef int finish(self, StageCell cell, object message) except -1:
        """A handler returned: answer for it when it did not, and release what it did."""
        cdef StageHands hands = cell.hands
        cdef list effects
        cdef bint touched
        if hands._ticket is not None:
            self.unanswered(cell, message)
        effects = hands.items
        if not effects:
            return 0
        if cell.unlaunched:
            cell.unlaunched.clear()
        if cell.journal is not None:
            touched = self.writes(effects)
            if touched or cell.gated or cell.gate > self.synced:
                self.release_durable(cell, effects, touched)
                return 0
        for effect in effects:
            self.release(cell, effect)
        effects.clear()
        return 0

    cdef bint writes(self, list effects) except -1:
        """Did the handler touch its journal?"""
        for effect in effects:
            if type(effect) is not Sent and type(effect) is not Away and type(effect) in self.journal_effects:
                return True
        return False

    cdef int release(self, StageCell cell, object effect) except -1:
        """Make one effect happen."""
        cdef Sent sent
        cdef StageCell found
        cdef int accepted
        if type(effect) is not Sent:
            if type(effect) is Away:
                self.send_away(cell, effect)
            elif type(effect) is Timed:
                self.put_timer(cell, effect)
            else:
                self.rare_effect(cell, effect)
            return 0
        sent = <Sent>effect
        found = self.names.get(sent.target.name)
        accepted = NOBODY_
        if found is not None and (
            not sent.target.incarnation or sent.target.incarnation == (<Reference>found.own).incarnation
        ):
            accepted = found.take_in(TELL_, sent.message, cell.own, 0, self.types[type(sent.message)])
        if accepted != TAKEN_:
            self.refuse_tell(sent.target, sent.message, cell, accepted)
        return 0

    cdef int release_durable(self, StageCell cell, list effects, bint touched) except -1:
        """A durable actor touched its journal, or waits for its disk: hold back what must not be seen before."""
        cdef bint held
        if touched and not self.durability.write(cell, effects):
            return 0
        held = cell.gated or cell.gate > self.synced
        for effect in effects:
            kind = type(effect)
            if kind is Sent:
                if held and not (<Sent>effect).now:
                    cell.gated.append((cell.gate, effect))
                    continue
            elif kind is Away:
                if held and not (<Away>effect).now:
                    cell.gated.append((cell.gate, effect))
                    continue
            elif kind in self.journal_effects:
                continue
            elif held and kind not in self.at_once and self.waits(cell, effect):
                cell.gated.append((cell.gate, effect))
                continue
            self.release(cell, effect)
        effects.clear()
        return 0

    # --- timers ----------------------------------------------------------------------------------------------------

    cdef int put_timer(self, StageCell cell, Timed effect) except -1:
        """Set or replace an actor's timer with this key."""
        cdef StageTimer timer
        delay = effect.delay_seconds
        if type(delay) is not float and isinstance(delay, tuple):
            low, high = delay
            share = (self.stream.uniform(0.0, 1.0) + self.shift) % 1.0
            delay = low + (high - low) * share  # as objects: no compiler may fuse this into other digits
        timer = cell.timers.get(effect.key)
        if timer is None:
            timer = cell.timers[effect.key] = StageTimer(cell, effect.key)
        timer.message = effect.message
        timer.generation += 1
        timer.live = True
        timer.due = self.world.now_ns + <long long>(<double>delay * 1e9 / self.clock_rate)
        if timer.queued < 0 or timer.due < timer.queued:
            timer.queued = timer.due
            self.world.put(timer.due, self.timer_up, timer)
        return 0

    def timer_up(self, StageTimer timer not None):
        """A timer's place in the agenda has come."""
        if timer.queued != self.world.now_ns:
            return  # it was set to an earlier time meanwhile
        timer.queued = -1
        if not timer.live:
            return
        if timer.due > self.world.now_ns:
            timer.queued = timer.due
            self.world.put(timer.due, self.timer_up, timer)
            return
        self.fire((timer, timer.generation))

    def fire(self, tuple what not None):
        """Behind everything that waits: a timer never overtakes what has come, into the sockets or the mailbox."""
        cdef StageTimer timer = what[0]
        cdef long long generation = what[1]
        if not timer.live or timer.generation != generation:
            return
        if self.paused:
            self.hold(self.fire, what)
            return
        if self.busy_until > self.world.now_ns:  # what comes until then is read before the timer
            self.world.put(self.busy_until, self.fire, what)
            return
        timer.cell.take_in(TIMER_, timer, None, generation, False)
        if not self.scheduled:
            self.run_turn()

    cdef int note_event(self, StageCell cell, int kind, object message, object sender, object wire_id) except -1:
        cdef Agenda world = self.world
        world.events += 1
        world.mix(
            world.now_ns,
            <u64>cell.index << 36 | <u64>kind << 32 | <u64>wire_id,
        )
        if self.traced:
            self.trace_event(cell, kind, message, sender)
        return 0
