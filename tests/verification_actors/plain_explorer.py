"""The slow and obvious twin of the interleaving engine: whole states are copied, nothing is numbered or remembered.

Understands sends, timers, choices and journals of actors on nodes of their own; that is what the random systems use.
"""

from __future__ import annotations

import copy
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from actors.recording import Append, JournalView, Recorder, Send, SetTimer
from actors.verification.actor_model import ActorModel
from actors.verification.actor_network import Network
from core_ext.mailbox import Reference


class _World:
    """Leads a handler through its choices."""

    def __init__(self, prefix: tuple[int, ...]) -> None:
        self.prefix = prefix
        self.taken: list[tuple[int, int]] = []

    def choose(self, actor: Reference, options: Any) -> Any:
        place = len(self.taken)
        index = self.prefix[place] if place < len(self.prefix) else 0
        self.taken.append((index, len(options)))
        return options[index]

    def new_child(self, parent: Reference, actor_class: type[Any], name: str | None) -> Reference:
        raise AssertionError(f"{parent} spawns {actor_class.__qualname__}, which this twin does not understand")


class PlainState:
    """One global state: actors as they are, messages as a list in the order of sending."""

    def __init__(self, count: int) -> None:
        self.actors: list[Any] = [None] * count
        self.timers: list[dict[Any, Any]] = [{} for _ in range(count)]
        self.disks: list[list[Any]] = [[] for _ in range(count)]
        self.pending: list[list[tuple[list[Any], list[Any]]]] = [[] for _ in range(count)]
        self.fires = [0] * count
        self.lives = [0] * count
        self.crashed = 0
        self.network: list[tuple[int, int, Any]] = []  # (sender, receiver, (message, the sender's incarnation))

    def key(self, ordered: bool, duplicating: bool) -> Any:
        actors = tuple(None if actor is None else tuple(sorted(vars(actor).items())) for actor in self.actors)
        if ordered:
            pairs: dict[tuple[int, int], list[Any]] = {}
            for source, target, message in self.network:
                pairs.setdefault((source, target), []).append(message)
            network: Any = tuple(sorted((pair, tuple(queue)) for pair, queue in pairs.items()))
        elif duplicating:
            network = frozenset(self.network)
        else:
            network = frozenset(Counter(self.network).items())
        return (
            actors, repr([sorted(map(repr, timers.values())) for timers in self.timers]), repr(self.disks),
            repr(self.pending), tuple(self.fires), tuple(self.lives), self.crashed, network,
        )


