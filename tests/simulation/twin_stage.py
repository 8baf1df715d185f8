"""The twin of core_ext.stage: the same turns in plain Python, written from the contract and not for speed."""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

from core_ext.codec import CodecError

NEW, RUNNING, CREATED, SUSPENDED, STOPPING, STOPPED = range(6)
TELL, ASK, ANSWER, TIMER, STOP, WORLD = range(6)
TAKEN, NOBODY, FULL, DROPPED = range(4)
BATCH, TURN_LIMIT, CONTROL_CAPACITY = 64, 256, 65536
EPOCH_SECONDS = 1_700_000_000.0


class Sent(NamedTuple):
    target: Any
    message: Any
    now: bool


class Away(NamedTuple):
    target: Any
    message: Any
    content: Any
    now: bool


class Timed(NamedTuple):
    message: Any
    delay_seconds: Any
    key: Any


class Appended(NamedTuple):
    position: int
    record: Any
    note: int
    critical: bool


class StageHands:
    def __init__(self, own: Any, stage: Any) -> None:
        self.own = self.self = own
        self.node = own.node
        self.items: list[Any] = []
        self.active = False
        self.sender = self.view = self._ticket = None
        self._stage = stage

    @property
    def effects(self) -> list[Any]:
        if not self.active:
            self._stage.refuse_outside_handler(self.own)
        return self.items

    def send(self, target: Any, message: Any) -> None:
        self._send(target, message, False)

    def send_now(self, target: Any, message: Any) -> None:
        self._send(target, message, True)

    def _send(self, target: Any, message: Any, now: bool) -> None:
        if target.node == self.node:
            self._stage.check_type(message)
            self.effects.append(Sent(target, message, now))
        else:
            self.effects.append(Away(target, message, self._stage.pack(message), now))


    def set_timer(self, message: Any, delay_seconds: Any, key: Any = None) -> None:
        self.check_timer(delay_seconds, key)  # type: ignore[attr-defined]
        self.effects.append(Timed(message, delay_seconds, type(message) if key is None else key))

    def choose(self, options: Any) -> Any:
        return self._stage.stream.choice(options)

    def now(self) -> float:
        stage = self._stage
        return float(EPOCH_SECONDS + stage.world.now_ns / 1e9 * stage.clock_rate + stage.clock_offset)


class StageView:
    def __init__(self, effects: list[Any], first: int, next: int, uncertain: Any, lost: bool) -> None:
        self._effects, self.first_position, self.next_position = effects, first, next
        self.uncertain, self.lost = uncertain, lost
        self.keep()

    def append(self, record: Any, note: int = 0, critical: bool = False) -> int:
        self.check_append(record, note)  # type: ignore[attr-defined]
        self._effects.append(Appended(self.next_position, record, note, critical))
        self.next_position += 1
        return self.next_position - 1

    def keep(self) -> None:
        self._kept = self.first_position, self.next_position, self.uncertain, self.lost

    def discard(self) -> None:
        self.first_position, self.next_position, self.uncertain, self.lost = self._kept


class StageTimer:
    def __init__(self, cell: Any, key: Any) -> None:
        self.cell, self.key, self.message = cell, key, None
        self.generation = self.due = 0
        self.queued = -1
        self.live = False


class Parcel:
    def __init__(self, wire_id: int, body: bytes) -> None:
        self.wire_id, self.body, self.message = wire_id, body, None


class Frame(NamedTuple):
    envelopes: list[Any]
    control: bool
    size: int
    boots: tuple[int, int]


