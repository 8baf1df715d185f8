"""The actor contract, held by the real and by the simulated world alike: the same programs, the same observations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from actors import (
    Actor,
    Answer,
    AskFailed,
    AskRejected,
    AskTimeout,
    Context,
    ContractError,
    Directive,
    JournalEntries,
    Lane,
    Mailbox,
    Message,
    Overflow,
    Reference,
    Rejected,
    Request,
    Supervision,
    Terminated,
    Ticket,
    on,
    on_answer,
)
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total
from tests.simulation.worlds import World, make, notes_until


@pytest.fixture(params=["real", "memory", "wal"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[World]:
    """The real world, the simulated one, and the simulated one on the real log."""
    with make(request.param, tmp_path) as made:
        yield made


class Burst(Message, wire="sim-tests.burst"):
    """Send these notes to the target in one handler, then perhaps fail."""

    target: Reference
    texts: tuple[str, ...]
    fails: bool = False


class Urgent(Message, wire="sim-tests.urgent", lane=Lane.CONTROL):
    text: str


class Listener(Recorder):
    """Notes everything, its rejections and the ends of others."""

    def __init__(self) -> None:
        super().__init__()
        self.notes.append("made")

    def start(self, context: Context) -> None:
        self.notes.append("started")

    @on(Urgent)
    def urgent(self, message: Urgent, context: Context) -> None:
        self.notes.append(f"urgent {message.text}")

    @on(Burst)
    def burst(self, message: Burst, context: Context) -> None:
        for text in message.texts:
            context.send(message.target, Urgent(text) if text.isupper() else Note(text))
        if message.fails:
            raise ValueError("after its sends")

    @on(Rejected)
    def rejected(self, message: Rejected, context: Context) -> None:
        self.notes.append(f"refused {message.message_name}")

    @on(Terminated)
    def ended(self, message: Terminated, context: Context) -> None:
        self.notes.append(f"{message.actor.name} {message.reason.value}")


MANY = Supervision(max_restarts=100, within_seconds=60)


def test_order_lanes_and_a_handler_that_raises_sends_nothing(world: World) -> None:
    target = world.spawn(Listener)
    sender = world.spawn(Listener, supervision=MANY)
    world.tell(sender, Burst(target, ("lost", "LOST"), fails=True))
    world.tell(sender, Burst(target, ("a", "b", "X", "c", "Y")))
    seen = notes_until(world, target, lambda notes: "c" in notes)
    assert seen == ("made", "started", "urgent X", "urgent Y", "a", "b", "c")


@pytest.mark.parametrize(
    ("overflow", "kept", "refused"),
    [
        (Overflow.REJECT, "abc", 2), (Overflow.DROP_OLDEST, "cde", 0), (Overflow.DROP_NEWEST, "abc", 0),
        (Overflow.UNBOUNDED, "abcde", 0),
    ],
)
def test_mailbox_policies(world: World, overflow: Overflow, kept: str, refused: int) -> None:
    target = world.spawn(Listener, name="small", mailbox=Mailbox(capacity=3, overflow=overflow))
    assert world.ask(target, Notes()) == ("made", "started")
    sender = world.spawn(Listener)
    world.tell(sender, Burst(target, tuple("abcde")))
    assert "".join(notes_until(world, target, lambda notes: len(notes) == 2 + len(kept))[2:]) == kept
    seen = notes_until(world, sender, lambda notes: len(notes) == 2 + refused)
    assert seen[2:] == ("refused Note",) * refused


class Question(Request[str], wire="sim-tests.question"):
    text: str


class Oracle(Actor):
    """Answers in every way there is."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []

    @on(Question)
    def question(self, message: Question, context: Context) -> None:
        match message.text:
            case "answer":
                context.reply("answered")
            case "fail":
                context.fail("no idea")
            case "raise":
                raise ValueError("broken")
            case "forget":
                return
            case "twice":
                context.reply("one")
                context.reply("two")
            case _:
                self.tickets.append(context.defer())

    @on(Note)
    def note(self, message: Note, context: Context) -> None:
        for ticket in self.tickets:
            context.reply(message.text, to=ticket)
        self.tickets.clear()


