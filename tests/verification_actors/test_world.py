"""What an actor may do in the checked world, and what it is refused for, by name."""

from __future__ import annotations

import asyncio

import pytest

from actors.actor import Actor, Answer, on, on_answer
from actors.message import Message, Request, Terminated
from actors.verification.actor_history import Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_state import freeze, thaw
from actors.verification.errors import ModelError
from actors.verification.properties import always, eventually, sometimes
from actors.verification.result import Options, Verdict
from core_ext.interleave import Interleaving
from core_ext.mailbox import Reference


class Go(Message, wire="tests.world.go"):
    pass


class Stored(Message, wire="tests.world.stored"):
    value: int


class Question(Request[int], wire="tests.world.question"):
    pass


class System(ActorModel):
    """Properties from outside."""

    def __init__(self, claims, **world):
        super().__init__(**world)
        self.claims = claims

    def properties(self):
        return self.claims


def check(model, **options):
    return model.check_with(Options(**options))


class Sink(Actor):
    def __init__(self) -> None:
        self.got: list[int] = []

    @on(Stored)
    def stored(self, message, context):
        self.got.append(message.value)


class Store(Actor):
    """Tells the sink before and after a record."""

    def __init__(self, sink: Reference) -> None:
        self.sink = sink
        self.kept: list[int] = []

    def recover(self, record):
        self.kept.append(record.value)

    def start(self, context):
        if not self.kept:
            context.send(self.sink, Stored(2))
            context.journal.append(Stored(1))
            self.kept.append(1)
            context.send(self.sink, Stored(1))
            context.send_now(self.sink, Stored(0))


class SentToNobody(Recorded):
    """What was sent to whom there is not."""

    def sent(self, envelope):
        return envelope.message.value if envelope.target.name == "nobody" else None

    def after(self, history, addition):
        return (*history, addition)


@pytest.mark.parametrize(("cut", "at_once"), [((), True), ((), False), ((("store", "nobody"),), True)])
def test_what_is_sent_to_nobody_is_lost_and_the_history_hears_of_it_when_it_leaves(cut, at_once):
    system = System(
        [
            always("it is never in flight", lambda state: not state.in_flight(Stored)),
            always("gated after the other", lambda state: state.history in ((), (0,), (0, 2, 1), (0, 1, 2))),
            sometimes("only what need not wait", lambda state: state.history == (0,)),
            sometimes("all of them", lambda state: len(state.history) == 3),
        ],
        history=SentToNobody(), cut=cut, sync_at_once=at_once,
    )
    system.spawn(Store, Reference("nobody", "nobody"), name="store")
    if cut:
        system.spawn(Sink, name="nobody")
    result = check(system)
    assert result["it is never in flight"].verdict is Verdict.HOLDS
    assert result["gated after the other"].verdict is Verdict.HOLDS
    assert (result["only what need not wait"].verdict is Verdict.HOLDS) == (not at_once)
    assert result["all of them"].verdict is Verdict.HOLDS


def journal_system(*claims):
    system = System(claims, network=Network.UNORDERED, crashes=1)
    system.spawn(Store, system.spawn(Sink, name="sink", may_crash=False), name="store")
    return system


def test_a_crash_loses_exactly_what_was_not_synced_and_gated_effects_wait():
    result = check(journal_system(
        always("what left through the gate is on disk", lambda state: (
            1 not in state.actors["sink"].got or state.local("store").stream.records == (Stored(1),)
        )),
        always("what the handler sent before it wrote waits, too", lambda state: (
            2 not in state.actors["sink"].got or state.local("store").stream.records == (Stored(1),)
        )),
        sometimes("lost", lambda state: not state.is_up("store") and not state.local("store").stream.records),
        sometimes("kept", lambda state: not state.is_up("store") and bool(state.local("store").stream.records)),
        sometimes("send_now does not wait", lambda state: (
            0 in state.actors["sink"].got and not state.local("store").stream.records
        )),
    ))
    assert result.holds


class Server(Actor):
    @on(Question)
    def question(self, message, context):
        context.reply(7)


class Silent(Actor):
    @on(Question)
    def question(self, message, context):
        pass


class Asker(Actor):
    def __init__(self, target: Reference) -> None:
        self.target = target
        self.answer: int | None = None
        self.failed = False
        self.gone = False

    def start(self, context):
        context.watch(self.target)
        context.request(self.target, Question(), key="k")

    @on_answer(Question)
    def answered(self, answer: Answer, context):
        assert answer.key == "k"
        self.answer, self.failed = answer.value, answer.failure is not None

    @on(Terminated)
    def terminated(self, message, context):
        self.gone = True


