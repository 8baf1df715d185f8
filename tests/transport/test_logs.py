"""Structured logs, the rate limit on them, the watch over the loop, and the stack dump."""

from __future__ import annotations

import asyncio
import faulthandler
import io
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.runtime.logs import LoopStallMonitor, RateLimited, configure, fields, install_stack_dump


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    level, handlers = logger.level, list(logger.handlers)
    yield logger
    logger.setLevel(level)
    for handler in [found for found in logger.handlers if found not in handlers]:
        logger.removeHandler(handler)


def test_an_event_is_one_json_line_with_node_and_fields(root: logging.Logger) -> None:
    out = io.StringIO()
    configure("n1", json_lines=True, stream=out)
    logging.getLogger("actors.x").warning("peer lost", extra=fields(peer="n2", actor="raft-0", bytes=3))
    event = json.loads(out.getvalue())
    assert {key: event[key] for key in ("level", "event", "node", "peer", "actor", "bytes", "logger")} == {
        "level": "warning", "event": "peer lost", "node": "n1", "peer": "n2", "actor": "raft-0", "bytes": 3,
        "logger": "actors.x",
    }


def test_key_value_lines_quote_what_needs_it_and_carry_the_traceback(root: logging.Logger) -> None:
    out = io.StringIO()
    configure("n1", stream=out)
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("actors.x").exception("failed", extra=fields(why="two words", actor="a/b", empty=""))
    head, _, trace = out.getvalue().partition("\n")
    assert " error   failed node=n1 logger=actors.x why=\"two words\" actor=a/b empty=\"\"" in head
    assert "ValueError: a bug" in trace


def test_a_key_is_logged_once_per_interval_and_says_what_it_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    limited = RateLimited(logging.getLogger("actors.test"), 5.0, max_keys=2, clock=lambda: now)
    with caplog.at_level(logging.INFO):
        assert limited.warning("a", "happened")
        assert not limited.warning("a", "happened")
        assert not limited.warning("a", "happened")
        assert limited.info("b", "other")
        now = 6.0
        assert limited.warning("a", "happened", peer="x")
        assert caplog.records[-1].__dict__["actorum_fields"] == {"peer": "x", "left_out": 2}
        assert limited.warning("c", "third")  # pushes out the oldest key, b
        assert limited.warning("b", "other")


def test_a_program_with_handlers_of_its_own_reads_the_fields_in_the_message(
    root: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    out = io.StringIO()
    configure("n1", json_lines=True, stream=out)
    RateLimited(logging.getLogger("actors.x")).warning("a", "peer lost", peer="n2", reason="100% silent")
    assert caplog.messages == ['peer lost peer=n2 reason="100% silent"']
    event = json.loads(out.getvalue())
    assert (event["event"], event["peer"], event["reason"]) == ("peer lost", "n2", "100% silent")


def test_a_stalled_loop_is_measured_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        monitor = LoopStallMonitor(asyncio.get_running_loop(), interval_seconds=0.01, warn_after_seconds=0.05)
        monitor.start()
        await asyncio.sleep(0.02)
        time.sleep(0.1)
        async with asyncio.timeout(5):
            while not monitor.stalls:
                await asyncio.sleep(0.005)
        monitor.stop()
        assert monitor.take_longest() >= 0.08
        assert monitor.take_longest() == 0.0
        assert monitor.total_seconds >= 0.08

    asyncio.run(scenario())
    assert "event loop stalled" in caplog.text


@pytest.mark.parametrize("registered_before", [False, True])
def test_sigusr1_dumps_stacks_and_the_busiest_mailboxes(tmp_path: Path, registered_before: bool) -> None:
    if registered_before:
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__)

    async def scenario() -> None:
        with (tmp_path / "dump").open("w+") as out:
            remove = install_stack_dump(asyncio.get_running_loop(), lambda: [("raft-0", 12)], out)
            os.kill(os.getpid(), signal.SIGUSR1)
            async with asyncio.timeout(5):
                while "12 messages wait" not in (tmp_path / "dump").read_text():
                    await asyncio.sleep(0.005)
            remove()
            text = (tmp_path / "dump").read_text()
            assert "test_logs.py" in text
            assert "mailbox raft-0: 12 messages wait" in text

    asyncio.run(scenario())
