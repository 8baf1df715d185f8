"""How long messages and handlers take: the system models of time, as plain settings, and the delays drawn from them.

Synchronous: lock-step rounds, or a known bound. Asynchronous: an adversary decides, within a limit far beyond every
time-out. Partially synchronous (Dwork, Lynch and Stockmeyer 1988): asynchronous until an unknown moment, then bounded.
Knows no actor, node or link: a link is whatever is hashable.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

import msgspec

from actors.simulation.tape import STEPS, Stream, Tape

NANOSECONDS = 1_000_000_000


class Scheduler(msgspec.Struct, frozen=True, tag_field="kind"):
    """Base of the adversaries that order messages in an asynchronous network."""


class RandomDelays(Scheduler, frozen=True, tag="random"):
    """Most messages are quick, some take up to the limit: the doubling of the shortest delay is drawn per message."""


class OldestDelayed(Scheduler, frozen=True, tag="oldest-delayed"):
    """At any time one link is held back to the limit while the others are quick; then another one is.

    Attributes:
        hold_seconds: how long one link is the victim.
    """

    hold_seconds: float = 0.5


class PriorityBased(Scheduler, frozen=True, tag="priority"):
    """Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010), in virtual time.

    Links have drawn priorities, and a lower one waits longer; at ``depth - 1`` drawn messages the link in use becomes
    the lowest of all.

    Attributes:
        depth: how many ordering constraints the sought bug has.
        messages: among how many messages the change points are drawn.
    """

    depth: int = 3
    messages: int = 10_000


class LockStep(msgspec.Struct, frozen=True, tag_field="model", tag="lock-step"):
    """Synchronous rounds: what is sent in a round is delivered at the beginning of the next, and handlers take no time.

    Attributes:
        round_seconds: length of a round.
    """

    round_seconds: float = 0.01


class BoundedDelay(msgspec.Struct, frozen=True, tag_field="model", tag="bounded"):
    """Synchronous with a known bound: every message arrives within ``high_seconds``.

    Attributes:
        low_seconds, high_seconds: between these a message's delay is drawn.
        handler_seconds: what a node spends on each message.
    """

    low_seconds: float = 0.0002
    high_seconds: float = 0.002
    handler_seconds: float = 0.000_01


class Asynchronous(msgspec.Struct, frozen=True, tag_field="model", tag="asynchronous"):
    """No bound that an actor could rely on: an adversary orders messages, actors and timers.

    Attributes:
        scheduler: the adversary.
        low_seconds: the shortest delay.
        limit_seconds: the longest one; far above the time-outs of what is tested, and finite, so that every message to
            a living node arrives.
        handler_seconds: what a node spends on each message.
    """

    scheduler: RandomDelays | OldestDelayed | PriorityBased = RandomDelays()
    low_seconds: float = 0.0002
    limit_seconds: float = 2.0
    handler_seconds: float = 0.000_01


class PartiallySynchronous(msgspec.Struct, frozen=True, tag_field="model", tag="partially-synchronous"):
    """Asynchronous until a moment that no actor knows, bounded from then on.

    Attributes:
        before: until then.
        after: from then on.
        stable_seconds: between these the moment is drawn.
    """

    before: Asynchronous = Asynchronous()
    after: BoundedDelay = BoundedDelay()
    stable_seconds: tuple[float, float] = (5.0, 20.0)


TimeModel = LockStep | BoundedDelay | Asynchronous | PartiallySynchronous


class Delays(Protocol):
    """The delays of one run.

    Attributes:
        handler_ns: what a node spends on each message.
        adversarial: each message travels for itself, and which actor of a node runs next is drawn.
        stable_ns: when that ends; None: it stays as it is.
        bounded: (low, step): a delay is low and a drawn number of steps, whatever the link; None: ask for each.
    """

    handler_ns: int
    adversarial: bool
    stable_ns: int | None
    bounded: tuple[int, int] | None

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        """How long what leaves now is under way on this link."""


def begin(model: TimeModel, tape: Tape) -> Delays:
    """The delays of a run under a time model; the draws are those of the stream ``network``."""
    stream = tape.stream("network")
    match model:
        case LockStep():
            return _Rounds(model)
        case BoundedDelay():
            return _Bounded(model, stream)
        case Asynchronous():
            return _asynchronous(model, stream)
        case PartiallySynchronous():
            return _Stabilising(model, stream)


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _asynchronous(model: Asynchronous, stream: Stream) -> _Adversary:
    match model.scheduler:
        case RandomDelays():
            return _Random(model, stream)
        case OldestDelayed():
            return _OldestDelayed(model, stream)
        case PriorityBased():
            return _Priorities(model, stream)


class _Rounds:
    adversarial = False
    stable_ns: int | None = None
    bounded: tuple[int, int] | None = None
    handler_ns = 0

    def __init__(self, model: LockStep) -> None:
        self._round_ns = max(1, _ns(model.round_seconds))

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        return self._round_ns - now_ns % self._round_ns


class _Bounded:
    adversarial = False
    stable_ns: int | None = None

    def __init__(self, model: BoundedDelay, stream: Stream) -> None:
        self.handler_ns = _ns(model.handler_seconds)
        self._low = _ns(model.low_seconds)
        self._step = (_ns(model.high_seconds) - self._low) // STEPS
        self.bounded: tuple[int, int] | None = (self._low, self._step)
        self._below = stream.below

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        return self._low + self._below(STEPS) * self._step


class _Adversary:
    adversarial = True
    stable_ns: int | None = None
    bounded: tuple[int, int] | None = None

    def __init__(self, model: Asynchronous, stream: Stream) -> None:
        self.handler_ns = _ns(model.handler_seconds)
        self._low = max(1, _ns(model.low_seconds))
        self._limit = _ns(model.limit_seconds)
        self._doublings = max(1, (self._limit // self._low).bit_length() - 1)
        self._stream = stream

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        raise NotImplementedError


class _Random(_Adversary):
    """Delay = shortest * 2^k, where k is small most of the time."""

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        below = self._stream.below
        doublings = below(3)
        if doublings == 2:  # one message in three is slow, and any slowness up to the limit is as likely
            doublings = 2 + below(self._doublings)
        base = self._low << doublings
        return int(min(self._limit, base + base * below(STEPS) // STEPS))


class _OldestDelayed(_Adversary):
    def __init__(self, model: Asynchronous, stream: Stream) -> None:
        super().__init__(model, stream)
        assert isinstance(model.scheduler, OldestDelayed)
        self._hold = _ns(model.scheduler.hold_seconds)
        self._links: dict[Hashable, None] = {}
        self._victim: Hashable = None
        self._until = 0

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        self._links.setdefault(link)
        if now_ns >= self._until:
            self._victim = self._stream.choice([None, *self._links])
            self._until = now_ns + self._hold
        if link == self._victim:
            return int(min(self._limit, self._until - now_ns + self._low))
        return self._low + self._low * self._stream.below(STEPS) // STEPS


class _Priorities(_Adversary):
    def __init__(self, model: Asynchronous, stream: Stream) -> None:
        super().__init__(model, stream)
        assert isinstance(model.scheduler, PriorityBased)
        plan = model.scheduler
        self._ranks: dict[Hashable, int] = {}
        self._lowest = 0
        self._changes = {stream.below(plan.messages) for _ in range(plan.depth - 1)} - {0}
        self._messages = 0

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        self._messages += 1
        rank = self._ranks.get(link)
        if rank is None:
            rank = self._ranks[link] = self._stream.below(self._doublings)
        if self._messages in self._changes:
            self._lowest += 1
            rank = self._ranks[link] = self._doublings + self._lowest
        return int(min(self._limit, self._low << min(rank, self._doublings)))


class _Stabilising:
    adversarial = True
    bounded: tuple[int, int] | None = None

    def __init__(self, model: PartiallySynchronous, stream: Stream) -> None:
        self._before: Delays = _asynchronous(model.before, stream)
        self._after: Delays = _Bounded(model.after, stream)
        self.stable_ns: int | None = _ns(stream.uniform(*model.stable_seconds))
        self._bound = _ns(model.after.high_seconds)
        self.handler_ns = self._before.handler_ns

    def delay_ns(self, link: Hashable, now_ns: int) -> int:
        assert self.stable_ns is not None
        if now_ns >= self.stable_ns:
            return self._after.delay_ns(link, now_ns)
        latest = self.stable_ns - now_ns + self._bound  # what is under way at that moment is bound from then on
        return min(self._before.delay_ns(link, now_ns), latest)
