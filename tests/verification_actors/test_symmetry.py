"""Symmetry of actors: one state stands for all its images, and where that would be wrong the model is refused."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from click.testing import CliRunner

from actors.actor import Actor, on
from actors.message import Message
from actors.verification import check
from actors.verification.actor_ground import Ground
from actors.verification.actor_history import ClientHistory, Complete, Invoke, Recorded
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from actors.verification.actor_renaming import Members, Renaming
from actors.verification.actor_state import freeze
from actors.verification.errors import ModelError
from actors.verification.properties import always, eventually, sometimes
from actors.verification.result import Options, Verdict
from actorum.cli import cli
from core_ext.interleave import Interleaving
from core_ext.mailbox import Reference
from protocols.models.paxos import PaxosServer
from protocols.models.paxos_roles import PaxosRoles
from protocols.models.register_clients import RegisterClient
from protocols.models.single_copy import SingleCopy
from protocols.replaying import replay
from tests.verification_actors.plain_explorer import PlainExplorer
from tests.verification_actors.symmetric_actors import SymmetricSystem, orbits

LIMIT = 100


@pytest.mark.parametrize("crashes", [0, 1])
@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in (16, 32))])
def test_random_systems_have_as_many_states_as_there_are_classes_and_the_same_verdicts(first, crashes):
    """The classes are counted by brute force, in states that nothing of the engine has touched."""
    reduced = 0
    for seed in range(first, first + 16):
        model = SymmetricSystem(seed, crashes)
        whole = check(SymmetricSystem(seed, crashes), max_states=LIMIT)
        if whole.distinct >= LIMIT:
            continue
        explorer = PlainExplorer(model)
        plain = explorer.explore(LIMIT)
        classes = orbits(plain, explorer.key, model)
        for options in ({}, {"exact": True}, {"strategy": "depth"}):
            found = check(SymmetricSystem(seed, crashes), symmetry=True, **options)
            assert found.distinct == classes, f"seed {seed}"
            assert [one.verdict for one in found.findings] == [one.verdict for one in whole.findings], f"seed {seed}"
            assert found.depth == whole.depth or options.get("strategy") == "depth", f"seed {seed}"
        reduced += classes < len(plain)
    assert reduced > 3


@pytest.mark.parametrize("seed", [3, 7, 11, 53])  # in 53, messages wait in another order than that of their numbers
def test_the_native_images_are_those_that_one_would_write_down(seed):
    """Places, messages by channel, and the least image, which is the same for all of them."""
    ground = Ground(SymmetricSystem(seed), Options(symmetry=True), Interleaving, edges=False)
    engine, symmetry = ground.engine, ground.symmetry
    world, capacity = ground.world, ground.world.capacity
    states = list(ground.replayer.initial)
    for state in states[:60]:
        states += [after for _, _, _, after in engine.successors(state)]
    engine.seed(states[:300])
    orders = list(itertools.permutations(range(1, capacity)))[1:]
    for state in states[:300]:
        number = engine.number_of(state)
        assert number is not None
        for twin in range(symmetry.twins.count):
            image = symmetry.twins.image_of(engine, state, twin)
            wanted = [0] * capacity
            for place in range(capacity):
                wanted[(0, *orders[twin])[place]] = symmetry.twin_local(twin, state[place])
            assert list(image[:capacity]) == wanted
            messages = [symmetry.twin_event(twin, event) for event in state[capacity + 3:]]
            assert sorted(image[capacity + 3:]) == sorted(messages)
            if world.network is Network.ORDERED:
                for link in itertools.product(range(capacity), repeat=2):
                    def on_link(event, link=link):
                        slot, _, envelope = world.events[event]
                        return (world.slot_of(envelope.source), slot) == link
                    assert list(filter(on_link, image[capacity + 3:])) == list(filter(on_link, messages))
            assert engine.number_of(image) == number


def test_three_acceptors_are_nearly_six_times_fewer_states():
    result = check(PaxosRoles(), symmetry=True)
    assert (result.distinct, result.depth) == (34_400, 25)
    assert result["agreement"].verdict is Verdict.HOLDS
    assert result["termination"].verdict is Verdict.UNKNOWN
    assert result["termination"].reason == "liveness is not decided on representatives; check it without symmetry"


@pytest.mark.parametrize("strategy", ["breadth", "depth"])
def test_a_counterexample_is_a_real_run(strategy):
    result = check(PaxosRoles(broken="heedless"), symmetry=True, stop_on_violation=True, strategy=strategy)
    trace = result["agreement"].trace
    replay(PaxosRoles(broken="heedless"), trace)
    if strategy == "breadth":
        whole = check(PaxosRoles(broken="heedless"), stop_on_violation=True)
        assert len(trace.steps) == len(whole["agreement"].trace.steps)


def test_the_command_has_the_option():
    done = CliRunner().invoke(cli, ["verify", "paxos-roles", "--set", "acceptors=2", "--symmetry", "--json"])
    assert done.exit_code == 4, done.output
    found = json.loads(done.stdout)
    assert found["complete"]
    assert [one["verdict"] for one in found["properties"]] == ["unknown", "holds", "holds", "holds"]


# --- what is refused --------------------------------------------------------------------------------------------------


class Go(Message, wire="tests.symmetry.go"):
    about: str = ""


class Voter(Actor):
    """Tells the others that it is there, and counts who told it."""

    def __init__(self, names: tuple[str, ...] = ("a", "b", "c")) -> None:
        self.names = names
        self.heard: tuple[str, ...] = ()

    def start(self, context):
        for name in self.names:
            if name != context.node:
                context.send(context.ref(name, name), Go(context.node))

    @on(Go)
    def go(self, message, context):
        self.heard = tuple(sorted({*self.heard, message.about}))


class Ordered(Voter):
    """Keeps the order of arrival: a queue."""

    @on(Go)
    def go(self, message, context):
        self.heard = (*self.heard, message.about)


class Snob(Voter):
    """Heeds only those before it."""

    @on(Go)
    def go(self, message, context):
        if message.about < context.node:
            self.heard = tuple(sorted({*self.heard, message.about}))


class Raising(Voter):
    @on(Go)
    def go(self, message, context):
        if self.heard:
            raise ValueError(f"{context.node} has heard enough")
        self.heard = (message.about,)


class Elder(Voter):
    """Knows that it is the first one."""

    def __init__(self, eldest: bool = False) -> None:
        super().__init__()
        self.eldest = eldest


class Configured:
    """Has more than its snapshot says."""

    def snapshot(self):
        return ()

    def restore(self, state):
        pass


class Snapshots(Voter):
    def __init__(self) -> None:
        super().__init__()
        self.part = Configured()


class Shares(Voter):
    def __init__(self) -> None:
        super().__init__()
        self.one = self.other = []


class Starts(Recorded):
    """Who started, in order."""

    def observed(self, name, actor):
        return ("started", name) if not actor.heard else None

    def after(self, history, addition):
        return (*history, addition) if addition not in history else history


class System(ActorModel):
    """Voters; properties from outside."""

    def __init__(self, kind=Voter, claims=(), groups=(("a", "b", "c"),), names="abc", args=(), nodes=None, **world):
        super().__init__(symmetric=groups, **{"network": Network.UNORDERED, **world})
        self.claims = claims
        for place, name in enumerate(names):
            mine = args[place] if args else ()
            self.spawn(kind, *mine, name=name, node=nodes[place] if nodes else None)

    def properties(self):
        return self.claims


class Claimed(System):
    """With a boundary that tells states apart."""

    def boundary(self, state):
        return state.actors["a"].heard != ("b",)


def refused(model: Any, **options: Any) -> str:
    with pytest.raises(ModelError) as found:
        check(model, symmetry=True, **options)
    return str(found.value)


def test_voters_are_symmetric():
    whole, found = check(System()), check(System(), symmetry=True)
    assert (whole.distinct, found.distinct) == (64, 16)  # 2^6 sets of messages; digraphs of three nodes up to renaming


@pytest.mark.parametrize(("make", "said"), [
    (lambda: System(groups=()), "it names no symmetric actors"),
    (lambda: System(groups=(("a", "z"),)), "there is no actor 'z'; it has a, b, c"),
    (lambda: System(groups=(("a",),)), "a group of 1; give 2 to 5"),
    (lambda: System(groups=("abcdef",), names="abcdef"), "a group of 6; give 2 to 5"),
    (lambda: System(groups=("abcde", "fghij"), names="abcdefghij"), "14,400 permutations together; at most 720"),
    (lambda: System(groups=("ab", "bc")), "an actor is named twice"),
    (lambda: System(names="acb"), "c was spawned before b; spawn by order of names"),
    (lambda: System(groups=(("a", "b"),), nodes=("a", "b", "b")), "b shares its node"),
    (lambda: System(max_children=1), "leave max_children out"),
    (lambda: System(timers={"a": 1}), "a and b have other faults or timers"),
    (lambda: System(cut=[("a", "b")]), "and not so for"),
    (lambda: System(groups=(("n1/a", "n2/b"),), names="abc", nodes=("n1", "n2", "a")), "'a' means"),
    (lambda: System(rounds=True, history=ClientHistory(lambda e: None, lambda e: None)), "which a recorded history"),
    (lambda: System(args=[(("b", "a", "c"),)] * 3), "('b', 'a', 'c') has symmetric actors in another order"),
    (lambda: System(Ordered), "c tells them apart when a and b change places: c meets Go(about='b')"),
    (lambda: System(Snob), "b and a do not do alike when a and b change places: b meets Go(about='a')"),
    (lambda: System(Elder, args=[(True,), (), ()]), "a meets start and comes to Elder(eldest=True"),
    (lambda: System(history=Starts()), "a run does not begin alike for"),
    (lambda: System(Snapshots), "a Configured takes snapshots of itself"),
    (lambda: System(Shares), "two fields share one object"),
])
def test_what_is_not_symmetric_is_refused_by_name(make, said):
    text = refused(make())
    assert said in text, text
    assert "symmetry: " in text


def test_clients_that_pick_a_server_by_number_tell_servers_apart():
    """So do the shipped clients of registers and of Paxos."""
    class Named(ActorModel):
        def __init__(self):
            super().__init__(network=Network.UNORDERED, symmetric=["abc"])
            servers = [self.spawn(PaxosServer, list("abc"), name=name) for name in "abc"]
            self.spawn(RegisterClient, 0, servers, name="client")

        def properties(self):
            return []

    assert "client tells them apart when a and b change places: client meets start" in refused(Named())


@pytest.mark.parametrize(("claims", "said"), [
    ([always("a first", lambda state: "b" not in state.actors["a"].heard)], "property 'a first' tells"),
    ([sometimes("a alone", lambda state: state.actors["a"].heard == ("b",))], "property 'a alone' tells"),
])
def test_a_property_that_tells_symmetric_actors_apart_is_refused_by_name(claims, said):
    assert said in refused(System(claims=claims))


def test_a_boundary_that_tells_symmetric_actors_apart_is_refused_by_name():
    assert "the boundary tells" in refused(Claimed(claims=[always("yes", lambda state: True)]))


def test_an_asymmetry_that_no_sample_shows_is_noticed_at_the_counterexample(monkeypatch):
    """It is judged in the state that the run leads to, too."""
    monkeypatch.setattr(Ground, "_unequal", lambda *arguments: None)
    ended = []
    for name in "abc":
        others = tuple(other for other in "abc" if other != name)
        claim = always("not both", lambda state, name=name, others=others: state.actors[name].heard != others)
        try:
            result = check(System(claims=[claim]), symmetry=True)
        except ModelError as error:
            ended.append(str(error))
        else:
            finding = result["not both"]
            assert finding.trace.steps[-1].state.actors[name].heard == others
    assert ended
    assert all("property 'not both' tells symmetric states apart" in text for text in ended)


def test_random_walks_have_no_use_for_it():
    assert "leave symmetry out" in refused(System(), strategy="random")


def test_a_handler_that_fails_is_found_with_a_real_run():
    result = check(System(Raising), symmetry=True)
    finding = result["no handler fails"]
    assert len(finding.trace.steps) == 3
    failing = finding.trace.steps[-1].action.actor.name
    assert finding.reason == f"{failing} raised ValueError: {failing} has heard enough"
    assert len({step.action.actor.name for step in finding.trace.steps[1:]}) == 1


def test_actors_of_one_name_on_several_nodes_are_told_apart_by_their_nodes():
    class Pinger(Actor):
        def __init__(self) -> None:
            self.last = ""

        def start(self, context):
            for node in ("n1", "n2", "n3"):
                if node != context.node:
                    context.send(context.ref("raft", node), Go(context.node))

        @on(Go)
        def go(self, message, context):
            self.last = f"{message.about}"

    class Nodes(System):
        def __init__(self):
            ActorModel.__init__(self, network=Network.UNORDERED, symmetric=[("n1/raft", "n2/raft", "n3/raft")])
            self.claims = [eventually("quiet", lambda state: state.quiet)]
            for node in ("n1", "n2", "n3"):
                self.spawn(Pinger, name="raft", node=node)

    whole, found = check(Nodes()), check(Nodes(), symmetry=True)
    assert whole.distinct / 6 <= found.distinct < whole.distinct / 4


def test_histories_of_symmetric_clients_are_renamed():
    class Writer(Actor):
        def __init__(self, server: Reference) -> None:
            self.server = server
            self.done = False

        def start(self, context):
            context.send(self.server, Go(context.node))

        @on(Go)
        def go(self, message, context):
            self.done = True

    class Echo(SingleCopy):
        @on(Go)
        def go(self, message, context):
            self.value = message.about
            context.send(context.sender, Go("done"))

    def invoked(envelope):
        return Invoke(envelope.source.name, ("write", envelope.message.about)) if envelope.target.name == "z" else None

    def completed(envelope):
        return Complete(envelope.target.name, None) if envelope.message.about == "done" else None

    class Clients(System):
        def __init__(self):
            ActorModel.__init__(
                self, network=Network.UNORDERED, history=ClientHistory(invoked, completed), symmetric=["abc"]
            )
            self.claims = [sometimes("all done", lambda state: sum(
                len(its.done) for _, its in state.history
            ) == 3)]
            for name in "abc":
                self.spawn(Writer, Reference("z", "z"), name=name)
            self.spawn(Echo, name="z")

    whole, found = check(Clients()), check(Clients(), symmetry=True)
    assert found.holds
    assert whole.distinct / 6 <= found.distinct < whole.distinct / 4
    classes = {tuple(sorted((len(its.done), its.open is None) for _, its in step.state.history))
               for step in found["all done"].trace.steps}
    assert len(classes) == 4


class Bag:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def test_renamings_are_undone_by_their_opposites_and_sets_stay_sorted():
    references = [Reference(name, name) for name in "abch"]
    members = Members([references[:3]], references)
    turn = Renaming(members, {("a", "a"): ("b", "b"), ("b", "b"): ("c", "c"), ("c", "c"): ("a", "a")})
    back = Renaming(members, {("b", "b"): ("a", "a"), ("c", "c"): ("b", "b"), ("a", "a"): ("c", "c")})
    bag = Bag(
        peers=["a", "b", "c"], some=("a", "h", "c"), table={"a": 1, "c": 2}, votes=(("a", 5), ("a", 6), ("b", 7)),
        reference=references[0], message=Go("c"), text="a and b", flag=True, real=1.0, mixed=("b", 3, "a"),
        by_reference={references[0]: [1], references[1]: []}, raw=bytearray(b"a"),
    )
    frozen = freeze("bag", bag)
    turned = turn.value(frozen)
    assert turned == freeze("bag", Bag(
        peers=["a", "b", "c"], some=("a", "h", "b"), table={"a": 2, "b": 1}, votes=(("b", 5), ("b", 6), ("c", 7)),
        reference=references[1], message=Go("a"), text="a and b", flag=True, real=1.0, mixed=("c", 3, "b"),
        by_reference={references[1]: [1], references[2]: []}, raw=bytearray(b"a"),
    ))
    assert back.value(turned) == frozen
    assert turn.value(turn.value(turned)) == frozen
    for wrong in (("b", "a"), (("c", 1), ("a", 2))):
        with pytest.raises(ModelError, match="keep it sorted"):
            turn.value(wrong)
