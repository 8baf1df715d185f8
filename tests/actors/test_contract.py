"""Mistakes that can be seen without running an actor, and defaults that need no setting."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator

import pytest

from actors import (
    Actor,
    Answer,
    AskRejected,
    AskTimeout,
    Context,
    ContractError,
    Lane,
    MailboxFull,
    Message,
    Reference,
    on,
    on_answer,
)
from actors.runtime.settings import RuntimeSettings
from actors.runtime.system import ActorSystem
from core_ext.codec import Kind
from tests.actors.support import Add, Counter, Note, Recorder, Total, run, until
from tests.actors.test_messages import Deferring, Later
from tests.actors.test_remote import pair


def test_a_handler_of_no_message_type_is_refused_when_the_class_is_created() -> None:
    with pytest.raises(ContractError, match=r"actor .*Wrong: @on\(<class 'int'>\) at 'handle': not a Message type"):

        class Wrong(Actor):
            @on(int)  # type: ignore[type-var]
            def handle(self, message: int, context: Context) -> None: ...

    with pytest.raises(ContractError, match=r"actor .*Asking: @on_answer\(Add\) at 'answered': only a Request"):

        class Asking(Actor):
            @on_answer(Add)  # type: ignore[arg-type]
            def answered(self, answer: Answer, context: Context) -> None: ...


def test_two_handlers_of_one_type_are_refused_when_the_class_is_created() -> None:
    with pytest.raises(ContractError, match=r"actor .*Twice: 'one' and 'two' both handle @on\(Add\); keep one"):

        class Twice(Actor):
            @on(Add)
            def one(self, message: Add, context: Context) -> None: ...

            @on(Add)
            def two(self, message: Add, context: Context) -> None: ...


def test_a_handler_with_another_signature_is_refused_when_the_class_is_created() -> None:
    with pytest.raises(ContractError, match=r"actor .*Short: handler 'add' must take exactly \(self, message, context"):

        class Short(Actor):
            @on(Add)
            def add(self, message: Add) -> None: ...


def test_a_decorator_without_its_message_type_is_refused() -> None:
    with pytest.raises(ContractError, match=r"@on at '.*Bare\.handle' names no message type; write @on\(Name\)"):

        class Bare(Actor):
            @on  # type: ignore[arg-type]
            def handle(self, message: Add, context: Context) -> None: ...

    with pytest.raises(ContractError, match=r"@on_answer at '.*BareToo\.handle' names no request type"):

        class BareToo(Actor):
            @on_answer  # type: ignore[arg-type]
            def handle(self, answer: Answer, context: Context) -> None: ...


def test_a_handler_that_calling_would_not_run_is_refused_when_the_class_is_created() -> None:
    with pytest.raises(ContractError, match=r"actor .*Yielding: handler 'add' has a yield"):

        class Yielding(Actor):
            @on(Add)
            def add(self, message: Add, context: Context) -> Iterator[int]:
                yield 1

    with pytest.raises(ContractError, match=r"actor .*Static: handler 'add' is a staticmethod"):

        class Static(Actor):
            @staticmethod
            @on(Add)
            def add(message: Add, context: Context) -> None: ...


class Basket(Message, wire="tests.basket"):
    items: list[int]


@dataclasses.dataclass
class Open:
    value: int


class Holding(Message, wire="tests.holding"):
    held: tuple[Open, ...]


@pytest.mark.parametrize(("kind", "field"), [(Basket, "items"), (Holding, "held")])
def test_a_message_with_a_mutable_field_is_refused_when_an_actor_declares_a_handler_for_it(
    kind: type[Message], field: str
) -> None:
    with pytest.raises(ContractError, match=f"message {kind.__name__}: field '{field}' .*must be immutable"):

        class Sharing(Actor):
            @on(kind)
            def take(self, message: Message, context: Context) -> None: ...


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Add(1).amount = 2  # type: ignore[misc]


def test_two_message_types_of_one_wire_name_are_refused() -> None:
    with pytest.raises(ContractError, match=r"has the wire name 'tests\.add'.*give one of them another name"):

        class Other(Message, wire="tests.add"):
            pass


def test_an_ask_has_a_default_time_out() -> None:
    async def main() -> None:
        async with ActorSystem(settings=RuntimeSettings(ask_timeout_seconds=0.02)) as system:
            with pytest.raises(AskTimeout, match=r"no answer within 0\.02 s"):
                await system.spawn(Deferring).ask(Later())

    run(main())


def test_a_message_that_its_receiver_does_not_handle_is_a_dead_letter(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Counter, name="counter").tell(Note("x"))
            await until(lambda: system.counters()["dead_letters"] == 1, "the dead letter")

    run(main())
    assert "local/counter (Counter) has no handler for Note" in caplog.text


def test_a_mailbox_holds_65536_messages_by_default() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter)
            for _ in range(65_536):
                counter.tell(Add(1))
            with pytest.raises(MailboxFull):
                counter.tell(Add(1))
            await until(lambda: system.world.find(counter)._waiting == 0, "the messages")
            assert await counter.ask(Total()) == 65_536

    run(main())


def test_a_system_that_is_not_told_where_to_listen_binds_to_loopback() -> None:
    async def main() -> None:
        async with ActorSystem("one", peers={"two": "tcp://127.0.0.1:9"}) as system:
            assert system.listen_address.startswith("tcp://127.0.0.1:")

    run(main())


def test_a_message_type_that_a_node_does_not_know_is_counted_and_an_ask_of_it_refused() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            recorder = two.spawn(Recorder, name="recorder")
            target = one.ref("actorum://two/recorder")
            unknown = 0x0BADC0DE
            assert one._transport is not None
            with pytest.raises(AskRejected, match="no handler for Total"):  # the link is up
                await target.ask(Total())
            sender = ("nobody", 0)
            body = one.world.remote.codec.encode(Note("x"))
            one._transport.send("two", Lane.DATA, Kind.TELL, ("recorder", 0), sender, 0, unknown, body)
            one._transport.flush()
            await until(lambda: two.world.remote.undecodable == 1, "the unreadable message")
            assert two.world.find(recorder)._actor.notes == []
            answers: list[tuple[str, str]] = []
            two.world.remote.send_answer = lambda to, _, value, failure: answers.append((to.name, str(failure)))  # type: ignore[method-assign]
            two.world.remote.on_envelope(
                Kind.ASK, "recorder", 0, Reference("one", "asker"), 7, unknown, body, Lane.DATA
            )
            assert answers[0][0] == "asker"
            assert "the request cannot be read" in answers[0][1]

    run(main())


class Wrapped(Message, wire="tests.wrapped"):
    message: str


def test_a_slow_handler_is_reported_by_its_message_whatever_the_fields_are_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Slow(Actor):
        @on(Wrapped)
        def take(self, message: Wrapped, context: Context) -> None:
            time.sleep(0.02)

    async def main() -> None:
        async with ActorSystem(settings=RuntimeSettings(slow_handler_seconds=0.01)) as system:
            system.spawn(Slow, name="slow").tell(Wrapped("x"))
            await until(lambda: system.counters()["slow_handlers"] == 1, "the report")

    run(main())
    assert "ms for Wrapped and" in caplog.text
