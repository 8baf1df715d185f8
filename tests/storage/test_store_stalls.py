"""A million keys: no single step of the store holds the loop up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from core_ext.store import Store
from tests.storage.batches import batch

KEYS = 1_000_000
LIMIT_SECONDS = 0.05


class Stopwatch:
    """Runs steps and keeps the longest processor time of each kind (other processes of the machine do not count)."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}

    def __call__(self, kind: str, step: Callable[[], object]) -> object:
        began = time.thread_time()
        result = step()
        self.longest[kind] = max(self.longest.get(kind, 0.0), time.thread_time() - began)
        return result


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_growth_snapshot_restore_expiry_and_flush_go_in_small_steps() -> None:
    watch, store, copy = Stopwatch(), Store(), Store()
    batches = [
        batch(*[("SET", f"k{j}", "x" * 100, *(("PX", "5000") if j % 4 == 0 else ())) for j in range(i, i + 200)])
        for i in range(0, KEYS, 200)
    ]
    for each in batches:
        watch("growth", lambda each=each: store.apply(1, each))
    digest = store.digest()
    walk = watch("snapshot begins", store.snapshot)
    copy.begin_restore()
    step = 0
    while (piece := watch("walk", lambda: walk.next(1 << 18))) is not None:
        watch("restore", lambda piece=piece: copy.restore_chunk(piece))
        watch("writes during the walk", lambda step=step: store.apply(1, batches[step * 7 % len(batches)]))
        step += 1
    watch("restore ends", copy.finish_restore)
    assert (len(copy), copy.digest()) == (KEYS, digest)
    while copy.stats()["keys_with_deadline"]:
        watch("expiry", lambda: copy.apply(5001, b""))
    watch("flush", lambda: copy.apply(5001, batch(("FLUSHALL",))))
    while copy.stats()["flushed_tables"]:
        watch("flushed keys are freed", lambda: copy.apply(5001, b""))
    assert max(watch.longest.values()) < LIMIT_SECONDS, watch.longest