class StageLink:
    def __init__(
        self, source: Any, target: Any, key: Any, queue_bytes: int, control_limit: int, max_body_bytes: int
    ) -> None:
        self.source, self.target, self.key = source, target, key
        self.queue_bytes, self.control_limit, self.max_body_bytes = queue_bytes, control_limit, max_body_bytes
        self.lost = False
        self.cut = self.clogged_until = self.slow_until = self.bytes_under_way = self.controls_under_way = 0
        self.slow_factor = 1.0
        self.waiting: dict[bool, list[Any]] = {False: [], True: []}
        self._due = {False: 0, True: 0}

    def takes(self, posted: tuple[Any, ...], control: bool) -> bool:
        if self.lost:
            return False
        if control:
            return self.controls_under_way + len(self.waiting[True]) < self.control_limit
        size = self._size([posted])
        if not isinstance(posted[5], Parcel):
            return True
        waiting = self.bytes_under_way + self._size(self.waiting[False])
        return size <= self.max_body_bytes and waiting + size <= self.queue_bytes

    def _size(self, envelopes: list[Any]) -> int:
        return sum(64 + (len(one[5].body) if isinstance(one[5], Parcel) else 0) for one in envelopes)

    def take(self, control: bool) -> tuple[list[Any], int]:
        envelopes, self.waiting[control] = self.waiting[control], []
        size = len(envelopes) if control else self._size(envelopes)
        self.arrived(control, -size)
        return envelopes, size

    def arrived(self, control: bool, size: int) -> int:
        if control:
            self.controls_under_way -= size
        else:
            self.bytes_under_way -= size
        return 0

    def leave(
        self, control: bool, envelopes: list[Any], size: int, depart_ns: int, delay_ns: int, ordered: bool
    ) -> bool:
        if self.cut:
            self.arrived(control, size)
            return False
        if depart_ns < self.slow_until:
            delay_ns = min(int(delay_ns * self.slow_factor), self.slow_until - depart_ns + delay_ns)
        due = max(depart_ns + delay_ns, self.clogged_until)
        if ordered:
            due = self._due[control] = max(due, self._due[control])
        frame = Frame(envelopes, control, size, (self.source.boots, self.target.boots))
        self.source.world.at(due, self.arrive, frame)
        return True

    def arrive(self, frame: Frame) -> None:
        self.arrived(frame.control, frame.size)
        if self.cut or not self.target.up or (self.source.boots, self.target.boots) != frame.boots:
            self.dropped(frame.envelopes)  # type: ignore[attr-defined]
        elif self.target.paused:
            self.target.hold(self.read_frame, frame)
        else:
            self.read_frame(frame)

    def read_frame(self, frame: Frame) -> None:
        if self.target.traced:
            self.trace_read(frame.envelopes)  # type: ignore[attr-defined]
        self.target.read(self.source, frame.envelopes, frame.control)

    def connected(self) -> None:
        self._due = {False: 0, True: 0}


class StageMail:
    single = bounded = False
    low_ns = step_ns = 0

    def __init__(self, world: Any, draws: Any) -> None:
        self.world, self.draws = world, draws
        self.omit_send: dict[Any, float] = {}
        self.omit_receive: dict[Any, float] = {}

    def __getattr__(self, name: str) -> Any:  # the subclass's
        raise AttributeError(name)

    def plain(self) -> bool:
        self.look(self.world.faults.links)
        special = self.single or self.world.adversarial or self.omit_send or self.omit_receive
        return self.bounded and not special

    def leave_frames(self, outbox: list[Any], depart_ns: int) -> None:
        for link, control in outbox:
            envelopes, size = link.take(control)
            delay_ns = self.low_ns + self.draws.below(1024) * self.step_ns
            if not link.leave(control, envelopes, size, depart_ns, delay_ns, True):
                link.dropped(envelopes)


class StageCell:
    actor = journal = after_batch = None
    state = gate = handled = 0
    queued = leaving = False
    gated: Any
    control: Any
    data: Any

    def accept(self, kind: int, message: Any, sender: Any, correlation: int, control: bool) -> int:
        if self.state >= STOPPING:
            return NOBODY
        waiting = self.control if control else self.data
        if kind <= ASK and len(waiting) >= (CONTROL_CAPACITY if control else self.limit):  # type: ignore[attr-defined]
            refused: int = self.overflow(control)  # type: ignore[attr-defined]
            if refused != TAKEN:
                return refused
        waiting.append((kind, message, sender, correlation))
        if self.state <= RUNNING:
            self.stage.enqueue(self)  # type: ignore[attr-defined]
        return TAKEN


