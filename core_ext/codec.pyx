"""Messages to bytes and back: msgpack by msgspec, one encoder and one decoder per type. Knows no actor and no socket.

A message body is the msgpack array of its fields. References travel as [node, name, incarnation]. A field whose static
type leaves the message type open (``Message``, or a union of messages; also optional, or a tuple of them) travels as
[wire id, body]. Sets in messages travel in the order of their items' bytes: equal messages have equal bodies, in every
process. An answer is plain msgpack, or, when it is a message, the byte 0xC1 (which msgpack never uses), the
wire id and the body, so that ``Request[Granted | Refused]`` works.

Total on any input: a value of the type that was asked for, or CodecError.
"""

import copy
import dataclasses
import types
import typing

import msgspec

cimport cython

from core_ext.frames import (
    ENVELOPE_OVERHEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    MAX_ENVELOPES,
    MAX_NAME_BYTES,
    OWN_PART_BYTES,
    WIRE_VERSION,
    CodecError,
    Envelope,
    Frame,
    FrameWriter,
    Kind,
    read_frame,
)
from core_ext.mailbox import Reference

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE

__all__ = [
    "ENVELOPE_OVERHEAD_BYTES", "FRAME_OVERHEAD_BYTES", "MAX_ENVELOPES", "MAX_NAME_BYTES", "OWN_PART_BYTES",
    "WIRE_VERSION", "CodecError", "Envelope", "Frame", "FrameWriter", "Kind", "MessageCodec", "read_frame",
]

cdef enum:
    MAX_DEPTH = 16  # messages within messages
    MAX_NESTING = 256  # values within values, in messages that hold sets
    MESSAGE_ANSWER = 0xC1

cdef enum Shape:
    PLAIN = 0
    ONE = 1
    OPTIONAL = 2
    MANY = 3


cdef class Plan:
    """How one message type travels."""


