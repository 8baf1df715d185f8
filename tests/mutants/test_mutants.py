"""Wrong versions are found by the worlds that should find them, and every one by some world."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core_ext import quorum
from tests.mutants import catalog, quorums
from tests.mutants.catalog import NOTHING
from tests.mutants.mutant import Mutant, applied

ROOT = Path(__file__).parents[2]

#: Found within a second or two; each world has some.
FAST = [
    ("votes twice in a term", "raft"),
    ("clears the vote on a heartbeat", "raft"),
    ("keeps its vote when the term grows", "raft"),
    ("does not write term and vote", "random"),
    ("acknowledges before the sync", "random"),
    ("clears the vote on stepping down", "checker"),
    ("sends a heartbeat with the bare commit index", "checker"),
    ("truncates after prev_index always", "raft"),
    ("executes a repeated serial again", "store"),
    ("sends what may be executed again in a new session", "store"),
]


def test_names_are_unique_and_every_line_is_still_there():
    mutants = [mutant for area in catalog.AREAS.values() for mutant in area]
    assert len(mutants) == len(catalog.MUTANTS) > 90
    for mutant in mutants:
        if isinstance(mutant, Mutant):
            with applied(mutant):
                pass


def test_every_rule_is_one_of_the_documents():
    pages = " ".join(" ".join((ROOT / "docs" / page).read_text().split()) for page in ("raft.md", "storage.md"))
    assert [mutant.rule for mutant in catalog.MUTANTS.values() if mutant.rule not in pages] == []


@pytest.mark.parametrize("miscount", quorums.MUTANTS, ids=lambda each: each.name)
def test_a_wrong_count_differs_from_the_definition_and_the_right_one_does_not(miscount):
    assert quorums.difference(miscount.function, miscount.wrong)[1]
    looked, difference = quorums.difference(miscount.function, getattr(quorum, miscount.function))
    assert not difference
    assert looked


@pytest.mark.parametrize(("name", "world"), FAST, ids=[f"{name}, {world}" for name, world in FAST])
def test_a_wrong_version_is_caught(name, world):
    assert catalog.attempt(name, world, 10.0).caught


def test_several_are_tried_at_a_time_and_what_is_kept_is_not_tried_again(tmp_path):
    kept = tmp_path / "tries.jsonl"
    command = [sys.executable, "-m", "tests.mutants", "--area", "quorum", "--only", "counts", "--jobs", "2", "--json",
               "--keep", str(kept)]
    wanted = {mutant.name for mutant in quorums.MUTANTS if "counts" in mutant.name}
    for tried in (wanted, set()):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        assert {json.loads(line)["mutant"] for line in done.stdout.splitlines()} == tried
        assert {json.loads(line)["mutant"] for line in kept.read_text().splitlines()} == wanted


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [NOTHING, *catalog.MUTANTS])
def test_no_wrong_version_survives(name):
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--exact", "--only", name, "--first", "--json"],
        capture_output=True, text=True, cwd=ROOT, timeout=1700, check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["mutant"] == name
