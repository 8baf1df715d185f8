"""``actorum torture``: kills and pauses of real processes, judged; and a store that breaks a rule is caught."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from tests.cluster.support import actorum

#: What Python runs at the start of every node process: reads are answered by whatever this replica has applied.
READS_WITHOUT_THE_INDEX = """
    import msgspec
    from protocols.storage import shard
    from protocols.storage.messages import Read

    right = shard.StorageShard.handlers[Read]
    shard.StorageShard.handlers[Read] = lambda self, message, context: right(
        self, msgspec.structs.replace(message, index=0), context
    )
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
def test_reads_that_do_not_wait_for_the_read_index_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(READS_WITHOUT_THE_INDEX))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
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
