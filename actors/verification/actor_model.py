"""A model made of real actors: who there is, how messages travel, what may fail. Knows no search.

``ActorModel`` is checked by the same ``check`` and ``actorum verify`` as a plain ``Model``, with the same ``Result``.
"""

from __future__ import annotations

import enum
import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from actors.actor import Actor
from actors.message import Message
from actors.verification.actor_events import Slot
from actors.verification.actor_history import History
from actors.verification.actor_network import Network
from actors.verification.actor_search import explore
from actors.verification.actor_view import View
from actors.verification.actor_walks import walk
from actors.verification.errors import ModelError
from actors.verification.properties import Property
from actors.verification.result import Options, ProgressCallback, Result, Strategy
from core_ext.mailbox import Reference


class Fairness(enum.Enum):
    """Which infinite runs count for ``eventually`` and ``leads_to``.

    What is never owed: faults (crashes, losses). What is: deliveries, timers, disk syncs, and recoveries.
    """

    NONE = "none"  # every run, also one in which the scheduler forgets a message for ever
    WEAK = "weak"  # what stays possible without a break is done at last
    STRONG = "strong"  # what becomes possible again and again is done again and again: not everything is lost


class ActorModel(ABC):
    """The actors of a system, in a world where every interleaving is tried.

    Derive a class from it: its constructor spawns the actors, ``properties`` says what is claimed.

    Args:
        network: how messages between nodes travel.
        lossy: they may be lost, too.
        drops: at most so many in one run; None = any number. Needs ``lossy``.
        crashes: how many crashes of nodes one run may have.
        down: how many nodes may be down at once; None = ``crashes``.
        recover: whether nodes that crashed may come back.
        sync_at_once: journalled records are on disk when the handler returns. Otherwise the disk syncs later, as an
            action of its own, and a crash loses what was not synced. None: at once when nothing can crash, since then
            nobody can tell.
        timers: how often the timers of one actor may fire in one run (a firing that changes nothing is free), the same
            for all or by node, 0 for nodes that are not named; None = any number. A bound: what was not explored is
            said.
        history: what is recorded of clients; see ``ClientHistory``.
        max_children: places for spawned actors.
        ask_timeouts: whether requests may time out; None: when messages can be lost or nodes crash.
        fairness: see there.
        capacity: messages that each channel between nodes holds, further ones are lost; None = any number.
        rounds: lock-step: when no message is in flight, and only then, every timer that is set fires, all together.
        cut: pairs of nodes between which every message is lost, in both directions: a partition that does not heal.
        symmetric: groups of names of interchangeable actors, for the option ``symmetry``: properties must not tell
            them apart. That the actors do not is checked.
    """

    _arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> ActorModel:
        made = super().__new__(cls)
        bound = inspect.signature(cls).bind(*args, **kwargs)
        bound.apply_defaults()
        made._arguments = dict(bound.arguments)
        return made

    def __init__(
        self, *, network: Network = Network.ORDERED, lossy: bool = False, drops: int | None = None, crashes: int = 0,
        down: int | None = None, recover: bool = True, sync_at_once: bool | None = None,
        timers: int | Mapping[str, int] | None = None,
        history: History[Any] | None = None, max_children: int = 0, ask_timeouts: bool | None = None,
        fairness: Fairness = Fairness.WEAK, capacity: int | None = None, rounds: bool = False,
        cut: Collection[tuple[str, str]] = (), symmetric: Sequence[Sequence[str]] = (),
    ) -> None:
        if lossy and network is Network.ORDERED and drops is not None and drops < 0:
            raise ModelError(f"ActorModel: drops is {drops}; give a count, or None for any number")
        if rounds and timers is not None:
            raise ModelError(
                f"{type(self).__name__}: timers fire together at the end of a round; bound the rounds by a boundary"
            )
        if drops is not None and not lossy:
            raise ModelError("ActorModel: drops without lossy=True; such a network has no losses to count")
        counts = timers.values() if isinstance(timers, Mapping) else (0 if timers is None else timers,)
        if crashes < 0 or (down is not None and down < 0) or any(count < 0 for count in counts):
            raise ModelError(f"ActorModel: crashes {crashes}, down {down}, timers {timers}: give counts from 0 on")
        self.network = network
        self.lossy = lossy
        self.drops = drops
        self.crashes = crashes
        self.down = crashes if down is None else down
        self.recover = recover
        self.sync_at_once = crashes == 0 if sync_at_once is None else sync_at_once
        self.timers = timers
        self.history = history
        self.max_children = max_children
        self.ask_timeouts = (lossy or crashes > 0) if ask_timeouts is None else ask_timeouts
        self.fairness = fairness
        self.capacity = capacity
        self.rounds = rounds
        self.cut = frozenset(link for one, other in cut for link in ((one, other), (other, one)))
        self.symmetric = [tuple(group) for group in symmetric]
        self.actors: list[Slot] = []
        self.reliable: set[str] = set()

    def spawn(
        self, actor_class: type[Actor], *args: Any, name: str, node: str | None = None, may_crash: bool = True,
        journal: Sequence[Message] = (),
    ) -> Reference:
        """Add an actor; actors start in the order in which they are added.

        Args:
            actor_class, args: as for ``ActorSystem.spawn``; called again after a crash.
            name: unique on its node.
            node: where it lives; what crashes is a node. By default a node of its own, with the actor's name.
            may_crash: False keeps its node up.
            journal: records that it recovers from when it first starts, so that a model can begin in the middle.

        Returns:
            A reference to whoever has the name, for other actors' arguments.

        Raises:
            ModelError: the name is taken, or the actor has no journal.
        """
        reference = Reference(name if node is None else node, name)
        if journal and not actor_class.is_durable:
            raise ModelError(f"{type(self).__name__}: {reference} has no recover(), so it cannot start from a journal")
        if any(reference == other.reference for other in self.actors):
            raise ModelError(f"{type(self).__name__}: there are two actors {reference}; give each a name of its own")
        self.actors.append(Slot(reference, actor_class, args, tuple(journal)))
        if not may_crash:
            self.reliable.add(reference.node)
        return reference

    @abstractmethod
    def properties(self) -> Sequence[Property]:
        """What is claimed; predicates get a ``View``."""

    def boundary(self, state: View) -> bool:
        """Whether the state is explored; others count for nothing, and what holds then holds within the boundary."""
        return True

    def fires_of(self, node: str) -> int | None:
        """How often the timers of an actor of this node may fire; None = any number."""
        return self.timers.get(node, 0) if isinstance(self.timers, Mapping) else self.timers

    @property
    def bounded(self) -> bool:
        """Whether the model has a boundary."""
        return type(self).boundary is not ActorModel.boundary

    def describe(self) -> str:
        """The model's name with the constructor's arguments, the defaults too."""
        known = [f"{name}={value!r}" for name, value in self._arguments.items()]
        return f"{type(self).__name__}({', '.join(known)})"

    def check_with(self, options: Options, progress: ProgressCallback | None = None) -> Result:
        """Explore every interleaving, or walk at random, and say what is known about every property.

        Raises:
            ModelError: an actor cannot be checked: names the actor, and the field, message or call.
        """
        return (walk if options.strategy is Strategy.RANDOM else explore)(self, options, progress)