class Asker(Recorder):
    """Asks on behalf of a test, and notes what comes back."""

    def __init__(self, oracle: Reference) -> None:
        super().__init__()
        self.oracle = oracle

    @on(Add)
    def ask_all(self, message: Add, context: Context) -> None:
        for text in ("answer", "fail", "raise", "forget"):
            context.request(self.oracle, Question(text), key=text)
        context.request(self.oracle, Question("later"), key="later")
        context.request(self.oracle, Question("never"), key="never", timeout_seconds=0.05)
        context.request(context.ref("nobody"), Question("x"), key="nobody")

    @on_answer(Question)
    def answered(self, answer: Answer, context: Context) -> None:
        failure = answer.failure
        self.notes.append(f"{answer.key}: {answer.value if failure is None else type(failure).__name__}")
        if answer.key == "never":
            context.send(self.oracle, Note("at last"))


def test_asks_of_actors_get_answers_failures_and_time_outs(world: World) -> None:
    oracle = world.spawn(Oracle, supervision=Supervision(Directive.RESUME))
    asker = world.spawn(Asker, oracle)
    world.tell(asker, Add(1))
    seen = notes_until(world, asker, lambda notes: len(notes) == 7)
    assert sorted(seen) == [
        "answer: answered", "fail: AskFailed", "forget: AskFailed", "later: at last", "never: AskTimeout",
        "nobody: AskRejected", "raise: AskFailed",
    ]


def test_asks_from_outside_name_what_went_wrong(world: World) -> None:
    oracle = world.spawn(Oracle, name="oracle", supervision=Supervision(Directive.RESUME))
    assert world.ask(oracle, Question("answer")) == "answered"
    with pytest.raises(AskFailed, match=r"local/oracle \(Oracle\): no idea"):
        world.ask(oracle, Question("fail"))
    with pytest.raises(AskFailed, match=r"failed in its handler of Question: ValueError: broken"):
        world.ask(oracle, Question("raise"))
    with pytest.raises(AskFailed, match=r"without an answer; it must call context\.reply, fail or defer"):
        world.ask(oracle, Question("forget"))
    with pytest.raises(AskFailed, match="ContractError"):
        world.ask(oracle, Question("twice"))
    with pytest.raises(AskRejected, match=r"\(Oracle\) has no handler for Total"):
        world.ask(oracle, Total())
    with pytest.raises(AskRejected, match="no actor 'nobody' on node 'local'"):
        world.ask(world.ref("nobody"), Question("x"))
    with pytest.raises(AskTimeout, match=r"no answer within 0\.05 s from local/oracle \(Question\)"):
        world.ask(oracle, Question("later"), 0.05)


def test_supervision_restarts_resumes_and_stops(world: World) -> None:
    restarted = world.spawn(Counter, 10)
    resumed = world.spawn(Counter, supervision=Supervision(Directive.RESUME))
    stopped = world.spawn(Counter, supervision=Supervision(Directive.STOP))
    for target in (restarted, resumed, stopped):
        world.tell(target, Add(1))
        world.tell(target, Fail())
        world.tell(target, Add(2))
    assert world.ask(restarted, Total()) == 12
    assert world.ask(resumed, Total()) == 3
    with pytest.raises(AskRejected):
        world.ask(stopped, Total())
    world.tell(restarted, Fail())  # one more than allowed within five seconds
    with pytest.raises(AskRejected):
        world.ask(restarted, Total())


class Family(Actor):
    """A tree of actors that tells a recorder who starts and who stops."""

    def __init__(self, recorder: Reference, depth: int) -> None:
        self.recorder = recorder
        self.depth = depth

    def start(self, context: Context) -> None:
        context.send(self.recorder, Note(f"+{context.self.name}"))
        for i in range(2 if self.depth else 0):
            context.spawn(
                Family, self.recorder, self.depth - 1, name=f"{context.self.name}{i}",
                supervision=Supervision(max_restarts=0),
            )

    def stopped(self, context: Context) -> None:
        context.send(self.recorder, Note(f"-{context.self.name}"))

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError(message.text)

    @on(Total)
    def answer(self, message: Total, context: Context) -> None:
        context.reply(self.depth)


