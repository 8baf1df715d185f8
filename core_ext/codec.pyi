from collections.abc import Callable, Mapping
from typing import Any, final

from typing_extensions import Buffer

from core_ext.frames import ENVELOPE_OVERHEAD_BYTES as ENVELOPE_OVERHEAD_BYTES
from core_ext.frames import FRAME_OVERHEAD_BYTES as FRAME_OVERHEAD_BYTES
from core_ext.frames import MAX_ENVELOPES as MAX_ENVELOPES
from core_ext.frames import MAX_NAME_BYTES as MAX_NAME_BYTES
from core_ext.frames import OWN_PART_BYTES as OWN_PART_BYTES
from core_ext.frames import WIRE_VERSION as WIRE_VERSION
from core_ext.frames import CodecError as CodecError
from core_ext.frames import Envelope as Envelope
from core_ext.frames import Frame as Frame
from core_ext.frames import FrameWriter as FrameWriter
from core_ext.frames import Kind as Kind
from core_ext.frames import read_frame as read_frame

@final
class MessageCodec:
    def __init__(
        self, type_of: Callable[[int], type | None], check: Callable[[Any], object] | None = None
    ) -> None: ...
    def learn(self, cls: type, hints: Mapping[str, Any]) -> None: ...
    def encode(self, message: Any) -> bytes: ...
    def decode(self, wire_id: int, body: Buffer) -> Any: ...
    def encode_value(self, value: Any) -> bytes: ...
    def decode_as(self, expected: Any, body: Buffer) -> Any: ...
