"""How two nodes introduce themselves, and what a link says about itself. Pure: bytes to values and back, and the rules
of admission; knows no socket, no loop and no actor.

A link message is one part: magic, wire version, kind, then a msgpack array. The first eight bytes, ``Hello`` and
``Refused`` keep their shape in every wire version (fields are only appended), so that two versions can still tell each
other why they do not talk.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Annotated

import msgspec

from actors.errors import WireError
from core_ext.codec import WIRE_VERSION

MAGIC = b"ALNK"
MAX_LINK_MESSAGE_BYTES = 4096
_PREFIX = struct.Struct("<4sHBB")
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Text = Annotated[str, msgspec.Meta(max_length=512)]
_Sentence = Annotated[str, msgspec.Meta(max_length=2048)]
_U64 = Annotated[int, msgspec.Meta(ge=0)]


class LinkMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of what a link says about itself."""


class Hello(LinkMessage, frozen=True, array_like=True, gc=False):
    """First on a link, from the node that dials.

    Attributes:
        node, incarnation: who dials.
        cluster_id: the cluster that it belongs to.
        folder_id: its data folder's id; empty when it has none.
        address: where it can be dialled.
        dial: grows with every dial of this incarnation: connections are read in no order, and a Hello that was left
            behind by a connection given up must not take the place of the newer one.
    """

    node: _Name
    incarnation: _U64
    cluster_id: _Text
    folder_id: _Text
    address: _Text
    dial: _U64 = 0


class Welcome(LinkMessage, frozen=True, array_like=True, gc=False):
    """The answer to Hello: the link is up.

    Attributes:
        node, incarnation, cluster_id, folder_id: who was reached.
        credit_bytes: data that may be under way to it.
        control_limit: control envelopes that may be under way to it.
        max_frame_bytes: the largest frame that it takes.
    """

    node: _Name
    incarnation: _U64
    cluster_id: _Text
    folder_id: _Text
    credit_bytes: _U64
    control_limit: _U64
    max_frame_bytes: _U64


class Refused(LinkMessage, frozen=True, array_like=True, gc=False):
    """The link is not accepted, or no longer; a sentence that says what to do."""

    reason: _Sentence


class Ping(LinkMessage, frozen=True, array_like=True, gc=False):
    """Are you there? Answered by Pong."""

    sequence: _U64


class Pong(LinkMessage, frozen=True, array_like=True, gc=False):
    """I am here, and this is what was taken in since the link came up (see ``flow``)."""

    sequence: _U64
    data_bytes: _U64
    data_count: _U64
    control_bytes: _U64
    control_count: _U64


class Stranger(LinkMessage, frozen=True, array_like=True, gc=False):
    """A frame came on a link that was never introduced, or was forgotten: say Hello again."""


class Bye(LinkMessage, frozen=True, array_like=True, gc=False):
    """The sender stops in order; nothing more comes from it."""

    reason: _Sentence


_KINDS: tuple[type[LinkMessage], ...] = (Hello, Welcome, Refused, Ping, Pong, Stranger, Bye)
_numbers = {kind: number for number, kind in enumerate(_KINDS, start=1)}
_decoders = {number: msgspec.msgpack.Decoder(kind) for kind, number in _numbers.items()}
_encoder = msgspec.msgpack.Encoder()
_EVERY_VERSION = (_numbers[Hello], _numbers[Refused])


class VersionMismatch(WireError):
    """A link message of another wire version that is not one of those that every version reads."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"it speaks wire version {version} and this node speaks {WIRE_VERSION}; "
            f"run the same release of actorum on both"
        )


def encode(message: LinkMessage, version: int = WIRE_VERSION) -> bytes:
    """One link message as the single part that carries it."""
    return _PREFIX.pack(MAGIC, version, _numbers[type(message)], 0) + _encoder.encode(message)


def is_link_message(part: bytes) -> bool:
    """Whether a part claims to be a link message (everything else is a frame of envelopes, or garbage)."""
    return part[:4] == MAGIC


def decode(part: bytes) -> tuple[LinkMessage, int]:
    """Read a link message.

    Returns:
        The message and the wire version of who sent it.

    Raises:
        VersionMismatch: it comes from another wire version, and is neither Hello nor Refused.
        WireError: the part is no link message.
    """
    if len(part) > MAX_LINK_MESSAGE_BYTES:
        raise WireError(f"a link message of {len(part)} bytes; at most {MAX_LINK_MESSAGE_BYTES} are accepted")
    if len(part) < _PREFIX.size or not is_link_message(part):
        raise WireError(f"no link message: {part[:16]!r}")
    _, version, number, _ = _PREFIX.unpack_from(part)
    if version != WIRE_VERSION and number not in _EVERY_VERSION:
        raise VersionMismatch(version)
    decoder = _decoders.get(number)
    if decoder is None:
        raise WireError(f"unknown link message {number}")
    try:
        return decoder.decode(memoryview(part)[_PREFIX.size :]), version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a damaged {_KINDS[number - 1].__name__}: {error}") from error


class Identity(msgspec.Struct, frozen=True):
    """Who this node is, as its links introduce it."""

    node: str
    incarnation: int
    cluster_id: str
    folder_id: str
    address: str

    def hello(self, dial: int) -> Hello:
        """What it says when it dials for the ``dial``-th time."""
        return Hello(self.node, self.incarnation, self.cluster_id, self.folder_id, self.address, dial)


def why_refused(
    us: Identity,
    them: Hello | Welcome,
    version: int,
    remembered_folder: str | None,
    configured: Collection[str],
    accept_unknown: bool,
) -> str | None:
    """The rules of admission, the same for who dials and for who is dialled.

    Args:
        us: this node.
        them: how the other one introduced itself.
        version: the wire version that it speaks.
        remembered_folder: the data folder that it was last accepted with; None when it never was, or has no claim to
            be remembered.
        configured: names of this node's peers.
        accept_unknown: whether others may introduce themselves.

    Returns:
        None when it is welcome, else a sentence for both sides that says what is wrong and what to do.
    """
    me = f"node {us.node!r} ({us.address})"
    if version != WIRE_VERSION:
        return (
            f"{me} speaks wire version {WIRE_VERSION}, node {them.node!r} speaks {version}; run the same release of "
            f"actorum on both"
        )
    if them.cluster_id != us.cluster_id:
        return (
            f"{me} belongs to cluster {us.cluster_id!r}, node {them.node!r} to cluster {them.cluster_id!r}; correct "
            f"the cluster id, or the address that leads to the other cluster"
        )
    if them.node == us.node:
        if them.incarnation == us.incarnation:
            return f"{me} was reached by itself; correct its table of peers, which gives its own address to a peer"
        return f"{me} has the same name as the node that dialled it; give one of them another name"
    if them.node not in configured and not accept_unknown:
        known = ", ".join(sorted(configured)) or "none"
        return f"{me} has no peer named {them.node!r} (its peers: {known}); add it to the settings, or correct its name"
    if remembered_folder is not None and remembered_folder != them.folder_id:
        now = f"data folder {them.folder_id!r}" if them.folder_id else "no data folder"
        return (
            f"{me} knows node {them.node!r} with data folder {remembered_folder!r}, and it comes with {now}: its "
            f"folder was emptied or replaced, and what it promised is gone. Start it with the old folder; a node that "
            f"lost its folder must be replaced as a member under a new name"
        )
    return None