def test_children_stop_youngest_first_and_before_their_parent(world: World) -> None:
    recorder = world.spawn(Recorder)
    top = world.spawn(Family, recorder, 2, name="f")
    notes_until(world, recorder, lambda notes: len(notes) == 7)
    world.terminate(top)
    seen = notes_until(world, recorder, lambda notes: len(notes) == 14)
    assert seen[7:] == ("-f11", "-f10", "-f1", "-f01", "-f00", "-f0", "-f")


def test_an_exhausted_child_fails_its_parent_which_is_restarted(world: World) -> None:
    recorder = world.spawn(Recorder)
    top = world.spawn(Family, recorder, 1, name="f")
    notes_until(world, recorder, lambda notes: len(notes) == 3)
    world.tell(world.ref("f0"), Fail())
    seen = notes_until(world, recorder, lambda notes: notes.count("+f1") == 2)
    assert [note for note in seen if note.startswith("+")] == ["+f", "+f0", "+f1", "+f", "+f0", "+f1"]
    assert world.ask(top, Total()) == 1


class WatchIt(Message, wire="sim-tests.watch-it"):
    target: Reference
    on: bool = True


class Watcher(Listener):
    @on(WatchIt)
    def watch(self, message: WatchIt, context: Context) -> None:
        (context.watch if message.on else context.unwatch)(message.target)


def test_a_watcher_hears_once_why_somebody_is_gone(world: World) -> None:
    watcher = world.spawn(Watcher)
    orderly = world.spawn(Counter, name="orderly")
    failing = world.spawn(Counter, name="failing", supervision=Supervision(Directive.STOP))
    unwatched = world.spawn(Counter, name="unwatched")
    for target in (orderly, orderly, failing, unwatched):
        world.tell(watcher, WatchIt(target))
    world.tell(watcher, WatchIt(unwatched, on=False))
    world.ask(watcher, Notes())
    world.tell(failing, Fail())
    assert notes_until(world, watcher, lambda notes: len(notes) == 3)[2:] == ("failing failed",)
    world.terminate(unwatched)
    world.terminate(orderly)
    assert notes_until(world, watcher, lambda notes: len(notes) == 4)[3:] == ("orderly stopped",)
    again = world.spawn(Counter, name="orderly")
    world.tell(watcher, WatchIt(orderly))  # the old incarnation
    assert notes_until(world, watcher, lambda notes: len(notes) == 5)[4:] == ("orderly replaced",)
    assert world.ask(again, Total()) == 0
    with pytest.raises(AskRejected, match="its name belongs to another incarnation now"):
        world.ask(orderly, Total())


class Timed(Message, wire="sim-tests.timed"):
    text: str


class SetTimers(Message, wire="sim-tests.set-timers"):
    timers: tuple[tuple[str, float, str], ...]
    cancel: tuple[str, ...] = ()


class Clocked(Recorder):
    @on(SetTimers)
    def set(self, message: SetTimers, context: Context) -> None:
        for text, delay, key in message.timers:
            context.set_timer(Timed(text), delay, key)
        for key in message.cancel:
            context.cancel_timer(key)

    @on(Timed)
    def due(self, message: Timed, context: Context) -> None:
        self.notes.append(message.text)

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError


def test_timers_are_replaced_cancelled_and_forgotten_at_a_restart(world: World) -> None:
    actor = world.spawn(Clocked)
    world.tell(actor, SetTimers((("old", 0.3, "a"), ("gone", 0.3, "b"), ("stays", 0.5, "c"))))
    world.tell(actor, SetTimers((("new", 0.4, "a"),), cancel=("b", "unknown")))
    assert notes_until(world, actor, lambda notes: len(notes) == 2) == ("new", "stays")
    world.tell(actor, SetTimers((("never", 0.3, "a"),)))
    world.tell(actor, Fail())
    world.tell(actor, SetTimers((("after", 0.4, "z"),)))
    assert notes_until(world, actor, lambda notes: "after" in notes) == ("after",)


class Thief(Listener):
    """Keeps its context, and lets another actor use it."""

    kept: list[Context] = []

    @on(Add)
    def keep(self, message: Add, context: Context) -> None:
        self.kept.append(context)

    @on(Fail)
    def use(self, message: Fail, context: Context) -> None:
        try:
            self.kept[0].send(context.self, Note("stolen"))
        except ContractError as error:
            self.notes.append(str(error).rpartition("was used ")[2][:21])


