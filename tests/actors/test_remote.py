"""The same contract between nodes: two systems in one process, over tcp and ipc, and a second process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors import (
    Actor,
    AskFailed,
    AskRejected,
    AskTimeout,
    Context,
    ContractError,
    Lane,
    Mailbox,
    Message,
    Reason,
    Reference,
    Request,
    Terminated,
    on,
)
from actors.runtime.settings import RuntimeSettings
from actors.runtime.system import ActorSystem
from actors.runtime.transport_settings import TransportSettings
from core_ext.codec import Kind
from tests.actors.support import Add, Counter, Fail, Note, Notes, Recorder, Total, run, until
from tests.actors.test_mailbox import Flood, Flooding
from tests.actors.test_messages import Deferring, Later, Relay
from tests.actors.test_watch import UnwatchIt, Watcher, WatchIt


@contextlib.asynccontextmanager
async def pair(listen: str = "tcp://127.0.0.1:*") -> AsyncIterator[tuple[ActorSystem, ActorSystem]]:
    """Two connected systems: ``one`` and ``two``."""
    two = ActorSystem("two", listen=listen.replace("SIDE", "two"))
    await two.start()
    address = two.listen_address
    assert address is not None
    one = ActorSystem("one", listen=listen.replace("SIDE", "one"), peers={"two": address})
    await one.start()
    try:
        two.spawn(Counter, name="hello")
        await one.ref("actorum://two/hello").ask(Total())
        yield one, two
    finally:
        await one.stop()
        await two.stop()


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_tell_and_ask_look_the_same_between_nodes(transport: str, tmp_path: Path) -> None:
    listen = "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/SIDE"

    async def main() -> None:
        async with pair(listen) as (one, two):
            two.spawn(Recorder, name="recorder")
            recorder = one.ref("actorum://two/recorder")
            for i in range(500):
                recorder.tell(Note(str(i)))
            assert await recorder.ask(Notes()) == tuple(map(str, range(500)))

    run(main())


def test_failures_travel_with_their_reason() -> None:
    class Failing(Actor):
        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            raise ValueError("no total")

    async def main() -> None:
        async with pair() as (one, two):
            two.spawn(Failing, name="failing")
            with pytest.raises(AskFailed, match=r"two/failing .*Total: ValueError: no total"):
                await one.ref("actorum://two/failing").ask(Total())
            with pytest.raises(AskRejected, match="no actor 'nobody' on node 'two'"):
                await one.ref("actorum://two/nobody").ask(Total())
            with pytest.raises(AskRejected, match="'three' is none of the peers"):
                await one.ref("actorum://three/nobody").ask(Total())

    run(main())


def test_a_deferred_answer_and_a_request_cross_nodes_and_a_time_out_names_them() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            end = two.spawn(Deferring, name="end")
            relay = one.spawn(Relay, one.ref("actorum://two/end"), name="relay")
            asked = asyncio.ensure_future(relay.ask(Later()))
            await until(lambda: two.world.find(end)._actor.tickets, "the ticket")
            end.tell(Note("from afar"))
            assert await asked == "relayed from afar"
            with pytest.raises(AskTimeout, match=r"one/relay \(Later\) -> waited on two/end \(Later\)"):
                await relay.ask(Later(), timeout_seconds=0.05)

    run(main())


def _watchers(system: ActorSystem, target: Reference) -> int:
    rare = system.world.find(target)._rare
    return 0 if rare is None else len(rare.watchers)


class Introduce(Request[Reference], wire="tests.introduce"):
    pass


def test_references_travel_and_keep_their_meaning() -> None:
    class Host(Actor):
        @on(Introduce)
        def introduce(self, message: Introduce, context: Context) -> None:
            context.reply(context.spawn(Counter, name="guest"))

    async def main() -> None:
        async with pair() as (one, two):
            two.spawn(Host, name="host")
            guest = one.bind(await one.ref("actorum://two/host").ask(Introduce()))
            guest.tell(Add(3))
            assert await guest.ask(Total()) == 3
            await two.terminate(two.ref("guest"))
            two.spawn(Counter, name="guest")
            with pytest.raises(AskRejected):
                await two.ref("guest").ask(Total()) if guest.incarnation == 0 else await guest.ask(Total())

    run(main())


def test_a_remote_watch_tells_of_a_stop_and_ends_with_unwatch() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            watcher = one.spawn(Watcher)
            target, other = two.spawn(Counter, name="target"), two.spawn(Counter, name="other")
            watcher.tell(WatchIt(target))
            watcher.tell(WatchIt(other))
            watcher.tell(UnwatchIt(other))
            await until(lambda: _watchers(two, target), "the watch")
            await until(lambda: two.world.find(other)._rare and not _watchers(two, other), "the unwatch")
            await two.terminate(other)
            await two.terminate(target)
            ended = one.world.find(watcher)._actor.ended
            await until(lambda: ended, "the end")
            assert ended == [(target, Reason.STOPPED)]

    run(main())


def test_the_loss_of_a_node_ends_watches_and_asks() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            watcher = one.spawn(Watcher)
            two.spawn(Deferring, name="deferring")
            target = one.ref("actorum://two/deferring")
            watcher.tell(WatchIt(target))
            asked = asyncio.ensure_future(target.ask(Later()))
            await until(lambda: two.world.find(two.ref("deferring"))._actor.tickets, "the ask")
            assert two._transport is not None
            await two._transport.close(0)
            with pytest.raises(AskFailed, match="its node was lost"):
                await asked
            await until(lambda: one.world.find(watcher)._actor.ended, "unreachable")
            assert one.world.find(watcher)._actor.ended == [(target, Reason.UNREACHABLE)]

    run(main())


@pytest.mark.parametrize("end", ["restart", "stop"])
def test_asks_from_elsewhere_whose_tickets_an_actor_held_fail_at_once_when_it_goes(end: str) -> None:
    class Holding(Deferring):
        @on(Fail)
        def fail(self, message: Fail, context: Context) -> None:
            raise ValueError

    async def main() -> None:
        async with pair() as (one, two):
            held = two.spawn(Holding, name="holding")
            target = one.ref("actorum://two/holding")
            answered = asyncio.ensure_future(target.ask(Later()))
            await until(lambda: two.world.find(held)._actor.tickets, "the first ask")
            held.tell(Note("now"))
            assert await answered == "now"
            assert two.world.find(held)._held() == []
            asked = asyncio.ensure_future(target.ask(Later()))
            await until(lambda: two.world.find(held)._actor.tickets, "the second ask")
            if end == "restart":
                held.tell(Fail())
            else:
                await two.terminate(held)
            with pytest.raises(AskFailed, match="before it answered a request"):
                await asyncio.wait_for(asked, 3)

    run(main())


def test_a_full_mailbox_elsewhere_rejects_to_the_actor_that_sent() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            two.spawn(Recorder, name="small", mailbox=Mailbox(capacity=3))
            flooding = one.spawn(Flooding)
            flooding.tell(Flood(one.ref("actorum://two/small")))
            await until(lambda: len(one.world.find(flooding)._actor.notes) == 2, "the rejections")
            assert one.world.find(flooding)._actor.notes == ["small refused Note"] * 2

    run(main())


class Odd(Message, wire="tests.odd"):
    value: object


def test_what_cannot_travel_fails_in_the_handler_that_sent_it() -> None:
    class Sending(Actor):
        @on(Total)
        def total(self, message: Total, context: Context) -> None:
            context.send(context.ref("hello", "two"), Odd(object()))

    async def main() -> None:
        async with pair() as (one, _):
            with pytest.raises(AskFailed, match="Odd"):
                await one.spawn(Sending).ask(Total())
            with pytest.raises((ContractError, TypeError, ValueError), match="Odd"):
                one.ref("actorum://two/hello").tell(Odd(object()))

    run(main())


def test_a_system_that_does_not_listen_says_so() -> None:
    async def main() -> None:
        async with ActorSystem() as system:
            with pytest.raises(AskRejected, match=r"talks to no other node; give it listen='tcp://"):
                await system.ref("actorum://two/x").ask(Total())
            system.ref("actorum://two/x").tell(Note("x"))
            assert system.counters()["dead_letters"] == 1

    run(main())


OTHER = """
import asyncio
from actors.runtime.system import ActorSystem
from tests.actors.support import Counter

