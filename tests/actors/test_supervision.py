"""Supervision: point 8 of the contract."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors import Actor, AskFailed, AskRejected, Context, Directive, Message, Reference, Supervision, on
from actors.runtime.system import ActorSystem
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total, run, until
from tests.actors.test_messages import Deferring, Later

MANY = Supervision(max_restarts=1000, within_seconds=60)


class Spawn(Message, wire="tests.spawn"):
    name: str


class Parent(Actor):
    """Spawns counters; ``started`` counts its own instances."""

    started = 0

    def __init__(self, supervision: Supervision = MANY) -> None:
        self.supervision = supervision

    def start(self, context: Context) -> None:
        type(self).started += 1

    @on(Spawn)
    def spawn(self, message: Spawn, context: Context) -> None:
        context.spawn(Counter, name=message.name, supervision=self.supervision)

    @on(Fail)
    def fail(self, message: Fail, context: Context) -> None:
        raise ValueError("the parent")


def test_a_restart_makes_a_new_instance_and_keeps_name_reference_and_mailbox() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter, 10, name="counter")
            counter.tell(Add(1))
            counter.tell(Fail())
            counter.tell(Add(2))
            assert await counter.ask(Total()) == 12
            assert system.ref("counter").name == counter.name
            assert system.counters()["restarts"] == 1

    run(main())


def test_start_runs_before_the_first_message_and_after_a_restart() -> None:
    class Starting(Recorder):
        def start(self, context: Context) -> None:
            self.notes.append("started")

        @on(Fail)
        def fail(self, message: Fail, context: Context) -> None:
            raise ValueError

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Starting)
            actor.tell(Note("one"))
            assert await actor.ask(Notes()) == ("started", "one")
            actor.tell(Fail())
            assert await actor.ask(Notes()) == ("started",)

    run(main())


def test_one_restart_too_many_stops_a_top_level_actor_and_not_the_node(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            counter = system.spawn(Counter, name="counter")
            other = system.spawn(Counter)
            counter.tell(Fail("first"))
            counter.tell(Fail("second"))
            with pytest.raises(AskRejected):
                await counter.ask(Total())
            assert await other.ask(Total()) == 0

    run(main())
    assert "local/counter (Counter) failed in its handler of Fail: ValueError: second" in caplog.text
    assert "failed again after 1 restart(s) within 5 s" in caplog.text


def test_stop_stops_and_resume_goes_on_with_the_same_state() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            stopped = system.spawn(Counter, supervision=Supervision(Directive.STOP))
            stopped.tell(Fail())
            with pytest.raises(AskRejected):
                await stopped.ask(Total())
            resumed = system.spawn(Counter, supervision=Supervision(Directive.RESUME))
            resumed.tell(Add(3))
            resumed.tell(Fail())
            assert await resumed.ask(Total()) == 3

    run(main())


def test_an_escalation_that_reaches_the_top_stops_the_system_in_order() -> None:
    ended: list[str] = []

    class Orderly(Recorder):
        def stopped(self, context: Context) -> None:
            ended.append(context.self.name)

    async def main() -> None:
        system = ActorSystem()
        await system.start()
        system.spawn(Orderly, name="first")
        system.spawn(Orderly, name="second")
        system.spawn(Counter, name="bad", supervision=Supervision(Directive.ESCALATE)).tell(Fail("disk on fire"))
        reason = await system.wait_stopped()
        assert "local/bad (Counter) failed and is supervised with ESCALATE: ValueError: disk on fire" in str(reason)
        assert ended == ["second", "first"]

    run(main())


def test_an_exhausted_child_fails_its_parent_which_is_restarted() -> None:
    async def main() -> None:
        Parent.started = 0
        async with ActorSystem() as system:
            parent = system.spawn(Parent, Supervision(max_restarts=0))
            parent.tell(Spawn("child"))
            await until(lambda: "child" in system.world.names, "the child")
            system.ref("child").tell(Fail())
            await until(lambda: Parent.started == 2, "the parent's restart")
            assert "child" not in system.world.names
            parent.tell(Spawn("child"))
            await until(lambda: "child" in system.world.names, "a new child of that name")

    run(main())


def test_a_restarted_parent_stops_its_children_first() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            parent = system.spawn(Parent)
            for name in ("one", "two", "three"):
                parent.tell(Spawn(name))
            await until(lambda: "three" in system.world.names, "the children")
            parent.tell(Fail())
            parent.tell(Spawn("one"))  # the name is free again when this is handled
            await until(lambda: "two" not in system.world.names and "one" in system.world.names, "the restart")
            assert system.counters()["failures"] == 1

    run(main())


def test_children_stop_youngest_first_and_before_their_parent() -> None:
    ended: list[str] = []

    class Family(Actor):
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def start(self, context: Context) -> None:
            if self.depth:
                for i in range(2):
                    context.spawn(Family, self.depth - 1, name=f"{context.self.name}{i}")

        def stopped(self, context: Context) -> None:
            ended.append(context.self.name)

    async def main() -> None:
        async with ActorSystem() as system:
            top = system.spawn(Family, 2, name="f")
            await until(lambda: len(system.world.names) == 7, "the family")
            await system.terminate(top)
            assert ended == ["f11", "f10", "f1", "f01", "f00", "f0", "f"]
            assert system.world.names == {}

    run(main())


def test_an_actor_that_cannot_restart_ends_and_never_loops() -> None:
    class Broken(Actor):
        made = 0

        def __init__(self) -> None:
            type(self).made += 1
            if type(self).made > 1:
                raise RuntimeError("cannot be made twice")

        @on(Fail)
        def fail(self, message: Fail, context: Context) -> None:
            raise ValueError

    async def main() -> None:
        async with ActorSystem() as system:
            broken = system.spawn(Broken, name="broken", supervision=Supervision(max_restarts=5))
            broken.tell(Fail())
            await until(lambda: "broken" not in system.world.names, "the end of it")
            assert Broken.made == 6

    run(main())


def test_stop_comes_after_what_the_mailbox_holds() -> None:
    seen: list[str] = []

    class Stopping(Actor):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            seen.append(message.text)
            if message.text == "stop":
                context.stop()

        def stopped(self, context: Context) -> None:
            seen.append("stopped")

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Stopping, name="stopping")
            for text in ("stop", "still", "these"):
                actor.tell(Note(text))
            await until(lambda: "stopping" not in system.world.names, "the stop")
            assert seen == ["stop", "still", "these", "stopped"]

    run(main())


def test_what_an_actor_sends_when_it_stops_is_released() -> None:
    class Last(Actor):
        def __init__(self, recorder: Reference) -> None:
            self.recorder = recorder

        def stopped(self, context: Context) -> None:
            context.send(self.recorder, Note("farewell"))

    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            await system.terminate(system.spawn(Last, recorder))
            assert await recorder.ask(Notes()) == ("farewell",)

    run(main())


@pytest.mark.parametrize("end", ["restart", "stop"])
def test_asks_whose_tickets_an_actor_held_fail_at_once_when_it_goes(end: str) -> None:
    class Holding(Deferring):
        @on(Fail)
        def fail(self, message: Fail, context: Context) -> None:
            raise ValueError

    async def main() -> None:
        async with ActorSystem() as system:
            actor = system.spawn(Holding)
            asked = asyncio.ensure_future(actor.ask(Later()))
            await until(lambda: system.world.find(actor)._actor.tickets, "the ticket")
            if end == "restart":
                actor.tell(Fail())
            else:
                await system.terminate(actor)
            with pytest.raises(AskFailed, match="before it answered Later"):
                await asked

    run(main())


def test_resume_is_refused_for_an_actor_that_failed_to_start() -> None:
    class Unstartable(Actor):
        def start(self, context: Context) -> None:
            raise ValueError("no start")

    async def main() -> None:
        async with ActorSystem() as system:
            system.spawn(Unstartable, name="unstartable", supervision=Supervision(Directive.RESUME))
            await until(lambda: "unstartable" not in system.world.names, "the end of it")

    run(main())


def test_a_slow_handler_is_reported_by_name(caplog: pytest.LogCaptureFixture) -> None:
    import time

    from actors.runtime.settings import RuntimeSettings

    class Slow(Actor):
        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            time.sleep(0.03)

    async def main() -> Any:
        async with ActorSystem(settings=RuntimeSettings(slow_handler_seconds=0.01)) as system:
            system.spawn(Slow, name="slow").tell(Note("x"))
            await until(lambda: system.counters()["slow_handlers"] == 1, "the report")

    run(main())
    assert "local/slow" in caplog.text
    assert "ms for Note" in caplog.text


def test_an_error_of_the_runtime_itself_ends_one_actor_and_releases_nothing_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Sending(Actor):
        def __init__(self, recorder: Reference) -> None:
            self.recorder = recorder

        @on(Note)
        def note(self, message: Note, context: Context) -> None:
            context.effect(lambda: 1 / 0)  # type: ignore[attr-defined]
            context.send(self.recorder, Note("must not go out"))

    async def main() -> None:
        async with ActorSystem() as system:
            recorder = system.spawn(Recorder)
            sending = system.spawn(Sending, recorder, name="sending")
            sending.tell(Note("x"))
            await until(lambda: "sending" not in system.world.names, "the end of it")
            system.spawn(Counter).tell(Add(1))
            assert await recorder.ask(Notes()) == ()

    run(main())
    assert "an error of the runtime" in caplog.text


def test_an_error_of_the_runtime_between_two_turns_stops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            done: list[str] = []
            system.world.later(lambda: 1 / 0)
            system.world.later(done.append, "the next action")
            await until(lambda: done, "the next action")

    run(main())
    assert "an error of the runtime" in caplog.text


def test_an_actor_keeps_its_turn_when_its_handler_raised_what_is_no_exception() -> None:
    class Leaving(Recorder):
        @on(Fail)
        def leave(self, message: Fail, context: Context) -> None:
            raise asyncio.CancelledError

    async def main() -> None:
        async with ActorSystem() as system:
            reported: list[object] = []
            system.loop.set_exception_handler(lambda _, context: reported.append(context))
            actor = system.spawn(Leaving)
            actor.tell(Fail())
            actor.tell(Note("behind it"))
            await until(lambda: system.world.find(actor)._actor.notes == ["behind it"], "what waited behind it")

    run(main())
