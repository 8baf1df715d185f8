"""What may go wrong in a run, and how often: plain settings that travel in a replay file. Knows no node.

All rates are per second of virtual time and chances per message; 0 is never. What is drawn from them, the nemesis does
(``nemesis``); what one fault means, the part that it strikes says.
"""

from __future__ import annotations

import enum

import msgspec

Range = tuple[float, float]


class Shape(enum.StrEnum):
    """How a partition divides the nodes."""

    HALVES = "halves"  # two sides as equal as can be
    UNIFORM = "uniform"  # each node on a drawn side
    ISOLATE = "isolate"  # one node alone
    BRIDGE = "bridge"  # two sides, and one node that hears both
    RING = "ring"  # each node hears its two neighbours only
    ONE_WAY = "one-way"  # one node is heard by nobody, and hears everybody; or the other way round


ALL_SHAPES = tuple(Shape)


class LinkFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network does to single messages between nodes; the default is a network as the real transport gives.

    Attributes:
        loss: chance that a message is lost.
        duplicate: chance that a message arrives twice.
        reorder: chance that a message does not keep its place in its lane.
        late: chance that a message is late.
        late_seconds: by so much.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    late_seconds: Range = (0.05, 1.0)

    @property
    def any(self) -> bool:
        """Is there anything to draw per message?"""
        return self.loss > 0 or self.duplicate > 0 or self.reorder > 0 or self.late > 0


class DiskFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What disks do.

    Attributes:
        sync_seconds: how long a sync takes.
        slow: rate at which a disk becomes slow, for ``slow_lasts_seconds``, by the factor ``slow_factor``.
        keep_unsynced: chance, at a crash, that what was on its way to the disk is there, or partly there.
        failed_sync: rate at which a disk refuses its next sync; the node must stop and be started again.
        full: rate at which a disk is full for ``full_lasts_seconds``.
        bit_flip, misdirected, lost_write: rates at which one bit of what is on disk flips, one write goes to another
            place of its file, one write is acknowledged and does not happen. The write that is lost is never the last
            one that a life of the node leaves: no log can notice that (docs/log.md). Only as many disks as the budget
            allows are ever hit.
    """

    sync_seconds: Range = (0.0005, 0.003)
    slow: float = 0.0
    slow_lasts_seconds: Range = (0.5, 3.0)
    slow_factor: float = 30.0
    keep_unsynced: float = 0.5
    failed_sync: float = 0.0
    full: float = 0.0
    full_lasts_seconds: Range = (0.5, 5.0)
    bit_flip: float = 0.0
    misdirected: float = 0.0
    lost_write: float = 0.0

    @property
    def damaging(self) -> bool:
        """Do disks damage what they hold, or not write what they say they wrote?"""
        return self.bit_flip > 0 or self.misdirected > 0 or self.lost_write > 0

    @property
    def of_the_log(self) -> tuple[str, ...]:
        """Those asked for that only the real log on a simulated disk can suffer, by name."""
        names = ("failed_sync", "full", "bit_flip", "misdirected", "lost_write")
        return tuple(name for name in names if getattr(self, name) > 0)


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may go wrong.

    Attributes:
        budget: the bound f: so many nodes may be faulty (down, paused, omitting, with another clock) at once; None: any
            number. Partitions and the links' faults are not counted, as they are nobody's.
        crash: rate of crashes over all nodes.
        down_seconds: a crashed node is started again after so long; None: never.
        pause, pause_seconds: rate and length of a process that stands still.
        omit_send, omit_receive: rates at which a node begins to lose what it sends or should receive, each message with
            ``omission``, for ``omit_seconds``.
        partition, partition_seconds, shapes: rate, length (the low end is a minimum) and shapes of partitions.
        clog, clog_seconds: rate and length of a link that holds back everything (it comes later).
        slow_link, slow_link_seconds, slow_link_factor: rate, length and factor of a link that takes longer.
        clock_step, clock_step_seconds: rate and size of steps of a node's clock, either way.
        clock_drift: every node's clock runs by a drawn share of at most this too fast or too slow.
        links: what happens to single messages.
        disks: what happens to disks.
        buggify: chance that a place of ``context.buggify`` is switched on in this run, and then that it says yes.
    """

    budget: int | None = None
    crash: float = 0.0
    down_seconds: Range | None = (0.05, 3.0)
    pause: float = 0.0
    pause_seconds: Range = (0.05, 3.0)
    omit_send: float = 0.0
    omit_receive: float = 0.0
    omission: float = 0.5
    omit_seconds: Range = (0.2, 3.0)
    partition: float = 0.0
    partition_seconds: Range = (0.2, 4.0)
    shapes: tuple[Shape, ...] = ALL_SHAPES
    clog: float = 0.0
    clog_seconds: Range = (0.05, 2.0)
    slow_link: float = 0.0
    slow_link_seconds: Range = (0.5, 4.0)
    slow_link_factor: float = 20.0
    clock_step: float = 0.0
    clock_step_seconds: Range = (0.01, 30.0)
    clock_drift: float = 0.0
    links: LinkFaults = LinkFaults()
    disks: DiskFaults = DiskFaults()
    buggify: float = 0.0


NONE = Faults()