class StageNode:
    boots = synced = busy_until = fuse = 0
    up = paused = in_turn = scheduled = traced = False

    def __getattr__(self, name: str) -> Any:  # the subclass's
        raise AttributeError(name)

    def pack(self, message: Any) -> Any:
        self.check_type(message)
        if not self.encoded:
            return message
        last, parcel = self.__dict__.get("_packed", (None, None))
        if last is not message:
            body = self.codec.encode(message)
            self.world.fold(message.wire_id, crc32(body))
            parcel = Parcel(message.wire_id, body)
            self._packed = message, parcel
        return parcel

    def post(self, link: Any, posted: tuple[Any, ...], control: bool) -> Any:
        if link is None or not link.takes(posted, control):
            return self.why_refused(link, posted, control)
        if not link.waiting[control]:
            self.outbox.append((link, control))
        link.waiting[control].append(posted)
        if not self.in_turn and not self.scheduled:
            self.schedule()
        return None

    def read(self, source: Any, envelopes: list[Any], control: bool) -> None:
        for posted in envelopes:
            kind, name, incarnation, sender, _, content, _ = posted
            if kind != TELL:
                self.rare_envelope(source, posted, control)
                continue
            message = content
            if isinstance(content, Parcel):
                try:
                    message = content.message = self.codec.decode(content.wire_id, content.body)
                except CodecError:
                    self.unreadable()
                    continue
            cell = self.names.get(name)
            accepted = NOBODY
            if cell is not None and incarnation in (0, cell.own.incarnation):
                accepted = cell.accept(TELL, message, sender, 0, control)
            if accepted != TAKEN:
                self.not_taken(posted, message, accepted)
        self.turn()

    def enqueue(self, cell: Any) -> None:
        if not cell.queued:
            cell.queued = True
            self.runnable.append(cell)

    def turn(self) -> None:
        if not self.up or self.paused:
            return
        if self.busy_until > self.world.now_ns:
            self.schedule()
            return
        handled = 0
        runnable = self.runnable
        self.in_turn = True
        while handled < TURN_LIMIT and (self.actions or runnable):
            if self.actions:
                actions, self.actions = self.actions, []
                for function, arguments in actions:
                    function(*arguments)
                    if not self.up:
                        return
                if not runnable:
                    continue
            if self.world.adversarial and len(runnable) > 1:
                runnable.rotate(-self.stream.below(len(runnable)))
            cell = runnable.popleft()
            cell.queued = False
            handled += self._serve(cell)
            if not self.up:
                return
        self.in_turn = False
        if self.gating:
            self.durability.commit()
        self.busy_until = self.world.now_ns + handled * self.handler_ns
        if self.outbox and self.mail.plain():
            outbox, self.outbox = self.outbox, []
            self.mail.leave_frames(outbox, self.busy_until)
        elif self.outbox:
            self.flush()
        if runnable or self.actions:
            self.schedule()

    def schedule(self) -> None:
        if not self.scheduled and not self.in_turn and self.up and not self.paused:
            self.scheduled = True
            self.world.at(max(self.world.now_ns, self.busy_until), self._scheduled_turn, self.boots)

    def _scheduled_turn(self, boots: int) -> None:
        if boots == self.boots:
            self.scheduled = False
            self.turn()

    def set_timer(self, cell: Any, effect: Any) -> None:
        delay = effect.delay_seconds
        if isinstance(delay, tuple):
            delay = delay[0] + (delay[1] - delay[0]) * ((self.stream.uniform(0.0, 1.0) + self.shift) % 1.0)
        timer = cell.timers.setdefault(effect.key, StageTimer(cell, effect.key))
        timer.message, timer.live = effect.message, True
        timer.generation += 1
        timer.due = self.world.now_ns + int(delay * 1e9 / self.clock_rate)
        if timer.queued < 0 or timer.due < timer.queued:
            self._queue(timer)

    def _queue(self, timer: Any) -> None:
        timer.queued = timer.due
        self.world.at(timer.due, self._timer_up, timer)

    def _timer_up(self, timer: Any) -> None:
        if timer.queued == self.world.now_ns:
            timer.queued = -1
            if timer.live and timer.due > self.world.now_ns:
                self._queue(timer)
            elif timer.live:
                self._fire((timer, timer.generation))

    def _fire(self, what: tuple[Any, int]) -> None:
        timer, generation = what
        if not timer.live or timer.generation != generation:
            return
        if self.paused:
            self.hold(self._fire, what)
        elif self.busy_until > self.world.now_ns:
            self.world.at(self.busy_until, self._fire, what)
        else:
            timer.cell.accept(TIMER, timer, None, generation, False)
            if not self.scheduled:
                self.turn()

    def _serve(self, cell: Any) -> int:
        if cell.state == NEW:
            self.begin(cell)
            if cell.state != RUNNING:
                return 1
        if cell.state != RUNNING:
            return 1
        left = len(cell.control) + len(cell.data)
        if left > 1:
            left = min(left, BATCH)
            left -= self.stream.below(left)
        handled = 0
        while left and cell.state == RUNNING and not cell.leaving and (cell.control or cell.data):
            left -= 1
            handled += 1
            self._handle(cell, *(cell.control or cell.data).popleft())
            if self.fuse:
                self.fuse -= 1
                if not self.fuse:
                    self.kill()
                    return handled
        if cell.state == RUNNING and handled and cell.after_batch is not None:
            self.run_hook(cell, cell.after_batch)
        if cell.state == RUNNING and not cell.leaving and (cell.control or cell.data):
            self.enqueue(cell)
        return handled

    def _handle(self, cell: Any, kind: int, message: Any, sender: Any, correlation: int) -> None:
        ticket = None
        if kind == STOP:
            cell.leaving = True
            self.leave(cell)
            return
        if kind == TIMER:
            timer = message
            if not timer.live or timer.generation != correlation:
                return
            timer.live = False
            cell.timers.pop(timer.key, None)
            message = timer.message
        if kind == ASK:
            ticket = self.new_ticket(cell, sender, correlation)
        if kind == ANSWER:
            request_type, message = message
            handler = cell.answers[request_type]
        else:
            handler = cell.handlers.get(type(message))
        self.world.events += 1
        wire_id = 0 if kind == ANSWER else message.wire_id
        self.world.fold(self.world.now_ns, cell.index << 36 | kind << 32 | wire_id)
        if self.traced:
            self.trace_event(cell, kind, message, sender)
        if handler is None:
            self.unhandled(cell, message, sender, correlation, kind)
            return
        cell.handled += 1
        self._call(cell, lambda: handler(cell.actor, message, cell.hands), message, sender, ticket)

    def run_hook(self, cell: Any, function: Any) -> bool:
        return self._call(cell, lambda: function(cell.actor, cell.hands), None, None, None)

    def _call(self, cell: Any, work: Any, message: Any, sender: Any, ticket: Any) -> bool:
        cell.hands.sender, cell.hands._ticket = sender, ticket
        cell.hands.active = True
        try:
            work()
        except Exception as error:
            self.handler_failed(cell, error, message, ticket)
            if message is None:
                return False
        else:
            self._finish(cell, message)
        finally:
            cell.hands.active = False
        if cell.checks:
            self.check(cell)
        return True

    def _finish(self, cell: Any, message: Any) -> None:
        if cell.hands._ticket is not None:
            self.unanswered(cell, message)
        effects = cell.hands.items
        if not effects:
            return
        cell.unlaunched.clear()
        touched = any(type(effect) in self.journal_effects for effect in effects)
        if cell.journal is not None and (cell.gated or cell.gate > self.synced or touched):
            self.release_durable(cell, effects, touched)
            return
        for effect in effects:
            self.apply(cell, effect)
        effects.clear()

    def release_durable(self, cell: Any, effects: list[Any], touched: bool) -> None:
        if touched and not self.durability.write(cell, effects):
            return
        held = cell.gated or cell.gate > self.synced
        for effect in effects:
            if type(effect) in self.journal_effects:
                continue
            waits = held and type(effect) not in self.at_once
            if isinstance(effect, Sent | Away):
                waits = waits and not effect.now
            elif waits:
                waits = self.waits(cell, effect)
            if waits:
                cell.gated.append((cell.gate, effect))
            else:
                self.apply(cell, effect)
        effects.clear()

    def apply(self, cell: Any, effect: Any) -> int:
        if isinstance(effect, Away):
            target = effect.target
            posted = (TELL, target.name, target.incarnation, cell.own, 0, effect.content, 0)
            refused = self.post(self.links[target.node], posted, self.types[type(effect.message)])
            if refused is not None:
                self.dead_letter(target, effect.message, refused)
        elif isinstance(effect, Sent):
            found = self.names.get(effect.target.name)
            accepted = NOBODY
            if found is not None and effect.target.incarnation in (0, found.own.incarnation):
                control = self.types[type(effect.message)]
                accepted = found.accept(TELL, effect.message, cell.own, 0, control)
            if accepted != TAKEN:
                self.refuse_tell(effect.target, effect.message, cell, accepted)
        elif isinstance(effect, Timed):
            self.set_timer(cell, effect)
        else:
            self.rare_effect(cell, effect)
        return 0
