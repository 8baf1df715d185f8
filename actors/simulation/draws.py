"""Swarm testing: which faults exist in a run, and how strong they are, is drawn per run (Groce and others, "Swarm
testing", ISSTA 2012: a run without some faults finds what a run with all of them hides).

Every choice is of the stream ``swarm``, where 0 is the benign one, so that shrinking takes whole kinds of faults away.
Knows settings, and no node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from actors.simulation.faults import ALL_SHAPES, DiskFaults, Faults, LinkFaults, Shape
from actors.simulation.tape import Stream
from actors.simulation.time_models import (
    Asynchronous,
    BoundedDelay,
    OldestDelayed,
    PartiallySynchronous,
    PriorityBased,
    RandomDelays,
    TimeModel,
)

T = TypeVar("T")

ADVERSARIES: tuple[RandomDelays | OldestDelayed | PriorityBased, ...] = (
    RandomDelays(), OldestDelayed(), PriorityBased(),
)


class Menu(msgspec.Struct, frozen=True, kw_only=True):
    """Which kinds of faults what is tested must bear; True allows a kind, the run's draws decide.

    Attributes:
        budget: the bound f of the fault model: so many nodes may be faulty at once; None: any number, one after another
            as well as together. A disk that corrupts always counts against a minority.
        crash, pause, omission, partition, links, slow, clock, disk_time, disk_full, corruption: the kinds.
        duplicate, reorder: of ``links``: what no transport does that gives each message at most once and in order.
    """

    budget: int | None = None
    crash: bool = True
    pause: bool = True
    omission: bool = True
    partition: bool = True
    links: bool = True
    duplicate: bool = True
    reorder: bool = True
    slow: bool = True
    clock: bool = True
    disk_time: bool = True
    disk_full: bool = True
    corruption: bool = True


NOTHING = Menu(
    crash=False, pause=False, omission=False, partition=False, links=False, slow=False, clock=False,
    disk_time=False, disk_full=False, corruption=False,
)


def some(stream: Stream, probability: float, strengths: Sequence[T], none: T) -> T:
    """Absent, which is benign, or one of the strengths."""
    return stream.choice(strengths) if stream.chance(probability) else none


def draw_faults(stream: Stream, menu: Menu, minority: int) -> Faults:
    """The faults of a run.

    Args:
        stream: the run's ``swarm``.
        menu: what may be among them.
        minority: how many nodes are less than half: corrupting disks are limited to them.
    """
    corrupting = menu.corruption and minority > 0 and stream.chance(0.25)
    budget = menu.budget
    if corrupting:
        budget = minority if budget is None else min(budget, minority)
    links = LinkFaults(
        loss=some(stream, 0.5 * menu.links, (0.01, 0.05, 0.2), 0.0),
        duplicate=some(stream, 0.35 * (menu.links and menu.duplicate), (0.02, 0.1), 0.0),
        reorder=some(stream, 0.4 * (menu.links and menu.reorder), (0.1, 0.5), 0.0),
        late=some(stream, 0.3 * menu.links, (0.01, 0.05), 0.0),
    )
    disks = DiskFaults(
        sync_seconds=some(stream, 0.3 * menu.disk_time, ((0.005, 0.05), (0.0001, 0.2)), (0.0005, 0.003)),
        slow=some(stream, 0.3 * menu.disk_time, (0.1, 0.4), 0.0),
        keep_unsynced=some(stream, 0.3, (0.0, 1.0), 0.5),
        failed_sync=some(stream, 0.2 * menu.disk_full, (0.05, 0.2), 0.0),
        full=some(stream, 0.2 * menu.disk_full, (0.05, 0.2), 0.0),
        bit_flip=some(stream, 0.7 * corrupting, (0.1, 0.5), 0.0),
        misdirected=some(stream, 0.5, (0.1, 0.5), 0.0) if corrupting else 0.0,
        lost_write=some(stream, 0.5, (0.1, 0.5), 0.0) if corrupting else 0.0,
    )
    return Faults(
        budget=budget,
        crash=some(stream, 0.65 * menu.crash, (0.2, 1.0, 4.0), 0.0),
        down_seconds=stream.choice(((0.02, 0.5), (0.05, 3.0))),
        pause=some(stream, 0.3 * menu.pause, (0.1, 0.5), 0.0),
        omit_send=some(stream, 0.2 * menu.omission, (0.1, 0.4), 0.0),
        omit_receive=some(stream, 0.2 * menu.omission, (0.1, 0.4), 0.0),
        partition=some(stream, 0.6 * menu.partition, (0.2, 1.0, 3.0), 0.0),
        partition_seconds=stream.choice(((0.1, 1.0), (0.2, 4.0))),
        shapes=_shapes(stream),
        clog=some(stream, 0.25 * menu.slow, (0.1, 0.5), 0.0),
        slow_link=some(stream, 0.25 * menu.slow, (0.1, 0.5), 0.0),
        clock_step=some(stream, 0.2 * menu.clock, (0.05, 0.3), 0.0),
        clock_drift=some(stream, 0.2 * menu.clock, (0.001, 0.05), 0.0),
        links=links,
        disks=disks,
        buggify=some(stream, 0.5, (0.1, 0.5), 0.0),
    )


def _shapes(stream: Stream) -> tuple[Shape, ...]:
    """All shapes of partitions, or one of them again and again."""
    return some(stream, 0.4, tuple((shape,) for shape in ALL_SHAPES), ALL_SHAPES)


def draw_time_model(stream: Stream, stable_by_seconds: float) -> TimeModel:
    """A network that is timely, slow or in the hands of an adversary; an adversary lets go in time.

    Args:
        stream: the run's ``swarm``.
        stable_by_seconds: from then on every model is bounded, so that liveness can be asked for.
    """
    if stream.chance(0.35):
        adversary = stream.choice(ADVERSARIES)
        before = Asynchronous(scheduler=adversary, limit_seconds=stream.choice((0.1, 0.5, 2.0)))
        return PartiallySynchronous(before=before, stable_seconds=(stable_by_seconds * 0.5, stable_by_seconds))
    return stream.choice((BoundedDelay(), BoundedDelay(low_seconds=0.001, high_seconds=0.02)))
