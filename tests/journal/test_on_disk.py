"""Journals over the real log: what a turn committed is there after the process is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.message import Message, message_type
from actors.runtime.journal import JournalHub
from core_ext.codec import MessageCodec
from core_ext.log_errors import LogForeign, LogLocked


class Line(Message, wire="test.journal.line"):
    """A record."""

    number: int


class _Recorder:
    def __init__(self) -> None:
        self.got: list[int] = []

    def recover(self, record: Any) -> None:
        self.got.append(record.number)


def _open(folder: Path, **options: Any) -> JournalHub:
    return JournalHub.open(
        folder, "cluster", "n1", MessageCodec(message_type), segment_bytes=64 << 10, alone=True, **options
    )


def _recovered(hub: JournalHub, name: str) -> list[int]:
    recorder = _Recorder()
    hub.journal(name).recover_into(recorder)
    return recorder.got


def test_committed_records_come_back_and_positions_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        synced: list[int] = []
        hub = _open(tmp_path, loop=asyncio.get_running_loop(), on_synced=synced.append)
        alice, bob = hub.journal("alice"), hub.journal("bob")
        first = alice.append(Line(number=0))
        for number in range(1, 20):
            alice.append(Line(number=number))
            bob.append(Line(number=100 + number), note=number)
            alice.release()
            bob.release()
            hub.commit()
        alice.truncate(first + 15)
        alice.append(Line(number=77))
        alice.checkpoint([Line(number=500)], keep_from=first + 10)
        alice.release()
        batch = hub.commit()
        async with asyncio.timeout(10):
            while not synced or synced[-1] < batch:
                await asyncio.sleep(0.001)
        assert alice.batch == batch == hub.synced()
        folder = hub.folder_id
        hub.close()

        hub = _open(tmp_path)
        assert hub.folder_id == folder
        assert _recovered(hub, "alice") == [500, 10, 11, 12, 13, 14, 77]
        assert _recovered(hub, "bob") == [100 + number for number in range(1, 20)]
        again = hub.journal("alice")
        assert (again.first_position, again.next_position) == (first + 10, first + 16)
        assert not again.lost
        assert again.uncertain == ()
        again.read(first + 11, first + 12, limit_bytes=1 << 20, key=3)
        (entries,) = again.release()
        assert [record.number for record in entries.records] == [11, 12]
        hub.close()

    asyncio.run(scenario())


def test_a_folder_is_open_once_and_belongs_to_one_node(tmp_path: Path) -> None:
    hub = _open(tmp_path)
    with pytest.raises(LogLocked, match="pid"):
        _open(tmp_path)
    hub.remember_folder("b", "f1")
    hub.close()
    with pytest.raises(LogForeign):
        JournalHub.open(tmp_path, "cluster", "n2", MessageCodec(message_type), alone=True)
    hub = _open(tmp_path)
    assert hub.known_folders == {"b": "f1"}
    hub.close()
