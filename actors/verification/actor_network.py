"""What travels between actors in the checked world, and how. Knows no actor and no search."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from actors.message import Message
from core_ext.mailbox import Reference


class Network(enum.Enum):
    """How messages between nodes travel. Between actors of one node they always arrive once, and in order."""

    ORDERED = "ordered"  # first in, first out per (sender, receiver, lane): what the runtime guarantees
    UNORDERED = "unordered"  # in any order, each one once
    DUPLICATING = "duplicating"  # in any order, each one any number of times


class Parcel(enum.Enum):
    """What an envelope carries."""

    MESSAGE = "message"
    ANSWER = "answer"  # to a request; ``message`` is the value
    FAILURE = "failure"  # to a request; ``message`` is the reason
    STOP = "stop"


class Envelope(NamedTuple):
    """One message on its way.

    Attributes:
        source: who sent it; None when it came from the world.
        target: whom it is for; incarnation 0 means whoever has the name then.
        parcel: what it carries.
        message: the message, or an answer's value.
        number: of the request, for requests and answers; 0 otherwise.
    """

    source: Reference | None
    target: Reference
    parcel: Parcel
    message: Message | Any
    number: int = 0

    def text(self) -> str:
        """The message as people read it."""
        if self.parcel is Parcel.MESSAGE:
            return repr(self.message)
        if self.parcel is Parcel.ANSWER:
            return f"answer {self.message!r}"
        if self.parcel is Parcel.FAILURE:
            return f"failure: {self.message}"
        return "stop"
