"""Classes of a metaclass that was given its base's way of being called."""

import msgspec
import pytest

from actors.message import Message
from core_ext.classes import inherit_vectorcall

HAVE_VECTORCALL = 1 << 11  # Py_TPFLAGS_HAVE_VECTORCALL


def called_directly(metaclass: type) -> bool:
    return bool(metaclass.__flags__ & HAVE_VECTORCALL)


class Pair(Message, wire="tests.pair"):
    left: int
    right: int = 7


def test_messages_are_made_as_directly_as_plain_structs() -> None:
    assert called_directly(msgspec.StructMeta)
    assert called_directly(type(Pair))
    assert Pair(1, right=2) == Pair(right=2, left=1) == Pair(1, 2)
    assert Pair(1).right == 7
    for wrong in (Pair, lambda: Pair(1, 2, 3), lambda: Pair(1, up=2)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            wrong()


def test_a_metaclass_that_says_itself_how_its_classes_are_called_keeps_that() -> None:
    class Counting(msgspec.StructMeta):
        calls = 0

        def __call__(cls, *args: object, **keywords: object) -> object:
            Counting.calls += 1
            return super().__call__(*args, **keywords)

    class Counted(msgspec.Struct, metaclass=Counting):
        number: int

    inherit_vectorcall(Counting)
    assert not called_directly(Counting)
    assert Counted(number=1).number == 1
    assert Counting.calls == 1
    plain = type("Plain", (type,), {})
    inherit_vectorcall(plain)
    assert plain("Made", (), {"x": 1})().x == 1