async def main():
    async with ActorSystem("two", listen="tcp://127.0.0.1:*") as system:
        system.install_signal_handlers()
        system.spawn(Counter, name="counter")
        print(system.listen_address, flush=True)
        await system.wait_stopped()

asyncio.run(main())
"""


@contextlib.contextmanager
def _process() -> object:  # type: ignore[misc]
    process = subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_two_processes_and_the_death_of_one() -> None:
    async def main(process: subprocess.Popen[str], address: str) -> None:
        async with ActorSystem("one", peers={"two": address}) as system:
            counter = system.ref("actorum://two/counter")
            for i in range(1000):
                counter.tell(Add(i))
            assert await counter.ask(Total()) == sum(range(1000))
            watcher = system.spawn(Watcher)
            watcher.tell(WatchIt(counter))
            await counter.ask(Total())
            process.send_signal(signal.SIGKILL)
            ended = system.world.find(watcher)._actor.ended
            await until(lambda: ended, "unreachable")
            assert ended == [(counter, Reason.UNREACHABLE)]
            with pytest.raises((AskRejected, AskFailed)):
                await counter.ask(Total())

    with _process() as (process, address):  # type: ignore[attr-defined]
        run(main(process, address))


def test_a_process_that_gets_sigterm_stops_in_order() -> None:
    with _process() as (process, _):  # type: ignore[attr-defined]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_terminated_from_a_node_that_does_not_own_the_actor_is_ignored() -> None:
    async def main() -> None:
        async with pair() as (one, two):
            watcher = one.spawn(Watcher)
            target = two.spawn(Counter, name="target")
            watcher.tell(WatchIt(target))
            await until(lambda: _watchers(two, target), "the watch")
            one.world.watches.from_peer(Terminated(target, Reason.FAILED), "three")
            assert one.world.find(watcher)._actor.ended == []

    run(main())


def test_only_the_node_that_was_asked_may_answer() -> None:
    """Correlation numbers of a node that was started again begin anew: an answer to one may meet another's ask."""

    async def main() -> None:
        async with pair() as (one, two):
            deferring = two.spawn(Deferring, name="deferring")
            asked = asyncio.ensure_future(one.ref("actorum://two/deferring").ask(Later()))
            await until(lambda: two.world.find(deferring)._actor.tickets, "the ask")
            (correlation,) = one.world.asks.pending
            wrong = one.world.remote.codec.encode_value("wrong")
            for stranger in (Reference("three", ""), None):
                one.world.remote.on_envelope(Kind.REPLY, "$outside", 0, stranger, correlation, 0, wrong, Lane.DATA)
            assert one.counters()["late_answers"] == 2
            deferring.tell(Note("right"))
            assert await asked == "right"

    run(main())