@cython.final
cdef class MessageCodec:
    """Encodes and decodes messages and answers.

    Args:
        type_of: the message type that a wire id stands for, or None.
        check: called with a message type before it first travels; raises when the type must not.
    """

    def __init__(self, type_of, check=None):
        self.type_of = type_of
        self.check = check
        self.encoder = msgspec.msgpack.Encoder(enc_hook=_encode_hook)
        self.by_type = {}
        self.by_wire_id = {}
        self.answer_decoders = {}

    cpdef bytes encode(self, message):
        """The body of a message.

        Raises:
            CodecError: a field holds what cannot travel; names the message and the reason.
        """
        cdef Plan plan = self.by_type.get(type(message))
        if plan is None:
            plan = self.plan_of(type(message))
        if self.depth >= MAX_DEPTH:
            raise CodecError(f"message {plan.cls.__qualname__}: more than {MAX_DEPTH} messages within messages")
        self.depth += 1
        try:
            if plan.has_sets:
                message = self.in_order(message, 0)
            if plan.shadow is not None:
                message = self.to_shadow(plan, message)
            return self.encoder.encode(message)
        except CodecError:
            raise
        except Exception as error:
            raise CodecError(f"message {plan.cls.__qualname__} cannot travel: {error}") from error
        finally:
            self.depth -= 1

    cpdef object decode(self, wire_id, body):
        """The message that a body stands for.

        Args:
            wire_id: which type it is.
            body: a bytes-like object.

        Raises:
            CodecError: no such type in this process, or not the fields of that type.
        """
        cdef Plan plan = self.by_wire_id.get(wire_id)
        if plan is None:
            plan = self.plan_of_id(wire_id)
        if self.depth >= MAX_DEPTH:
            raise CodecError(f"message {plan.cls.__qualname__}: more than {MAX_DEPTH} messages within messages")
        self.depth += 1
        try:
            value = plan.decoder.decode(body)
            return value if plan.shadow is None else self.from_shadow(plan, value)
        except Exception as error:
            raise CodecError(f"not a message {plan.cls.__qualname__}: {error}") from error
        finally:
            self.depth -= 1

    def learn(self, cls, hints):
        """Find out how messages of a type travel, before one does.

        Args:
            cls: the type.
            hints: the types of its fields, by name: what ``typing.get_type_hints`` says.

        Raises:
            CodecError: they cannot; names the message and the reason.
        """
        self.plan_of(cls, hints)

    cpdef bytes encode_value(self, value):
        """The body of an answer: any value that msgspec knows, or a message.

        Raises:
            CodecError: the value cannot travel.
        """
        if hasattr(type(value), "wire_id"):
            return b"\xc1" + int(type(value).wire_id).to_bytes(4, "little") + self.encode(value)
        try:
            return self.encoder.encode(value)
        except Exception as error:
            raise CodecError(f"an answer of type {type(value).__qualname__} cannot travel: {error}") from error

    cpdef object decode_as(self, expected, body):
        """The answer that a body stands for.

        Args:
            expected: its type, as in ``Request[expected]``; ``Any`` for anything.
            body: a bytes-like object.

        Raises:
            CodecError: it is something else.
        """
        cdef const unsigned char[::1] view
        if PyBytes_CheckExact(body) and (
            PyBytes_GET_SIZE(body) < 5 or <unsigned char>PyBytes_AS_STRING(body)[0] != MESSAGE_ANSWER
        ):
            return self.decode_plain(expected, body)  # most answers, without the price of a view
        view = body
        if view.shape[0] >= 5 and view[0] == MESSAGE_ANSWER:
            wire_id = view[1] | view[2] << 8 | view[3] << 16 | <unsigned int>view[4] << 24
            value = self.decode(wire_id, view[5:])
            if not _fits(expected, value):
                raise CodecError(f"the answer is a {type(value).__qualname__}, {_name(expected)} was expected")
            return value
        return self.decode_plain(expected, body)

    cdef object decode_plain(self, expected, body):
        """An answer that is no message."""
        decoder = self.answer_decoders.get(expected)
        if decoder is None:
            decoder = self.answer_decoders[expected] = _answer_decoder(expected)
        try:
            return decoder.decode(body)
        except Exception as error:
            raise CodecError(f"the answer is no {_name(expected)}: {error}") from error

    cdef Plan plan_of_id(self, wire_id):
        cls = self.type_of(wire_id)
        if cls is None:
            raise CodecError(
                f"no message type with wire id {wire_id:#010x} in this process; import the module that declares it, "
                f"on both nodes"
            )
        cdef Plan plan = self.plan_of(cls)
        self.by_wire_id[wire_id] = plan
        return plan

    cdef Plan plan_of(self, cls, hints=None):
        cdef Plan plan = self.by_type.get(cls)
        if plan is not None:
            return plan
        if not (issubclass(cls, msgspec.Struct) and hasattr(cls, "wire_id")):
            raise CodecError(f"a {cls.__qualname__} is no message; declare it as class {cls.__name__}(Message)")
        if self.check is not None:
            self.check(cls)
        plan = Plan.__new__(Plan)
        plan.cls = cls
        plan.wire_id = cls.wire_id
        try:
            hints = hints or typing.get_type_hints(cls, include_extras=True)
        except NameError as error:
            raise CodecError(f"message {cls.__qualname__}: a field has an unknown type: {error}") from error
        plan.has_sets = any([_holds(hint, _is_set, set()) for hint in hints.values()])
        shapes = tuple(_shape(cls, name, hints[name]) for name in cls.__struct_fields__)
        try:
            if any(shapes):
                plan.shapes = shapes
                plan.shadow = self.shadow_of(cls, hints, shapes)
            plan.decoder = msgspec.msgpack.Decoder(plan.shadow or cls, dec_hook=_decode_hook)
        except TypeError as error:
            raise CodecError(f"message {cls.__qualname__} cannot travel: {error}") from error
        self.by_type[cls] = plan
        return plan

    def shadow_of(self, cls, hints, shapes):
        """The struct that a type with open fields travels as: each open field becomes [wire id, body]."""
        closed = tuple[int, bytes]
        fields = []
        for info, shape in zip(msgspec.structs.fields(cls), shapes, strict=True):
            annotation = (hints[info.name], closed, typing.Optional[closed], tuple[closed, ...])[<int>shape]
            if info.default is not msgspec.NODEFAULT:
                fields.append((info.name, annotation, self.close(shape, info.default)))
            elif info.default_factory is not msgspec.NODEFAULT:
                fields.append((info.name, annotation, self.close(shape, info.default_factory())))
            else:
                fields.append((info.name, annotation))
        return msgspec.defstruct(cls.__name__, fields, array_like=True, frozen=True)

    cdef object in_order(self, value, int depth):
        """The value with every set in it as the list of its items, encoded, in the order of these bytes."""
        if depth > MAX_NESTING:
            raise CodecError(f"values nested more than {MAX_NESTING} levels deep")
        cls = type(value)
        if cls is frozenset:
            parts = sorted([self.encoder.encode(self.in_order(item, depth + 1)) for item in value])
            return [msgspec.Raw(part) for part in parts]
        if isinstance(value, tuple):
            items = [self.in_order(item, depth + 1) for item in value]
            return tuple(items) if cls is tuple else cls._make(items)
        if isinstance(value, msgspec.Struct):
            changed = copy.copy(value)
            for name in cls.__struct_fields__:
                msgspec.structs.force_setattr(changed, name, self.in_order(getattr(value, name), depth + 1))
            return changed
        if dataclasses.is_dataclass(cls):
            changed = copy.copy(value)
            for field in dataclasses.fields(cls):
                object.__setattr__(changed, field.name, self.in_order(getattr(value, field.name), depth + 1))
            return changed
        return value

    cdef object to_shadow(self, Plan plan, message):
        values = [
            self.close(shape, getattr(message, name))
            for shape, name in zip(plan.shapes, plan.cls.__struct_fields__)
        ]
        return plan.shadow(*values)

    cdef object from_shadow(self, Plan plan, shadow):
        values = [
            self.open(shape, getattr(shadow, name))
            for shape, name in zip(plan.shapes, plan.cls.__struct_fields__)
        ]
        return plan.cls(*values)

    cdef object close(self, int shape, value):
        if shape == PLAIN or (shape == OPTIONAL and value is None):
            return value
        if shape == MANY:
            return tuple([(item.wire_id, self.encode(item)) for item in value])
        return value.wire_id, self.encode(value)

    cdef object open(self, int shape, value):
        if shape == PLAIN or (shape == OPTIONAL and value is None):
            return value
        if shape == MANY:
            return tuple([self.decode(wire_id, body) for wire_id, body in value])
        return self.decode(value[0], value[1])


