"""What actors say to each other: immutable, typed, named on the wire. Knows nothing of actors, worlds or transports.

A message is a frozen struct. Its wire name is stable: by default ``module.QualifiedName``; messages that travel between
versions of a program, and journal records, give theirs (``class Vote(Message, wire="raft.vote")``). Fields are only
ever appended, with defaults.
"""

from __future__ import annotations

import enum
import typing
import weakref
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec

from actors.errors import ContractError
from actors.fields import refused_part
from core_ext.classes import inherit_vectorcall
from core_ext.codec import CodecError, MessageCodec
from core_ext.mailbox import Reference

T = TypeVar("T")

if TYPE_CHECKING:
    from msgspec import StructMeta as _StructMeta
else:
    _StructMeta = type(msgspec.Struct)


class Lane(enum.IntEnum):
    """Which of a receiver's two queues a message travels in; control is never starved by data."""

    DATA = 0
    CONTROL = 1


_by_wire_id: dict[int, type[Message]] = {}
_checked: weakref.WeakSet[type[Message]] = weakref.WeakSet()


def wire_id_of(wire_name: str) -> int:
    """The 32-bit number that stands for a wire name in an envelope (CRC-32 of its UTF-8 bytes)."""
    return zlib.crc32(wire_name.encode())


def message_type(wire_id: int) -> type[Message] | None:
    """The message type that a wire id stands for in this process, or None when none was declared."""
    return _by_wire_id.get(wire_id)


@typing.dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _MessageMeta(_StructMeta):
    """Reads the class keywords ``wire`` and ``lane``, and registers the type under its wire id."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any],
        *, wire: str | None = None, lane: Lane | None = None, **config: Any,
    ) -> Any:
        cls: Any = super().__new__(mcls, name, bases, namespace, **config)
        module = "main" if cls.__module__ == "__main__" else cls.__module__
        cls.wire_name = wire if wire is not None else f"{module}.{cls.__qualname__}"
        cls.wire_id = wire_id_of(cls.wire_name)
        if lane is not None:
            cls.lane = lane
        if bases and bases[0] is not msgspec.Struct:
            _register(cls)
        return cls


inherit_vectorcall(_MessageMeta)  # messages are made all the time


def _register(cls: type[Message]) -> None:
    other = _by_wire_id.get(cls.wire_id)
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ContractError(
            f"message {cls.__module__}.{cls.__qualname__} has the wire name {cls.wire_name!r} "
            f"(id {cls.wire_id:#010x}), which {other.__module__}.{other.__qualname__} ({other.wire_name!r}) "
            f"already has; give one of them another name: class {cls.__name__}(Message, wire='...')"
        )
    _by_wire_id[cls.wire_id] = cls


def check_fields(cls: type[Message]) -> None:
    """Refuse a message type with a field that two actors cannot share, or that cannot travel.

    Called when an actor class declares a handler for the type (names in annotations resolve by then), when a message of
    it is sent, and by the codec before the type first travels.

    Raises:
        ContractError: names the message, the field and its type, and says what to declare instead.
    """
    if cls in _checked:
        return
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
        for field in cls.__struct_fields__:
            found = refused_part(field, hints[field])
            if found is not None:
                raise ContractError(
                    f"message {cls.__qualname__}: field {found.path!r} has the type {found.name!r}; what two actors "
                    f"share must be immutable all through and known to the wire: use {found.instead}"
                )
        MessageCodec(message_type).learn(cls, hints)
    except NameError as error:
        raise ContractError(f"message {cls.__qualname__}: a field has an unknown type: {error}") from error
    except CodecError as error:
        raise ContractError(str(error)) from error
    _checked.add(cls)


class Message(msgspec.Struct, metaclass=_MessageMeta, frozen=True, array_like=True, gc=False):
    """Base of every message, answer record and journal record.

    Class keywords:
        wire: the stable name on the wire and in journals (default ``module.QualifiedName``).
        lane: ``Lane.DATA`` (default) or ``Lane.CONTROL`` (heartbeats, votes, acknowledgements, stop).
    """

    wire_name: ClassVar[str]
    wire_id: ClassVar[int]
    lane: ClassVar[Lane] = Lane.DATA

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, wire: str | None = None, lane: Lane | None = None, **config: Any
        ) -> None: ...


class Request(Message, Generic[T]):
    """A message that wants an answer of type ``T``: ``class Balance(Request[int])``."""

    if TYPE_CHECKING:

        def _answer_is(self) -> T:
            """For type checkers only: what ``Reference.ask`` finds the type of its answer by."""
            raise NotImplementedError


_answer_types: dict[type, Any] = {}


def answer_type(cls: type[Request[Any]]) -> Any:
    """The ``T`` of ``Request[T]``, or ``Any`` when the class does not say; looked up once per class."""
    if cls not in _answer_types:
        _answer_types[cls] = _declared_answer(cls)
    return _answer_types[cls]


def _declared_answer(cls: type[Request[Any]]) -> Any:
    for base in cls.__mro__:
        for generic in getattr(base, "__orig_bases__", ()):
            if typing.get_origin(generic) is Request:
                (found,) = typing.get_args(generic)
                if isinstance(found, str):
                    found = typing.get_type_hints(cls).get(found, Any)
                return Any if isinstance(found, TypeVar) else found
    return Any


class Reason(enum.Enum):
    """Why a watched actor is gone."""

    STOPPED = "stopped"
    FAILED = "failed"
    REPLACED = "replaced"
    UNREACHABLE = "unreachable"


class Terminated(Message, wire="actors.terminated", lane=Lane.CONTROL):
    """A watched actor is gone; final for that incarnation of it."""

    actor: Reference
    reason: Reason


class Rejected(Message, wire="actors.rejected"):
    """A message that this actor sent was refused by the receiver's full mailbox.

    Delivered only to actors that declare a handler for it; counted either way.
    """

    target: Reference
    message_name: str


class JournalEntries(Message, wire="actors.journal-entries"):
    """The answer to ``journal.read``.

    Attributes:
        key: what the reader gave, to tell its reads apart.
        first: position of the first record returned.
        records: consecutive records from ``first`` on; fewer than asked for when the byte limit was reached, none when
            ``first`` is before the checkpoint or was truncated meanwhile.
    """

    key: int
    first: int
    records: tuple[Message, ...]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What an ``@on_answer`` handler receives; local only, it never travels as such.

    Attributes:
        key: what ``context.request`` was given, to tell answers apart.
        value: the answer; None when it failed.
        failure: None when answered; otherwise the error (AskTimeout, AskRejected or AskFailed).
    """

    key: Any
    value: Any
    failure: Exception | None = None


Handler = Callable[..., Any]
