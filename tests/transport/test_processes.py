"""Two processes: kill, pause, and what the survivor sees."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.message import Lane
from tests.transport.nodes import Node, fast, run, until

ROOT = Path(__file__).parents[2]


class Process:
    """A remote node's process; killed when the test ends, however it ends."""

    def __init__(self, name: str, listen: str = "tcp://127.0.0.1:*") -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.transport.remote_node", name, listen],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        assert self.child.stdout is not None
        self.address, incarnation = self.child.stdout.readline().split()
        self.incarnation = int(incarnation)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None
            pipe.close()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.child.pid, number)


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
def test_two_processes_talk_on_both_lanes_over(scheme: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        listen = "tcp://127.0.0.1:*" if scheme == "tcp" else f"ipc://{tmp_path}/r"
        with Process("remote", listen) as process:
            # Nothing here is about silence: on a busy machine either process may not run for the third of a second
            # after which these tests' settings take a peer for lost, and what was under way with it.
            async with Node("a", {"remote": process.address}, settings=fast(lost_after_seconds=10.0)) as a:
                for number in range(500):
                    assert a.tell("remote", os.urandom(number * 300), Lane(number % 2), number) is None
                    if number % 7 == 0:
                        a.transport.flush()
                        await asyncio.sleep(0)
                a.transport.flush()
                await until(lambda: len(a.got) == 500)
                assert a.numbers(Lane.DATA) == list(range(0, 500, 2))
                assert a.numbers(Lane.CONTROL) == list(range(1, 500, 2))
                assert all(len(found.body) == found.correlation * 300 for found in a.got)

    run(scenario)


def test_a_killed_process_is_noticed_at_once_and_its_successor_is_another_peer() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with Process("remote") as process:
            async with Node("a", {"remote": process.address}) as a:
                await until(lambda: a.ups)
                killed = loop.time()
                process.signal(signal.SIGKILL)
                await until(lambda: a.downs, "the death was not noticed")
                assert loop.time() - killed < 2.0
                assert a.downs[0][:2] == ("remote", process.incarnation)
                assert "unreachable" in str(a.tell("remote"))
                with Process("remote", process.address) as successor:
                    await until(lambda: len(a.ups) >= 2)
                    assert a.ups[1] == ("remote", successor.incarnation)
                    assert a.tell_now("remote", number=3) is None
                    await until(lambda: a.numbers() == [3])

    run(scenario)


def test_a_paused_process_is_lost_and_the_same_incarnation_comes_back() -> None:
    async def scenario() -> None:
        with Process("remote") as process:
            async with Node("a", {"remote": process.address}) as a:
                await until(lambda: a.ups)
                assert a.tell_now("remote", number=1) is None
                await until(lambda: a.got)
                process.signal(signal.SIGSTOP)
                assert a.tell_now("remote", number=2) is None
                await until(lambda: a.downs, "the pause was not noticed")
                process.signal(signal.SIGCONT)
                await until(lambda: len(a.ups) >= 2, "it did not come back")
                assert a.ups[1] == ("remote", process.incarnation)
                assert a.tell_now("remote", number=3) is None
                await until(lambda: 3 in a.numbers())
                # 2 may have arrived and have been answered; whatever came, came in order.
                assert a.numbers() == sorted(a.numbers())

    run(scenario)