def test_every_terminated_arrives_when_more_end_at_once_than_the_link_takes() -> None:
    async def main() -> None:
        settings = RuntimeSettings(transport=TransportSettings(control_limit=100))
        async with (
            ActorSystem("two", listen="tcp://127.0.0.1:*", settings=settings) as two,
            ActorSystem("one", peers={"two": str(two.listen_address)}) as one,
        ):
            watcher = one.spawn(Watcher)
            two.spawn(Counter, name="hello")
            await one.ref("actorum://two/hello").ask(Total())
            many = [two.spawn(Counter) for _ in range(500)]
            for number, target in enumerate(many):
                watcher.tell(WatchIt(target))
                if number % 50 == 49:
                    await until(lambda target=target: _watchers(two, target), "the watches")  # type: ignore[misc]
            await asyncio.gather(*(two.terminate(target) for target in many))
            ended = one.world.find(watcher)._actor.ended
            await until(lambda: len(ended) == len(many), "every Terminated")
            assert set(ended) == {(target, Reason.STOPPED) for target in many}

    run(main())


class Bulky(Request[bytes]):
    """Answered with this many bytes."""

    size: int


class Giving(Actor):
    """Gives what was asked for."""

    @on(Bulky)
    def give(self, message: Bulky, context: Context) -> None:
        context.reply(bytes(message.size))


def test_an_answer_that_cannot_be_sent_fails_its_ask_at_once() -> None:
    small = TransportSettings(max_frame_bytes=1 << 20, credit_bytes=100_000, send_queue_bytes=200_000)

    async def main() -> None:
        two = ActorSystem("two", listen="tcp://127.0.0.1:*", settings=RuntimeSettings(transport=small))
        async with two:
            two.spawn(Giving, name="giving")
            assert two.listen_address is not None
            async with ActorSystem("one", listen="tcp://127.0.0.1:*", peers={"two": two.listen_address}) as one:
                giving = one.ref("actorum://two/giving")
                assert len(await giving.ask(Bulky(1000))) == 1000
                with pytest.raises(AskFailed, match=r"was handled on node 'two', its answer was not sent: too large"):
                    await giving.ask(Bulky(2 << 20), timeout_seconds=20)
                answers = await asyncio.gather(
                    *[giving.ask(Bulky(90_000), timeout_seconds=20) for _ in range(20)], return_exceptions=True
                )
                given = [answer for answer in answers if isinstance(answer, bytes)]
                refused = [answer for answer in answers if not isinstance(answer, bytes)]
                assert given
                assert refused
                assert all(isinstance(answer, AskFailed) and "out of credit" in str(answer) for answer in refused)

    run(main())


def test_a_node_that_is_down_is_one_line_of_the_log_not_one_a_message(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        settings = RuntimeSettings(transport=TransportSettings(ping_interval_seconds=0.02, lost_after_seconds=0.1))
        peers = {"gone": "tcp://127.0.0.1:1", "away": "tcp://127.0.0.1:1"}
        async with ActorSystem("one", listen="tcp://127.0.0.1:*", peers=peers, settings=settings) as one:
            gone, away = one.ref("actorum://gone/counter"), one.ref("actorum://away/counter")
            gone.tell(Add(1))
            await until(lambda: one.counters()["remote_refused"] or gone.tell(Add(1)), "a refusal")
            before = one.counters()["dead_letters"]
            for _ in range(100):
                gone.tell(Add(1))
                away.tell(Add(1))
            assert one.counters()["dead_letters"] == before + 200
            lines = [record.getMessage() for record in caplog.records if "dead letter: " in record.getMessage()]
            assert len(lines) == 2
            assert "unreachable" in lines[0]

    run(main())