def test_requests_are_answered_and_a_crash_is_told_to_who_watches():
    system = System([
        eventually("an end", lambda state: state.actors["asker"].answer == 7 or state.actors["asker"].failed),
        sometimes("answered", lambda state: state.actors["asker"].answer == 7),
        sometimes("failed", lambda state: state.actors["asker"].failed),
        sometimes("told", lambda state: state.actors["asker"].gone),
    ], crashes=1, recover=False)
    server = Reference("server", "server")
    system.spawn(Asker, server, name="asker", may_crash=False)
    system.spawn(Server, name="server")
    assert check(system).holds


def test_a_request_without_an_answer_fails_its_asker():
    system = System([eventually("failed", lambda state: state.actors["asker"].failed)])
    system.spawn(Asker, Reference("server", "server"), name="asker")
    system.spawn(Silent, name="server")
    assert check(system).holds


class Parent(Actor):
    def start(self, context):
        child = context.spawn(Sink, name="child")
        context.send(child, Stored(5))


def test_spawned_children_take_declared_places():
    system = System([sometimes("it got it", lambda state: state.actors["p/child"].got == [5])], max_children=1)
    system.spawn(Parent, name="p")
    assert check(system).holds
    crowded = System([])
    crowded.spawn(Parent, name="p")
    with pytest.raises(ModelError, match="max_children"):
        check(crowded)


class Clock(Actor):
    def start(self, context):
        context.now()


class SetHolder(Actor):
    def __init__(self) -> None:
        self.members = {"a", "b"}


class Raiser(Actor):
    def start(self, context):
        context.send(context.self, Go())

    @on(Go)
    def go(self, message, context):
        raise ValueError("not today")


class CalledOff(Raiser):
    @on(Go)
    def go(self, message, context):
        raise asyncio.CancelledError("not today")


class Deaf(Actor):
    pass


class Caller(Actor):
    def start(self, context):
        context.send(context.ref("deaf", "deaf"), Go())


@pytest.mark.parametrize(("actor", "text"), [
    (Clock, r"lonely.*context\.now\(\)"), (SetHolder, r"lonely.*'members'.*set"),
])
def test_what_has_no_one_behaviour_is_refused_by_name(actor, text):
    system = System([])
    system.spawn(actor, name="lonely")
    with pytest.raises(ModelError, match=text):
        check(system)


@pytest.mark.parametrize(("actor", "error"), [(Raiser, "ValueError"), (CalledOff, "CancelledError")])
def test_a_handler_that_raises_is_a_finding_with_a_trace(actor, error):
    system = System([])
    system.spawn(actor, name="raiser")
    finding = check(system)["no handler fails"]
    assert finding.verdict is Verdict.VIOLATED
    assert f"raiser raised {error}: not today" in finding.reason
    assert len(finding.trace.steps) == 2


def test_an_unknown_message_is_a_finding_that_names_actor_and_message():
    system = System([])
    system.spawn(Caller, name="caller")
    system.spawn(Deaf, name="deaf")
    assert "deaf has no handler for Go" in check(system)["no handler fails"].reason


class Counter(Actor):
    def __init__(self) -> None:
        self.count = 0

    def start(self, context):
        context.send(context.self, Go())

    @on(Go)
    def go(self, message, context):
        self.count += 1
        context.send(context.self, Go())


def counting():
    system = System([always("never 10 million", lambda state: state.actors["counter"].count < 10_000_000)])
    system.spawn(Counter, name="counter")
    return system


def test_a_state_space_that_never_ends_is_bounded_and_says_so():
    result = check(counting(), max_states=500)
    assert result["never 10 million"].verdict is Verdict.BOUNDED
    assert result.exit_code == 4
    assert "500" in result.bound
    assert check(counting(), max_depth=10).distinct <= 10


def test_a_property_that_raises_names_itself():
    system = System([always("broken", lambda state: state.actors["nobody"])])
    system.spawn(Counter, name="counter")
    with pytest.raises(ModelError, match=r"nobody.*counter"):
        check(system)


class Undecided(Counter):
    """Chooses in vain before it begins, so that it begins twice alike."""

    def start(self, context):
        context.choose(("left", "right"))
        super().start(context)

    @on(Go)
    def go(self, message, context):
        self.count = 1


