"""The native ring against a plain-Python twin."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.mailbox import Reference, Ring


class RingTwin:
    """What the ring does, in the plainest way."""

    def __init__(self) -> None:
        self.entries: deque[tuple[Any, Any, int, int, bool]] = deque()

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def counted(self) -> int:
        return sum(not entry[4] for entry in self.entries)

    def push(self, message: Any, sender: Any, correlation: int, kind: int, exempt: bool) -> None:
        self.entries.append((message, sender, correlation, kind, exempt))

    def pop(self) -> Any:
        return self.entries.popleft()[:4] if self.entries else None

    def pop_oldest_counted(self) -> Any:
        for place, entry in enumerate(self.entries):
            if not entry[4]:
                del self.entries[place]
                return entry[:4]
        return None

    def clear(self) -> None:
        self.entries.clear()


operations = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(0, 99), st.integers(0, 2**64 - 1), st.integers(0, 6), st.booleans()),
        st.tuples(st.sampled_from(["pop", "pop", "pop_oldest_counted", "clear"])),
    ),
    max_size=300,
)


@settings(max_examples=300, deadline=None)
@given(operations)
def test_ring_does_what_its_twin_does(steps: list[tuple[Any, ...]]) -> None:
    ring, twin = Ring(), RingTwin()
    for step in steps:
        name, *arguments = step
        if name == "push":
            message, correlation, kind, exempt = arguments
            entry = (f"message {message}", f"sender {message}", correlation, kind, exempt)
            ring.push(*entry)
            twin.push(*entry)
        else:
            assert getattr(ring, name)() == getattr(twin, name)()
        assert len(ring) == len(twin)
        assert ring.counted == twin.counted


def test_ring_keeps_order_while_it_grows_around_its_end() -> None:
    ring = Ring()
    for i in range(6):
        ring.push(i)
    assert [ring.pop()[0] for _ in range(5)] == [0, 1, 2, 3, 4]
    for i in range(6, 40):
        ring.push(i)
    assert [ring.pop()[0] for _ in range(len(ring))] == list(range(5, 40))


def test_ring_frees_what_it_holds() -> None:
    class Weighty:
        alive = 0

        def __init__(self) -> None:
            Weighty.alive += 1

        def __del__(self) -> None:
            Weighty.alive -= 1

    ring = Ring()
    for _ in range(20):
        ring.push(Weighty())
    ring.pop()
    ring.pop_oldest_counted()
    assert Weighty.alive == 18
    del ring
    assert Weighty.alive == 0


def test_reference_is_a_value() -> None:
    one, same, other = Reference("n", "a", 1), Reference("n", "a", 1), Reference("n", "a", 2)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "n"
    assert str(one) == "actorum://n/a"


@pytest.mark.parametrize("what", ["tell", "ask"])
def test_a_reference_without_a_system_says_what_to_do(what: str) -> None:
    with pytest.raises(RuntimeError, match=r"belongs to no running system.*system\.ref\('actorum://n/a'\)"):
        getattr(Reference("n", "a"), what)(object())
