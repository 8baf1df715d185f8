"""What travels between two simulated nodes, and how: encoded as on the real wire, or as the message itself.

An envelope is a plain tuple: (kind, target's name, its incarnation, sender, correlation, content, number), where the
number joins a send with what became of it. Knows no link and no fault.
"""

from __future__ import annotations

from typing import Any

from actors.message import Message, check_fields, message_type
from core_ext.codec import ENVELOPE_OVERHEAD_BYTES, FRAME_OVERHEAD_BYTES, CodecError, MessageCodec
from core_ext.mailbox import Reference
from core_ext.stage_link import Parcel

# Kinds of envelopes: the first four are those of the wire, the others a world's words to another world.
TELL, ASK, REPLY, FAILURE, WATCH, UNWATCH, TERMINATED, REJECTED = range(8)

Envelope = tuple[int, str, int, Reference | None, int, Any, int]

OVERHEAD_BYTES = ENVELOPE_OVERHEAD_BYTES + FRAME_OVERHEAD_BYTES


class _Codecs:
    """One codec for all worlds, as long as its types are those of the process: what it learns of a type costs more than
    a short run. Nothing of a run is in it.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._types: dict[int, type[Message]] = {}
        self._codec = MessageCodec(self._type_of, check_fields)

    def _type_of(self, wire_id: int) -> type[Message] | None:
        found = message_type(wire_id)
        if found is not None:
            self._types[wire_id] = found
        return found

    def current(self) -> MessageCodec:
        """The codec; a new one when a type was declared again (a module that was loaded again)."""
        if any(message_type(wire_id) is not known for wire_id, known in self._types.items()):
            self._forget()
        return self._codec


_codecs = _Codecs()


class Wire:
    """Messages to what travels, and back.

    Args:
        encoded: True: through the codec, as between real nodes; False: the message object itself travels.
    """

    def __init__(self, encoded: bool) -> None:
        self.codec = _codecs.current()
        self.encoded = encoded

    def unpack(self, content: Any) -> Any:
        """The message that came.

        Raises:
            CodecError: it cannot be read.
        """
        if not isinstance(content, Parcel):
            return content
        if content.message is None:
            content.message = self.codec.decode(content.wire_id, content.body)
        return content.message

    def pack_value(self, value: Any) -> Any:
        """What travels of an answer."""
        return self.codec.encode_value(value) if self.encoded else value

    def unpack_value(self, expected: Any, content: Any) -> Any:
        """The answer that came."""
        return self.codec.decode_as(expected, content) if self.encoded else content


__all__ = [
    "ASK", "FAILURE", "REJECTED", "REPLY", "TELL", "TERMINATED", "UNWATCH", "WATCH", "CodecError", "Envelope", "Parcel",
    "Wire",
]