def test_a_context_is_of_no_use_outside_its_handlers(world: World) -> None:
    Thief.kept.clear()
    victim, thief = world.spawn(Thief), world.spawn(Thief)
    world.tell(victim, Add(1))
    world.ask(victim, Notes())
    world.tell(thief, Fail())
    assert notes_until(world, thief, lambda notes: len(notes) == 3)[2:] == ("outside its handlers;",)


def test_names_are_unique_and_mistakes_are_told_when_they_are_made(world: World) -> None:
    world.spawn(Counter, name="counter")
    with pytest.raises(ContractError, match="the name 'counter' is taken on node 'local'"):
        world.spawn(Counter, name="counter")
    with pytest.raises(ContractError, match="must be 1 to 200 letters"):
        world.spawn(Counter, name="no spaces")
    with pytest.raises(ContractError, match="the first argument is an actor class"):
        world.spawn(int)  # type: ignore[type-var]
    with pytest.raises(ContractError, match="holds none; use 1 or more"):
        world.spawn(Counter, mailbox=Mailbox(capacity=0))
    with pytest.raises(ContractError, match="sent a str"):
        world.tell(world.ref("counter"), "hello")  # type: ignore[arg-type]


class Added(Message, wire="sim-tests.added"):
    amount: int


class Save(Request[int], wire="sim-tests.save"):
    amount: int
    fails: bool = False


class Compact(Request[int], wire="sim-tests.compact"):
    keep: int


class Cut(Request[int], wire="sim-tests.cut"):
    position: int


class ReadBack(Request[tuple[int, ...]], wire="sim-tests.read-back"):
    first: int
    last: int


class Savings(Actor):
    """A durable list of amounts."""

    def __init__(self) -> None:
        self.total = 0
        self.waiting: list[Ticket] = []

    def recover(self, record: Any) -> None:
        self.total += record.amount

    @on(Save)
    def save(self, message: Save, context: Context) -> None:
        position = context.journal.append(Added(message.amount))
        self.total += message.amount
        context.reply(position)
        if message.fails:
            raise ValueError

    @on(Compact)
    def compact(self, message: Compact, context: Context) -> None:
        context.journal.checkpoint([Added(self.total)], keep_from=context.journal.next_position)
        context.reply(context.journal.first_position)

    @on(Cut)
    def cut(self, message: Cut, context: Context) -> None:
        context.journal.truncate(message.position)
        context.reply(context.journal.next_position)

    @on(ReadBack)
    def read_back(self, message: ReadBack, context: Context) -> None:
        self.waiting.append(context.defer())
        context.journal.read(message.first, message.last, 1 << 20)

    @on(JournalEntries)
    def read(self, message: JournalEntries, context: Context) -> None:
        amounts = tuple(record.amount for record in message.records if isinstance(record, Added))
        context.reply(amounts, to=self.waiting.pop(0))

    @on(Total)
    def answer(self, message: Total, context: Context) -> None:
        context.reply(self.total)


def test_journals_keep_what_was_acknowledged(world: World) -> None:
    savings = world.spawn(Savings, name="savings", supervision=MANY)
    assert [world.ask(savings, Save(amount)) for amount in (1, 2, 3)] == [1, 2, 3]
    with pytest.raises(AskFailed):
        world.ask(savings, Save(100, fails=True))
    assert world.ask(savings, Total()) == 6
    assert world.ask(savings, ReadBack(2, 9)) == (2, 3)
    assert world.ask(savings, Cut(3)) == 3
    assert world.ask(savings, Save(4)) == 3
    world.restart()
    savings = world.spawn(Savings, name="savings", supervision=MANY)
    assert world.ask(savings, Total()) == 7
    assert world.ask(savings, ReadBack(1, 9)) == (1, 2, 4)
    assert world.ask(savings, Compact(0)) == 4
    assert world.ask(savings, Save(10)) == 4
    assert world.ask(savings, ReadBack(1, 2)) == ()
    world.restart()
    savings = world.spawn(Savings, name="savings")
    assert world.ask(savings, Total()) == 17
    with pytest.raises(ContractError, match="its journal is found by name"):
        world.spawn(Savings)
    with pytest.raises(ContractError, match="never resumed with half-changed state"):
        world.spawn(Savings, name="other", supervision=Supervision(Directive.RESUME))


