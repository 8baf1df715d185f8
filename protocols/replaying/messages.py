"""What a replay puts on the wire: the content of every message of the model, as its codec writes it. Knows no world."""

from __future__ import annotations

import enum
from typing import Any

from actors.message import Message, Request, answer_type, check_fields, message_type
from actors.verification.actor_network import Envelope, Parcel
from core_ext.codec import MessageCodec
from core_ext.mailbox import Reference

_codec = MessageCodec(message_type, check_fields)

# posts that are no parcels
PROBE = "probe"  # is the actor there that was asked?
WATCH, UNWATCH = "watch", "unwatch"


class Post(Message, wire="replaying.post"):
    """From a player to the office: this leaves the actor now.

    Attributes:
        source, target: with the incarnations that the checked world counts; no source: the world says it.
        parcel: a ``Parcel``, ``PROBE``, ``WATCH`` or ``UNWATCH``.
        number: of the request.
        tag: wire id of the message; of an answer, that of its request.
        body: the content, encoded.
    """

    source: Reference | None
    target: Reference
    parcel: str
    number: int
    tag: int
    body: bytes


class Does(enum.StrEnum):
    """What a player can be told."""

    TAKE = "take"  # a parcel
    FIRE = "fire"  # a timer
    EXPIRE = "expire"  # a request is not waited for any longer
    NOTHING = "nothing"  # say that everything so far is done


class Cue(Request[bool], wire="replaying.cue"):
    """To a player: do this now. Answered when it is done and everything that may leave at once has left.

    Attributes:
        does: what.
        source, parcel, number, tag, body: as in ``Post``; a timer is its message.
    """

    does: Does
    source: Reference | None = None
    parcel: str = ""
    number: int = 0
    tag: int = 0
    body: bytes = b""


def packed(parcel: Parcel, content: Any, request: type[Request[Any]] | None) -> tuple[int, bytes]:
    """What travels of a parcel: tag and body.

    Args:
        parcel: its kind.
        content: a message, the value of an answer, or the reason of a failure.
        request: what an answer answers.

    Raises:
        CodecError: it cannot travel.
    """
    if parcel is Parcel.MESSAGE:
        return content.wire_id, _codec.encode(content)
    if parcel is Parcel.ANSWER:
        return 0 if request is None else request.wire_id, _codec.encode_value(content)
    return 0, b"" if content is None else str(content).encode()


def unpacked(parcel: Parcel, tag: int, body: bytes) -> Any:
    """The content that came; the inverse of ``packed``."""
    if parcel is Parcel.MESSAGE:
        return _codec.decode(tag, body)
    if parcel is Parcel.ANSWER:
        request: Any = message_type(tag)
        return _codec.decode_as(Any if request is None else answer_type(request), body)
    return body.decode() if parcel is Parcel.FAILURE else None


def envelope_of(post: Post) -> Envelope:
    """A post as the checked world would show it."""
    parcel = Parcel(post.parcel)
    return Envelope(post.source, post.target, parcel, unpacked(parcel, post.tag, post.body), post.number)