def _encode_hook(value):
    if type(value) is Reference:
        return [value.node, value.name, value.incarnation]
    raise NotImplementedError(f"a {type(value).__qualname__} is no plain value")


def _decode_hook(expected, value):
    if expected is not Reference:
        raise NotImplementedError(f"a {_name(expected)} is no plain value")
    if type(value) is not list or len(value) != 3:
        raise ValueError("a reference is [node, name, incarnation]")
    return Reference(*value)


def _name(annotation):
    return getattr(annotation, "__qualname__", None) or str(annotation)


def _is_message(annotation):
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct) and hasattr(annotation, "wire_id")


def _members(annotation):
    """The members of a union, or the annotation itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _is_open(members):
    """Do these types leave open which message it is: the root of all messages, or several messages?"""
    messages = [member for member in members if _is_message(member)]
    return len(messages) > 1 or any(msgspec.Struct in message.__bases__ for message in messages)


def _shape(cls, field, annotation):
    """How a field travels; refuses open fields where they are nested too deeply to be found again."""
    members = _members(annotation)
    if _is_open(members):
        others = [member for member in members if not _is_message(member)]
        if not others:
            return ONE
        if others == [types.NoneType]:
            return OPTIONAL
    elif typing.get_origin(annotation) is tuple:
        arguments = typing.get_args(annotation)
        if len(arguments) == 2 and arguments[1] is Ellipsis and _is_open(_members(arguments[0])):
            if all(map(_is_message, _members(arguments[0]))):
                return MANY
    if _holds_open(annotation):
        raise CodecError(
            f"message {cls.__qualname__}: field {field!r} ({_name(annotation)}) holds a message of open type too deep "
            f"inside; give it the type Message, a union of messages, one of these or None, or a tuple of them"
        )
    return PLAIN


def _holds_open(annotation):
    """Is there a message of open type anywhere in this annotation?"""
    return _holds(annotation, lambda part: _is_open(_members(part)), set())


def _is_set(annotation):
    return frozenset in (annotation, typing.get_origin(annotation))


def _holds(annotation, wanted, seen):
    """Is any part of this annotation, or of the fields of a class in it, what is wanted?"""
    if wanted(annotation):
        return True
    annotation = getattr(annotation, "__supertype__", annotation)  # of a NewType
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type) and origin not in seen:
        seen.add(origin)
        if any(_holds(hint, wanted, seen) for hint in _field_hints(origin)):
            return True
    return any(_holds(part, wanted, seen) for part in typing.get_args(annotation))


def _field_hints(cls):
    """The types of the fields of a struct, a dataclass or a named tuple; of every other class none."""
    if issubclass(cls, msgspec.Struct):
        names = cls.__struct_fields__
    elif dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    elif issubclass(cls, tuple):
        names = getattr(cls, "_fields", ())
    else:
        return []
    hints = typing.get_type_hints(cls, include_extras=True)
    return [hints.get(name, typing.Any) for name in names]


def _fits(expected, value):
    for member in _members(expected):
        if isinstance(member, typing.TypeVar) or member is typing.Any:
            return True
        member = typing.get_origin(member) or member
        if isinstance(member, type) and isinstance(value, member):
            return True
    return False


def _answer_decoder(expected):
    """A decoder for the part of an answer's type that is not a message (messages carry their own type)."""
    plain = [member for member in _members(expected) if not _is_message(member)]
    if not plain:
        raise CodecError(f"the answer is no message, {_name(expected)} was expected")
    if any(_holds_open(member) for member in plain):
        raise CodecError(f"an answer of type {_name(expected)} holds a message of open type; answer with a message")
    try:
        return msgspec.msgpack.Decoder(typing.Union[tuple(plain)], dec_hook=_decode_hook)
    except TypeError as error:
        raise CodecError(f"an answer of type {_name(expected)} cannot travel: {error}") from error