class Do(Request[str], wire="sim-tests.do"):
    """One call of the context with what it cannot take."""

    what: str


class Careless(Actor):
    """Does what it is told, and keeps a journal."""

    def recover(self, record: Message) -> None: ...

    @on(Do)
    def do(self, message: Do, context: Context) -> None:
        wrong: Any = "no reference"
        key: Any = ["no", "hash"]
        journal: Any = context.journal
        {
            "watch": lambda: context.watch(wrong),
            "unwatch": lambda: context.unwatch(wrong),
            "stop": lambda: context.stop(wrong),
            "set_timer": lambda: context.set_timer(Add(1), 1.0, key=key),
            "cancel_timer": lambda: context.cancel_timer(key),
            "delay": lambda: context.set_timer(Add(1), (2.0, 1.0)),
            "append": lambda: journal.append("no record"),
            "checkpoint": lambda: journal.checkpoint(["no record"], journal.next_position),
            "read": lambda: journal.read("1", 2, 3),
        }.get(message.what, lambda: None)()
        context.reply("done")


@pytest.mark.parametrize(("what", "says"), [
    ("watch", "watch('no reference'): not a reference"),
    ("unwatch", "unwatch('no reference'): not a reference"),
    ("stop", "stop('no reference'): not a reference"),
    ("set_timer", "set_timer with the key ['no', 'hash'], which cannot be hashed"),
    ("cancel_timer", "cancel_timer with the key ['no', 'hash'], which cannot be hashed"),
    ("delay", "set_timer with a delay of (2.0, 1.0) seconds"),
    ("append", "a record is an instance of a class Name(Message, wire='...'), this is 'no record'"),
    ("checkpoint", "a record is an instance of a class Name(Message, wire='...'), this is 'no record'"),
    ("read", "read('1', 2, 3, 0): positions and limits are whole numbers"),
])
def test_what_a_context_cannot_take_fails_in_the_handler_that_gave_it(world: World, what: str, says: str) -> None:
    careless = world.spawn(Careless, name="careless")
    with pytest.raises(AskFailed, match=re.escape(says)):
        world.ask(careless, Do(what))
    assert world.ask(careless, Do("")) == "done"  # its supervisor had it restarted: no error of the runtime


@pytest.mark.parametrize(("make_it", "says"), [
    (lambda: Supervision(max_restarts=-1), "max_restarts 0 or more"),
    (lambda: Supervision(within_seconds=0), "within_seconds more than 0"),
    (lambda: Supervision(directive="restart"), "directive is a Directive"),
    (lambda: Mailbox(overflow="reject"), "overflow is one of Overflow.REJECT"),
])
def test_rules_that_mean_nothing_are_refused_where_they_are_made(make_it: Any, says: str) -> None:
    with pytest.raises(ContractError, match=re.escape(says)):
        make_it()


class Cancelling(Actor):
    """Raises what a library that it calls may raise."""

    @on(Total)
    def total(self, message: Total, context: Context) -> None:
        raise asyncio.CancelledError("the pool was closed")

    @on(Notes)
    def notes(self, message: Notes, context: Context) -> None:
        context.reply(("alive",))


def test_a_handler_that_raises_a_cancellation_has_failed_like_any_other(world: World) -> None:
    """It passed the whole runtime by, and its asker waited for the time-out."""
    resumed = world.spawn(Cancelling, name="resumed", supervision=Supervision(directive=Directive.RESUME))
    with pytest.raises(AskFailed, match=r"local/resumed .*Total: CancelledError: the pool was closed"):
        world.ask(resumed, Total(), 20.0)
    assert world.ask(resumed, Notes()) == ("alive",)


class Once(Cancelling):
    """Can be built while the list is not empty."""

    def __init__(self, chances: list[int]) -> None:
        if not chances:
            raise asyncio.CancelledError("no more")
        chances.pop()


def test_a_restart_whose_constructor_raises_a_cancellation_ends_the_actor(world: World) -> None:
    restarted = Supervision(directive=Directive.RESTART, max_restarts=1)
    once = world.spawn(Once, [1], name="once", supervision=restarted)
    with pytest.raises(AskFailed, match="the pool was closed"):
        world.ask(once, Total(), 20.0)
    with pytest.raises(AskRejected, match="once"):
        world.ask(once, Notes(), 20.0)
