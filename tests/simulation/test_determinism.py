"""Same seed, same run: in one process, in others, under every hash seed, and from the recorded tape."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.simulation import Tape
from tests.simulation import programs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("disk", ["memory", "wal"])
@pytest.mark.parametrize("model", list(programs.MODELS))
def test_the_recorded_tape_gives_the_same_run_again(model: str, disk: str) -> None:
    first = programs.run(3, model, disk)
    assert first.events > 100
    again = programs.run(3, model, disk, Tape.replay(first.tape.recorded()))
    assert again.digest() == first.digest()
    assert again.injected == first.injected
    assert programs.run(4, model, disk).digest() != first.digest()


def test_two_processes_with_two_hash_seeds_run_the_same() -> None:
    outputs = []
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.programs", "5"], cwd=ROOT, capture_output=True, text=True,
            timeout=50, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        outputs.append(done.stdout)
    assert outputs[0].count("\n") == 8
    assert outputs[0] == outputs[1]


def test_every_kind_of_fault_is_injected_and_counted() -> None:
    seen: set[str] = set()
    for seed in range(12):
        seen |= set(programs.run(seed, "bounded", "wal").injected)
    assert seen >= {
        "crash", "pause", "partition", "clog", "slow_link", "clock_step", "loss", "omission", "duplicate", "reorder",
        "late", "slow_disk", "failed_sync", "full_disk", "bit_flip", "misdirected", "lost_write",
    }


def test_a_trace_changes_nothing() -> None:
    plain = programs.run(2)
    traced = programs.Simulation(2, time_model=programs.MODELS["bounded"], faults=programs.MEMORY_FAULTS,
                                 trace_limit=1000)
    for name in programs.NAMES:
        traced.node(name, programs.boot)
    traced.run(3)
    assert traced.digest() == plain.digest()
    assert traced.trace is not None
    assert len(traced.trace) > 500
