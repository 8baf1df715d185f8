"""Links between nodes in one process: introduction, refusal, loss, restart, and what must not be delivered."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import zmq

from actors.message import Lane
from actors.runtime import handshake, transport
from actors.runtime.sockets import TransportError
from tests.transport.nodes import Node, fast, run, until


async def _connected(*nodes: Node) -> None:
    for node in nodes:
        await until(lambda node=node: node.ups, f"{node.name} has no peer")


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
def test_both_sides_reach_each_other_over(scheme: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        listen = f"ipc://{tmp_path}/b.sock" if scheme == "ipc" else None
        other = f"ipc://{tmp_path}/a.sock" if scheme == "ipc" else None
        async with Node("b", listen=listen) as b, Node("a", {"b": b.address}, listen=other) as a:
            assert a.tell_now("b", b"first", number=1) is None  # waits for the link
            await _connected(a, b)
            assert a.ups == [("b", b.incarnation)]
            assert b.ups == [("a", a.incarnation)]
            assert b.tell_now("a", b"back", Lane.CONTROL, 2) is None
            big = bytes(range(256)) * 2000
            assert a.tell_now("b", big, number=3) is None
            await until(lambda: len(b.got) == 2 and a.got)
            assert [found.body for found in b.got] == [b"first", big]
            sender = b.got[0].sender
            assert sender is not None
            assert (sender.node, sender.name, sender.incarnation) == ("a", "sender", 7)
            assert (a.got[0].lane, a.got[0].target) == (Lane.CONTROL, ("target", 0))

    run(scenario)


def test_a_node_is_reached_at_every_address_that_it_listens_on(tmp_path: Path) -> None:
    name = f"ipc://@{tmp_path}"  # abstract: no file stays behind

    async def scenario() -> None:
        async with Node("b", also_listen=[name]) as b, Node("a", {"b": b.address}) as a, Node("c", {"b": name}) as c:
            assert b.address.startswith("tcp://")
            for sender in (a, c):
                assert sender.tell_now("b", sender.name.encode()) is None
            await until(lambda: len(b.got) == 2)
            assert {found.body for found in b.got} == {b"a", b"c"}
            with pytest.raises(TransportError, match="in use"):
                await Node("d", also_listen=[name]).transport.start()
        assert not tmp_path.is_socket()
        async with Node("b", listen=name):  # free again
            pass

    run(scenario)


def test_a_send_to_a_node_that_nobody_named_is_refused_at_once() -> None:
    async def scenario() -> None:
        async with Node("a") as a:
            assert "unknown node" in str(a.tell("nowhere"))
            assert a.counters["sends_refused"] == 1

    run(scenario)


def _refused(reason: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with Node("b", **first) as b, Node("a", {"b": b.address}, **second) as a:
            assert a.tell_now("b", b"never") is None
            await until(lambda: "b" in a.transport.refusals, "not refused")
            assert reason in a.transport.refusals["b"]
            await until(lambda: a.downs, "what waited was not given up")
            assert a.downs[0][:2] == ("b", 0)
            assert reason in a.downs[0][2]
            assert reason in str(a.tell("b"))
            assert a.counters["dropped_unreachable"] == 1
            assert b.got == a.ups == []

    run(scenario)


def test_another_cluster_is_refused() -> None:
    _refused("correct the cluster id", {"cluster_id": "one"}, {"cluster_id": "two"})


def test_a_node_without_an_entry_is_refused_where_only_known_peers_are_accepted() -> None:
    _refused("no peer named 'a'", {"settings": fast(accept_unknown_peers=False)}, {})


def test_a_known_peer_with_another_data_folder_is_refused() -> None:
    _refused(
        "emptied or replaced",
        {"known_folders": {"a": "old"}, "peers": {"a": "tcp://127.0.0.1:9"}},
        {"folder_id": "new"},
    )


def test_a_peer_that_answers_with_another_data_folder_is_refused_by_who_dials() -> None:
    _refused("emptied or replaced", {"folder_id": "new"}, {"known_folders": {"b": "old"}})


def test_an_older_wire_version_is_refused_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    true_encode = handshake.encode

    def old_encode(message: handshake.LinkMessage, version: int = 0) -> bytes:
        return true_encode(message, version if isinstance(message, handshake.Hello) else handshake.WIRE_VERSION)

    monkeypatch.setattr("actors.runtime.link.encode", old_encode)
    _refused("same release", {}, {})


def test_an_address_that_leads_to_another_node_is_refused() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"c": b.address}) as a:
            await until(lambda: "c" in a.transport.refusals)
            assert "is node 'b', not 'c'" in a.transport.refusals["c"]

    run(scenario)


def test_folders_of_configured_peers_are_remembered() -> None:
    async def scenario() -> None:
        async with Node("b", folder_id="fb") as b, Node("a", {"b": b.address}, folder_id="fa") as a:
            await _connected(a, b)
            assert a.folders == {"b": "fb"}
            assert b.folders == {}  # a is a client of b, not one of its peers

    run(scenario)


def test_a_second_node_of_the_same_name_is_refused_while_the_first_lives() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            async with Node("a", {"b": b.address}) as impostor:
                await until(lambda: "b" in impostor.transport.refusals)
                assert "another name" in impostor.transport.refusals["b"]
            assert b.tell_now("a", number=1) is None
            await until(lambda: a.got)
            assert a.downs == []

    run(scenario)


def test_a_stopped_peer_says_goodbye_and_sends_to_it_fail(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with Node("a") as a:
            async with Node("b", {"a": a.address}) as b:
                await _connected(a, b)
            await until(lambda: a.downs)
            assert a.downs == [("b", b.incarnation, "node 'b' has stopped")]
            assert "unknown node" in str(a.tell("b"))  # b was a client: forgotten with its link

    with caplog.at_level("INFO"):
        run(scenario)
    assert any(record.message.startswith("peer left peer=b") for record in caplog.records)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]  # an orderly stop is no fault


def test_a_goodbye_behind_other_messages_is_heard_before_the_end_of_the_connection() -> None:
    async def scenario() -> None:
        async with Node("a") as a:
            async with Node("b", {"a": a.address}) as b:
                await _connected(a, b)
                b.transport.links["a"].ask_report()  # a's wake-up takes this one alone; the Bye waits behind it
            await until(lambda: a.downs)
            assert a.downs == [("b", b.incarnation, "node 'b' has stopped")]

    run(scenario)


def test_what_was_sent_before_close_arrives() -> None:
    async def scenario() -> None:
        async with Node("b", settings=fast(credit_bytes=50_000)) as b:
            async with Node("a", {"b": b.address}) as a:
                await _connected(a)
                for number in range(200):
                    assert a.tell("b", b"x" * 1000, number=number) is None
                await a.transport.close(5.0)
            await until(lambda: len(b.got) == 200)

    run(scenario)


def test_nothing_meant_for_a_dead_incarnation_reaches_its_successor() -> None:
    async def scenario() -> None:
        narrow = fast(credit_bytes=20_000, frame_bytes=5_000)
        first = Node("b", settings=narrow)
        await first.transport.start()
        address = first.address
        async with Node("a", {"b": address}, settings=narrow) as a:
            await _connected(a, first)
            for number in range(200):  # ten windows full: most of it waits here when b dies
                a.tell("b", b"x" * 1000, number=number)
            a.transport.flush()
            await first.crash()
            await until(lambda: a.downs, "the loss was not noticed")
            assert a.downs[0][:2] == ("b", first.incarnation)
            assert "unreachable" in str(a.tell("b"))
            assert a.counters["dropped_unreachable"] > 100
            async with Node("b", listen=address) as second:
                await until(lambda: len(a.ups) >= 2, "the restarted peer was not found")
                assert a.ups[1] == ("b", second.incarnation)
                assert a.tell_now("b", number=999) is None
                await until(lambda: second.got)
                await asyncio.sleep(0.1)
                assert second.numbers() == [999]

    run(scenario)


def test_a_frame_for_another_incarnation_is_dropped_and_counted() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            a.transport.links["b"].incarnation += 1
            a.tell_now("b", number=1)
            await until(lambda: b.counters["dropped_wrong_incarnation"] == 1)
            assert b.got == []

    run(scenario)


def test_a_silent_peer_is_lost_and_found_again() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            loop, inlet = asyncio.get_running_loop(), b.transport._inlet
            loop.remove_reader(inlet.descriptor)  # b hears nothing any more, as if it were stopped
            b.transport._tick_handle.cancel()
            await until(lambda: a.downs, "silence was not noticed")
            assert "silent for 0.3 s" in a.downs[0][2]
            loop.add_reader(inlet.descriptor, inlet.wake)
            b.transport._tick()
            await until(lambda: len(a.ups) >= 2 and len(b.ups) >= 2, "not found again")
            assert a.tell_now("b", number=5) is None
            await until(lambda: 5 in b.numbers())

    run(scenario)


def test_a_peer_that_lost_this_node_makes_it_introduce_itself_again() -> None:
    async def scenario() -> None:
        async with Node("b") as b:
            async with Node("a", {"b": b.address}) as a:
                await _connected(a, b)
                b.transport._registry.remove("a")
                a.tell_now("b", number=1)
                await until(lambda: len(a.ups) >= 2, "a did not dial again")
                assert a.tell_now("b", number=2) is None
                await until(lambda: b.got)
                assert b.numbers() == [2]
                assert b.counters["dropped_stranger"] >= 1

    run(scenario)


def test_a_client_that_lost_the_link_gets_answers_again_after_its_new_introduction() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            a.transport.links["b"].lost("noticed by a only")
            await until(lambda: len(a.ups) >= 2 and len(b.ups) >= 2, "b did not make its own link anew")
            assert b.downs == [("a", a.incarnation, "the peer no longer knows this link")]
            assert b.tell_now("a", number=9) is None
            await until(lambda: a.numbers() == [9])

    run(scenario)


def test_the_hello_of_an_abandoned_dial_does_not_replace_the_newer_one() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            outdated = handshake.encode(a.transport.us.hello(0))
            b.transport.message_came(b"a/old/c", [outdated])
            assert b.counters["dropped_out_of_turn"] == 1
            assert a.tell_now("b", number=4) is None
            await until(lambda: b.numbers() == [4])
            assert a.downs == []

    run(scenario)


def test_sends_wait_for_a_peer_that_starts_a_little_later_and_not_for_ever() -> None:
    async def scenario() -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
        async with Node("a", {"b": f"tcp://127.0.0.1:{port}"}, settings=fast(lost_after_seconds=3.0)) as a:
            assert a.tell_now("b", number=1) is None
            await asyncio.sleep(0.1)
            async with Node("b", listen=f"tcp://127.0.0.1:{port}") as b:
                await until(lambda: b.got)
        async with Node("c", {"b": f"tcp://127.0.0.1:{port}"}) as c:
            assert c.tell_now("b", number=1) is None
            await until(lambda: c.downs, "it waited for ever")
            assert c.downs[0][:2] == ("b", 0)
            assert "cannot connect" in str(c.tell("b"))
            dials = c.counters["dials"]
            await until(lambda: c.counters["dials"] > dials, "it stopped trying")

    run(scenario)


def test_a_client_that_cannot_be_reached_is_told_so() -> None:
    async def scenario() -> None:
        async with Node("b") as b:
            async with Node("a", {"b": b.address}, advertise="tcp://127.0.0.1:9") as a:
                await until(lambda: "b" in a.transport.refusals, "it was not told")
                assert "advertise" in a.transport.refusals["b"]
                assert b.transport.peers() == {}

    run(scenario)


def test_the_number_of_peers_is_limited() -> None:
    async def scenario() -> None:
        async with Node("b", settings=fast(max_peers=1)) as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            async with Node("c", {"b": b.address}) as c:
                await until(lambda: "b" in c.transport.refusals)
                assert "max_peers" in c.transport.refusals["b"]

    run(scenario)


def test_data_that_exceeds_credit_and_queue_is_refused_and_flows_again() -> None:
    async def scenario() -> None:
        small = fast(credit_bytes=100_000, send_queue_bytes=200_000, frame_bytes=10_000)
        async with Node("b", settings=small) as b, Node("a", {"b": b.address}, settings=small) as a:
            await _connected(a, b)
            accepted = 0
            while (refusal := a.tell("b", b"x" * 1000, number=accepted)) is None:
                accepted += 1
                if accepted % 50 == 0:
                    a.transport.flush()
            assert "out of credit" in refusal
            assert a.transport.peers()["b"][1] <= 200_000
            assert a.transport.peers()["b"][2] <= 100_000
            assert a.tell_now("b", b"urgent", Lane.CONTROL, 7) is None
            a.transport.flush()
            await until(lambda: len(b.got) == accepted + 1, "the rest did not follow")
            assert b.numbers(Lane.DATA) == list(range(accepted))
            assert a.tell("b") is None

    run(scenario)


def test_control_is_limited_by_count_and_reported_back() -> None:
    async def scenario() -> None:
        small = fast(control_limit=100)
        async with Node("b", settings=small) as b, Node("a", {"b": b.address}, settings=small) as a:
            await _connected(a, b)
            for number in range(100):
                assert a.tell("b", lane=Lane.CONTROL, number=number) is None
            assert "100 envelopes" in str(a.tell("b", lane=Lane.CONTROL))
            assert a.tell("b") is None
            a.transport.flush()
            await until(lambda: a.tell("b", lane=Lane.CONTROL, number=100) is None)
            a.transport.flush()
            await until(lambda: b.numbers(Lane.CONTROL) == list(range(101)))

    run(scenario)


def test_control_is_not_starved_by_a_flood_of_data() -> None:
    async def scenario() -> None:
        slow = fast(poll_frames=4)
        late: list[float] = []
        loop = asyncio.get_running_loop()

        async with Node("b", settings=slow) as b, Node("a", {"b": b.address}) as a:
            await _connected(a, b)
            for number in range(30):
                while a.tell("b", b"x" * 60_000) is None:
                    pass  # to the limit: tens of megabytes wait
                sent = loop.time()
                assert a.tell_now("b", lane=Lane.CONTROL, number=number) is None
                await until(lambda number=number: b.numbers(Lane.CONTROL)[-1:] == [number])
                late.append(loop.time() - sent)
                assert a.transport.peers()["b"][1] > 1 << 20, "the flood ended too early to mean anything"
                b.got = [found for found in b.got if found.lane == Lane.CONTROL]
            assert a.downs == b.downs == []
            assert sorted(late)[len(late) // 2] < 0.5

    run(scenario)


def test_an_address_in_use_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Node("a") as a:
            with pytest.raises(TransportError, match="in use"):
                await Node("b", listen=a.address).transport.start()
        async with Node("a", listen=f"ipc://{tmp_path}/x"):
            with pytest.raises(TransportError, match="in use"):
                await Node("b", listen=f"ipc://{tmp_path}/x").transport.start()
        (tmp_path / "plain").write_text("precious")
        with pytest.raises(TransportError, match="no socket"):
            await Node("b", listen=f"ipc://{tmp_path}/plain").transport.start()
        assert (tmp_path / "plain").read_text() == "precious"

    run(scenario)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"listen": "tcp://*:*"}, "advertise"),
        ({"listen": "http://127.0.0.1:1"}, "write tcp://host:port"),
        ({"listen": "tcp://nonsense"}, "cannot listen"),
        ({"peers": {"b": "127.0.0.1:5"}}, "peer 'b'.*no address"),
        ({"peers": {"b": "tcp://127.0.0.1:0"}}, "no host and port"),
        ({"peers": {"b": "tcp://*:7000"}}, "every interface"),
    ],
)
def test_an_address_that_cannot_work_is_refused_at_start(options: dict[str, Any], says: str) -> None:
    async def scenario() -> None:
        with pytest.raises(TransportError, match=says):
            await Node("a", **options).transport.start()

    run(scenario)


def test_every_counter_has_a_name() -> None:
    async def scenario() -> None:
        async with Node("a") as a:
            assert set(a.counters) == set(transport.COUNTERS)

    run(scenario)


def test_zeromq_has_the_features_that_the_transport_needs() -> None:
    assert zmq.zmq_version_info() >= (4, 3)
    assert zmq.has("ipc")
