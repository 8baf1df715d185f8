"""Interchangeable actors of a model: what its numbers become when they change places, and the proof that they may.

Every local step that the search takes is taken by all its images, too, and must come to the same: so one state may
stand for all its images (Ip and Dill, "Better verification through symmetry", 1996). That properties do not tell them
apart is the model's promise; the engine looks at samples. Knows the world's numbers; no order of search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from actors.message import Lane
from actors.verification.actor_events import Event, Happening
from actors.verification.actor_local import Batch, Local
from actors.verification.actor_network import Envelope, Network
from actors.verification.actor_renaming import Members, Renaming
from actors.verification.actor_text import value_text
from actors.verification.actor_world import Outcome, World
from actors.verification.errors import ModelError
from core_ext.interleave_twins import Twins

if TYPE_CHECKING:
    from actors.verification.actor_model import ActorModel

MAX_GROUP = 5        # 120 permutations; each of them is tried on every state
MAX_IMAGES = 720     # of one state, over all groups
MAX_SHOWN = 500      # characters of what a step comes to, in an error


class Symmetry:
    """Answers the engine as the world does, and checks that symmetric actors do alike.

    Args:
        model: with groups of symmetric actors.
        world: its world.

    Raises:
        ModelError: the groups cannot be symmetric; says why.
    """

    def __init__(self, model: ActorModel, world: World) -> None:
        self._model = model
        self._world = world
        self._name = model.describe()
        groups = [self._group(names) for names in model.symmetric]
        self._checked(groups)
        references = [slot.reference for slot in world.slots]
        try:
            members = Members([[references[place] for place in group] for group in groups], references)
        except ModelError as error:
            raise self._refused(str(error)) from error
        self._renamings: list[Renaming] = []
        self._places: list[list[int]] = []
        for choice in itertools.product(*(list(itertools.permutations(group)) for group in groups)):
            places = list(range(len(references)))
            for group, images in zip(groups, choice, strict=True):
                for place, image in zip(group, images, strict=True):
                    places[place] = image
            if places == list(range(len(references))):
                continue
            moved = {
                (references[place].node, references[place].name): (references[image].node, references[image].name)
                for place, image in enumerate(places) if place != image
            }
            self._places.append(places)
            self._renamings.append(Renaming(members, moved))
        self.twins = Twins(self, self._places)

    # --- what can be symmetric ---------------------------------------------------------------------------------------

    def _group(self, names: Sequence[str]) -> list[int]:
        known = {}
        for place, slot in enumerate(self._world.slots):
            known[slot.text] = known[f"{slot.reference.node}/{slot.reference.name}"] = place
        for name in names:
            if name not in known:
                there = ", ".join(slot.text for slot in self._world.slots)
                raise self._refused(f"there is no actor {name!r}; it has {there}")
        group = [known[name] for name in names]
        if not 2 <= len(group) <= MAX_GROUP:
            raise self._refused(
                f"a group of {len(group)}; give 2 to {MAX_GROUP}, since every one of their permutations is tried on "
                f"every state"
            )
        return sorted(group)

    def _checked(self, groups: list[list[int]]) -> None:
        model, slots = self._model, self._world.slots
        if not groups:
            raise self._refused("it names no symmetric actors; give ActorModel(symmetric=[(name, name, ...), ...])")
        places = [place for group in groups for place in group]
        if len(set(places)) < len(places):
            raise self._refused("an actor is named twice; an actor belongs to one group, once")
        images = math.prod(math.factorial(len(group)) for group in groups)
        if images > MAX_IMAGES:
            raise self._refused(f"its groups have {images:,} permutations together; at most {MAX_IMAGES} can be tried")
        if model.max_children:
            raise self._refused("spawned actors have places in the order of their spawning; leave max_children out")
        if model.rounds and model.history is not None:
            raise self._refused("in a round actors act one after the other, which a recorded history may tell")
        nodes = [slot.reference.node for slot in slots]
        for group in groups:
            first = slots[group[0]]
            for place, before in zip(group, [None, *group], strict=False):
                slot = slots[place]
                if nodes.count(slot.reference.node) > 1:
                    raise self._refused(f"{slot.text} shares its node; symmetric actors live alone on theirs")
                if before is not None and _address(slots[before]) > _address(slot):
                    raise self._refused(f"{slots[before].text} was spawned before {slot.text}; spawn by order of names")
                if (
                    (slot.reference.node in model.reliable) != (first.reference.node in model.reliable)
                    or model.fires_of(slot.reference.node) != model.fires_of(first.reference.node)
                ):
                    raise self._refused(f"{first.text} and {slot.text} have other faults or timers")

    def _refused(self, why: str) -> ModelError:
        return ModelError(f"{self._name}: symmetry: {why}")

    def closed(self, initial: Sequence[tuple[int, ...]]) -> None:
        """The images of initial states are initial ones.

        Raises:
            ModelError: they are not.
        """
        assert self._world.engine is not None
        reached = set(initial)
        for state in initial:
            for permutation in range(self.twins.count):
                if self.twins.image_of(self._world.engine, state, permutation) not in reached:
                    raise self._refused(f"a run does not begin alike for {self._who(permutation)}")
        for one, other in self._world.cut:
            for permutation in range(self.twins.count):
                if tuple(self._renamings[permutation].value(node) for node in (one, other)) not in self._world.cut:
                    raise self._refused(f"a link is cut, and not alike for {self._who(permutation)}")

    def _who(self, permutation: int) -> str:
        moved = self._places[permutation]
        return " and ".join(slot.text for place, slot in enumerate(self._world.slots) if place != moved[place])

    # --- numbers -----------------------------------------------------------------------------------------------------

    def twin_local(self, permutation: int, number: int) -> int:
        """The number of a local state's image."""
        world = self._world
        slot, local = world.local_slot(number), world.locals[number]
        try:
            return world.local_number(self._places[permutation][slot], self._local(permutation, local))
        except ModelError as error:
            raise self._refused(f"{world.slots[slot].text}: {error}") from error

    def _local(self, permutation: int, local: Local) -> Local:
        rename = self._renamings[permutation].value
        timers = (self._world.timers[timer] for timer in local.timers)
        pending = tuple(
            self._in_order(Batch(
                rename(batch.operations), tuple(self.twin_event(permutation, event) for event in batch.sends),
                tuple(self._follow(permutation, *follow) for follow in batch.follows),
            ))
            for batch in local.pending
        )
        return local._replace(
            fields=rename(local.fields),
            timers=tuple(sorted(self._world.timer_number(rename(key), rename(message)) for key, message in timers)),
            stream=rename(local.stream), asks=rename(local.asks), watches=rename(local.watches), pending=pending,
        )

    def _in_order(self, batch: Batch) -> Batch:
        """What waits for the disk, by receiver: in which order it leaves for different ones, nobody can tell, except a
        history that records it."""
        if sum(self._recorded(event) for event in batch.sends) > 1:
            return batch
        return batch._replace(
            sends=tuple(sorted(batch.sends, key=self._receiver)), follows=tuple(sorted(batch.follows, key=_place)),
        )

    def _receiver(self, event: int) -> int:
        return self._world.events[event].slot

    def _recorded(self, event: int) -> bool:
        history = self._world.history
        return history is not None and history.sent(self._world.events[event].payload) is not None

    def twin_event(self, permutation: int, number: int) -> int:
        """The number of an event's image."""
        world = self._world
        slot, happening, payload = world.events[number]
        if slot < 0:
            return number
        renaming = self._renamings[permutation]
        place = self._places[permutation][slot]
        if happening is Happening.DELIVER:
            return self._message(permutation, payload)
        if happening is Happening.TIMER:
            key, message = world.timers[payload]
            payload = world.timer_number(renaming.value(key), renaming.value(message))
        elif happening in (Happening.GONE, Happening.PROBE):
            payload = tuple(map(renaming.value, payload))
        return world.event_number(Event(place, happening, payload))

    def _message(self, permutation: int, envelope: Envelope) -> int:
        world = self._world
        renamed = self._renamings[permutation].value(envelope)
        found = world.send_event(renamed)
        if found is None:
            raise self._refused(f"{envelope.text()} has somebody to go to, and not so for {self._who(permutation)}")
        if world.history is not None:
            for record in (world.history.sent, world.history.received):
                if self._renamings[permutation].value(record(envelope)) != record(renamed):
                    raise self._refused(f"the history takes {envelope.text()} and {renamed.text()} for other things")
            if envelope.source is None and world.history.sent(envelope) is not None:
                raise self._refused(f"the history records {envelope.text()}, which nobody sends")
        return found

    def twin_history(self, permutation: int, number: int) -> int:
        """The number of a history's image."""
        world = self._world
        if world.history is None:
            return number
        try:
            return world.history_number(self._renamings[permutation].value(world.histories[number]))
        except ModelError as error:
            raise self._refused(f"the history: {error}") from error

    def _operation(self, permutation: int, operation: int) -> int:
        world = self._world
        return -1 if operation < 0 else world.operation_number(self._renamings[permutation].value(
            world.operations[operation]
        ))

    def _follow(self, permutation: int, slot: int, event: int) -> tuple[int, int]:
        return self._places[permutation][slot], self.twin_event(permutation, event)

    # --- what the engine asks ----------------------------------------------------------------------------------------

    def step(self, local_number: int, event_number: int) -> list[Outcome]:
        """As the world's, which must be the same for every image.

        Raises:
            ModelError: symmetric actors do not do alike.
        """
        outcomes = self._step(local_number, event_number)
        done = {(local_number, event_number): outcomes}
        for permutation in range(self.twins.count):
            pair = self.twin_local(permutation, local_number), self.twin_event(permutation, event_number)
            if pair not in done:
                done[pair] = self._step(*pair)
            wanted = sorted(self._seen(self._outcome(permutation, outcome)) for outcome in outcomes)
            if sorted(map(self._seen, done[pair])) != wanted:
                raise self._unlike(permutation, (local_number, event_number), pair, outcomes, done[pair])
        return outcomes

    def _step(self, local_number: int, event_number: int) -> list[Outcome]:
        world = self._world
        found = []
        for number, sends, follows, flags, note in world.step(local_number, event_number):
            local = world.locals[number]
            settled = local._replace(pending=tuple(map(self._in_order, local.pending)))
            found.append((world.local_number(world.local_slot(number), settled), sends, follows, flags, note))
        return found

    def _outcome(self, permutation: int, outcome: Outcome) -> Outcome:
        local, sends, follows, flags, note = outcome
        return (
            self.twin_local(permutation, local), tuple(self.twin_event(permutation, event) for event in sends),
            tuple(self._follow(permutation, *follow) for follow in follows), flags, self._operation(permutation, note),
        )

    def _seen(self, outcome: Outcome) -> tuple[Any, ...]:
        """What can be told of an outcome: messages in order only where they overtake neither each other nor, in the
        history, their sending."""
        local, sends, follows, flags, note = outcome
        events = self._world.events
        ways: dict[tuple[int, str], list[int]] = {}
        recorded = []
        for event in sends:
            envelope = events[event].payload
            lane = getattr(envelope.message, "lane", Lane.DATA)
            ways.setdefault((events[event].slot, lane.name), []).append(event)
            if self._recorded(event):
                recorded.append(event)
        for (slot, _), its in ways.items():
            source = events[its[0]].payload.source
            own = source is None or source.node == self._world.slots[slot].reference.node
            if not own and self._world.network is not Network.ORDERED:
                its.sort()
        return (
            local, tuple(sorted((way, tuple(its)) for way, its in ways.items())), tuple(recorded),
            tuple(sorted(follows, key=_place)), flags, note,
        )

    def _unlike(
        self, permutation: int, met: tuple[int, int], twin: tuple[int, int], outcomes: list[Outcome],
        found: list[Outcome],
    ) -> ModelError:
        slots, events = self._world.slots, self._world.events
        one, other = slots[events[met[1]].slot].text, slots[events[twin[1]].slot].text
        who = self._who(permutation)
        what = f"{one} tells them apart" if one == other else f"{one} and {other} do not do alike"
        return self._refused(
            f"{what} when {who} change places: {one} meets {self._text(met[1])} and comes to {self._shown(outcomes)}; "
            f"{other} meets {self._text(twin[1])} and comes to {self._shown(found)}"
        )

    def _shown(self, outcomes: list[Outcome]) -> str:
        if not outcomes:
            return "nothing"
        local, sends = outcomes[0][:2]
        said = [f"{self._world.slots[self._receiver(event)].text}: {self._text(event)}" for event in sends]
        text = f"{value_text(self._world.locals[local].fields)}, sending {', '.join(said) or 'nothing'}"
        return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."

    def _text(self, event: int) -> str:
        _, happening, payload = self._world.events[event]
        return payload.text() if isinstance(payload, Envelope) else happening.value

    def record(self, history: int, operation: int) -> int:
        """As the world's, which must be the same for every image.

        Raises:
            ModelError: the history tells symmetric actors apart.
        """
        world = self._world
        after = world.record(history, operation)
        for permutation in range(self.twins.count):
            found = world.record(self.twin_history(permutation, history), self._operation(permutation, operation))
            if found != self.twin_history(permutation, after):
                said = world.operations[operation]
                raise self._refused(f"the history takes {said!r} otherwise for {self._who(permutation)}")
        return after


def _place(follow: tuple[int, int]) -> int:
    return follow[0]


def _address(slot: Any) -> tuple[str, str]:
    return slot.reference.node, slot.reference.name