class PlainExplorer:
    """Every reachable state of a model, breadth first.

    Args:
        model: with actors on nodes of their own.
    """

    def __init__(self, model: ActorModel) -> None:
        self.model = model
        self.ordered = model.network is Network.ORDERED
        self.duplicating = model.network is Network.DUPLICATING
        self.places = {slot.reference.name: place for place, slot in enumerate(model.actors)}

    def explore(self, limit: int) -> dict[Any, PlainState] | None:
        """States by key; None when there are more than the limit."""
        found: dict[Any, PlainState] = {}
        waiting: deque[PlainState] = deque()
        states = [PlainState(len(self.model.actors))]
        for place in range(len(self.model.actors)):
            states = [after for state in states for after in self.begin(state, place)]
        for state in states:
            if self.key(state) not in found:
                found[self.key(state)] = state
                waiting.append(state)
        while waiting:
            if len(found) > limit:
                return None
            for after in self.successors(waiting.popleft()):
                key = self.key(after)
                if key not in found:
                    found[key] = after
                    waiting.append(after)
        return found

    def key(self, state: PlainState) -> Any:
        return state.key(self.ordered, self.duplicating)

    def begin(self, state: PlainState, place: int) -> list[PlainState]:
        slot = self.model.actors[place]

        def call(actor: Any, hands: Recorder) -> None:
            for record in state.disks[place]:
                actor.recover(record)
            actor.start(hands)

        fresh = copy.deepcopy(state)
        fresh.actors[place] = slot.actor_class(*slot.args)
        fresh.lives[place] += 1
        return self.run(fresh, place, call, None)

    def run(self, state: PlainState, place: int, call: Any, sender: Reference | None) -> list[PlainState]:
        own = Reference(self.model.actors[place].reference.node, self.model.actors[place].reference.name, 1)
        results = []
        prefixes: list[tuple[int, ...]] = [()]
        while prefixes:
            after = copy.deepcopy(state)
            world = _World(prefixes.pop())
            hands = Recorder(world, own)
            hands.begin(sender)
            if type(after.actors[place]).is_durable:
                hands.view = JournalView(hands.effects, 1, 1 + len(after.disks[place]))
            call(after.actors[place], hands)
            for at in range(len(world.prefix), len(world.taken)):
                chosen = tuple(index for index, _ in world.taken[:at])
                prefixes += [(*chosen, other) for other in range(1, world.taken[at][1])]
            self.effects(after, place, hands.effects)
            results.append(after)
        return results

    def effects(self, state: PlainState, place: int, effects: list[Any]) -> None:
        records: list[Any] = []
        gated: list[Any] = []
        writes = any(isinstance(effect, Append) for effect in effects)
        for effect in effects:
            if isinstance(effect, SetTimer):
                state.timers[place][effect.key] = effect.message
            elif isinstance(effect, Append):
                records.append(effect.record)
            elif isinstance(effect, Send):
                message = (place, self.places[effect.target.name], (effect.message, state.lives[place]))
                if writes and not effect.now:
                    gated.append(message)
                elif state.pending[place] and not effect.now:
                    state.pending[place][-1][1].append(message)
                else:
                    self.send(state, message)
        if records:
            state.pending[place].append((records, gated))
        if self.model.sync_at_once:
            while state.pending[place]:
                self.sync(state, place)

    def send(self, state: PlainState, message: tuple[int, int, Any]) -> None:
        if not (self.duplicating and message in state.network):
            state.network.append(message)

    def sync(self, state: PlainState, place: int) -> None:
        records, gated = state.pending[place].pop(0)
        state.disks[place] += records
        for message in gated:
            self.send(state, message)

    def successors(self, state: PlainState) -> Iterator[PlainState]:
        yield from self.deliveries(state)
        for place in range(len(state.actors)):
            if state.actors[place] is None:
                yield from self.begin(state, place)
                continue
            if state.pending[place]:
                after = copy.deepcopy(state)
                self.sync(after, place)
                yield after
            limit = self.model.fires_of(self.model.actors[place].reference.node)
            if limit is None or state.fires[place] < limit:
                yield from self.timers(state, place)
            if state.crashed < self.model.crashes and self.may_crash(state):
                after = copy.deepcopy(state)
                after.actors[place] = None
                after.timers[place] = {}
                after.pending[place] = []
                after.crashed += 1
                yield after

    def may_crash(self, state: PlainState) -> bool:
        return sum(actor is None for actor in state.actors) < self.model.down

    def deliveries(self, state: PlainState) -> Iterator[PlainState]:
        tried: list[Any] = []
        for number, (source, target, message) in enumerate(state.network):
            same = (source, target) if self.ordered else (source, target, message)
            if same in tried:
                continue
            tried.append(same)
            if self.model.lossy:
                after = copy.deepcopy(state)
                del after.network[number]
                yield after
            actor = state.actors[target]
            if actor is None:
                continue
            before = copy.deepcopy(state)
            if not self.duplicating:
                del before.network[number]
            sender = self.model.actors[source].reference
            content = message[0]
            handler = type(actor).handlers[type(content)]
            afters = self.run(before, target, lambda actor, hands: handler(actor, content, hands), sender)  # noqa: B023
            if len(afters) == 1 and not self.ordered and self.key(afters[0]) == self.key(before):
                continue  # it changes nothing: it stays in flight
            yield from afters

    def timers(self, state: PlainState, place: int) -> Iterator[PlainState]:
        for key, message in state.timers[place].items():
            before = copy.deepcopy(state)
            del before.timers[place][key]
            handler = type(state.actors[place]).handlers[type(message)]
            for after in self.run(before, place, lambda actor, hands: handler(actor, message, hands), None):  # noqa: B023
                if self.key(after) != self.key(state) and self.model.fires_of(
                    self.model.actors[place].reference.node
                ) is not None:
                    after.fires[place] += 1
                yield after
