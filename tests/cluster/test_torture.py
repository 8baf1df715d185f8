"""``actorum torture``: kills and pauses of real processes, judged; and a store that breaks a rule is caught."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest

from tests.cluster.support import actorum

#: What Python runs at the start of every node process: a read that was answered within the last quarter of a second is
#: answered the same again. That leaves nothing to luck: hundreds of operations on a few keys fall into that time, where
#: a replica that merely does not wait for the read index is hardly ever behind on an idle machine (that rule is a
#: mutant of the simulator's, which makes replicas late as it likes).
READS_FROM_A_CACHE = """
    from protocols.storage import shard
    from protocols.storage.messages import ReadAnswer

    cache = {}

    def look(self, read, now_ms):
        at_ms, replies = cache.get(read.batch, (-1000, None))
        if replies is None or now_ms > at_ms + 250:
            replies = self._store.read(0, read.batch)
            cache[read.batch] = (now_ms, replies)
        return ReadAnswer(ticket=read.ticket, replies=replies)

    shard.StorageShard._look = look
"""


@pytest.mark.timeout(120)
def test_a_tortured_cluster_stays_linearizable(tmp_path: Path) -> None:
    done = actorum(
        "torture", "--minutes", "0.1", "--seed", "7", "--fault", "kill-leader", "--fault", "pause-leader", "--json",
        "--data", tmp_path / "new", timeout_seconds=110,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["good"]
    assert all(round["operations"]["ok"] > 100 for round in report["rounds"])
    again = actorum("judge", report["rounds"][0]["history"], "--level", "strong", "--model", "key-value")
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.timeout(120)
def test_a_store_that_answers_reads_from_a_cache_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(READS_FROM_A_CACHE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = actorum("torture", "--minutes", "0.5", "--seed", "7", "--json", "--data", tmp_path / "new",
        timeout_seconds=110)
    assert done.returncode == 1, done.stdout + done.stderr
    last = json.loads(done.stdout)["rounds"][-1]
    assert last["verdict"] == "violation"
    assert Path(last["history"]).exists()
    assert "actorum judge" in done.stderr, "the report says how to look at it"


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    done = actorum("torture", "--data", tmp_path)
    assert done.returncode == 2
    assert "not empty" in done.stderr
