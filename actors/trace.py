"""What happened in a run, as plain values: written by the simulated and the checked world, read by diagrams and replay.

One ``Event`` is one step that a reader can point at. Knows no world.
"""

from __future__ import annotations

import enum

import msgspec


class What(enum.StrEnum):
    """The kinds of steps."""

    START = "start"  # a node or actor came up (also after a crash)
    SEND = "send"  # a message left; its later DELIVER, DROP or DUPLICATE has the same number
    DELIVER = "deliver"
    DROP = "drop"
    DUPLICATE = "duplicate"
    TIMER = "timer"
    CHOICE = "choice"  # context.choose, with what was drawn
    SYNC = "sync"  # records of a journal became durable
    CRASH = "crash"
    PAUSE = "pause"
    RESUME = "resume"
    PARTITION = "partition"
    HEAL = "heal"
    FAULT = "fault"  # any other fault: a disk, a clock, a lie
    CLIENT = "client"  # a client's invocation or completion
    FAILURE = "failure"  # a handler raised
    VIOLATION = "violation"  # a property does not hold from here on


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step.

    Attributes:
        what: its kind.
        at_seconds: virtual time; 0 where the world has none.
        node, actor: where it happened; for SEND and DROP the sender's, for DELIVER and DUPLICATE the receiver's. Empty
            for what concerns the whole world.
        text: for people: the message, the timer, the fault, the violated property.
        number: joins a SEND with what became of it; 0 for other kinds.
        peer_node, peer_actor: the other end of a message.
    """

    what: What
    at_seconds: float = 0.0
    node: str = ""
    actor: str = ""
    text: str = ""
    number: int = 0
    peer_node: str = ""
    peer_actor: str = ""