def test_a_run_begins_in_an_initial_state_and_not_in_one_that_has_the_number_of_one():
    system = System([eventually("at the start", lambda state: state.actors["counter"].count == 0)])
    system.spawn(Undecided, name="counter")
    result = check(system)
    assert (result.distinct, result["at the start"].verdict) == (2, Verdict.HOLDS)


def test_options_that_actor_models_have_not_are_refused():
    with pytest.raises(ModelError):
        counting().check_with(Options(symmetry=True))


class Holder:
    def __init__(self, items: list[int]) -> None:
        self.items = items


class Nested(Actor):
    def __init__(self) -> None:
        shared = [1]
        self.first = shared
        self.second = Holder(shared)
        self.flag = True
        self.table = {"a": 1, "b": [2.0]}


def test_fields_survive_freezing_and_shared_objects_stay_shared():
    one = Nested()
    frozen = freeze("nested", one)
    other = thaw(frozen)
    assert other.first is other.second.items
    assert other.flag is True
    assert freeze("nested", other) == frozen
    other.first.append(2)
    assert one.first == [1]
    assert freeze("nested", other) != frozen


def test_dicts_count_in_insertion_order():
    one, other = Nested(), Nested()
    other.table = {"b": [2.0], "a": 1}
    assert freeze("nested", one) != freeze("nested", other)


def test_a_vector_that_is_no_state_is_refused_and_not_written_anywhere():
    engine = Interleaving(None, 2, [], False, False, 0, 0, -1, -1, False, False, False, False)
    assert engine.number_of((0, 0)) is None
    assert engine.number_of(()) is None
    for length in (5_000, 100_000):
        for use in (engine.number_of, lambda state: engine.seed([state])):
            with pytest.raises(OverflowError, match=f"a global state of {length} numbers"):
                use((0,) * length)
        with pytest.raises(OverflowError):
            engine.successors((0,) * length, [])


class OnceParent(Actor):
    """Spawns a child in its first life only."""

    def __init__(self) -> None:
        self.lives = 0

    def recover(self, record):
        self.lives += 1

    def start(self, context):
        if not self.lives:
            context.spawn(Sink, name="child")
            context.journal.append(Go())


def test_children_are_gone_with_their_node_until_somebody_spawns_them_again():
    system = System([
        always("a child is up as long as its parent's first life", lambda state: (
            not state.is_up("node/child") or (state.is_up("node/parent") and not state.actors["node/parent"].lives)
        )),
        sometimes("the child is up", lambda state: state.is_up("node/child")),
        sometimes("the parent comes back alone", lambda state: (
            state.is_up("node/parent") and state.actors["node/parent"].lives == 1 and not state.is_up("node/child")
        )),
    ], crashes=1, max_children=1)
    system.spawn(OnceParent, name="parent", node="node")
    system.spawn(Sink, name="other", node="elsewhere", may_crash=False)
    assert check(system).holds


class CarefulWatcher(Actor):
    """Writes down whom it watches."""

    def __init__(self, target: Reference) -> None:
        self.target = target
        self.told = False

    def recover(self, record):
        """Whatever it was."""

    def start(self, context):
        context.watch(self.target)
        context.journal.append(Go())

    @on(Terminated)
    def terminated(self, message, context):
        self.told = True


def test_a_watch_begins_when_the_records_of_its_handler_are_on_disk():
    system = System([
        always("nobody is told before", lambda state: (
            not state.in_flight(Terminated) or bool(state.local("watcher").stream.records)
        )),
        sometimes("told", lambda state: state.is_up("watcher") and state.actors["watcher"].told),
    ], crashes=1)
    system.spawn(CarefulWatcher, system.spawn(Sink, name="sink"), name="watcher", may_crash=False)
    assert check(system).holds


class CarefulAsker(Actor):
    """Writes down that it asks."""

    def __init__(self, target: Reference) -> None:
        self.target = target
        self.failed = False

    def recover(self, record):
        """Whatever it was."""

    def start(self, context):
        context.request(self.target, Question())
        context.journal.append(Go())

    @on_answer(Question)
    def answered(self, answer, context):
        self.failed = answer.failure is not None


def test_a_request_fails_or_times_out_only_when_it_has_left():
    def written(state):
        return bool(state.local("asker").stream.records)

    system = System([
        always("nothing comes of it before", lambda state: written(state) or not state.actors["asker"].failed),
        always("it is not waited for before", lambda state: written(state) or not state.local("asker").asks),
        sometimes("it fails", lambda state: state.actors["asker"].failed),
    ], crashes=1)
    system.spawn(CarefulAsker, system.spawn(Server, name="server"), name="asker", may_crash=False)
    assert check(system).holds
