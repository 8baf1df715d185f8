"""Every wrong version with the worlds that look for it, and one try of one of them in one world."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from tests.mutants import checked, quorums, raft, store, worlds
from tests.mutants.mutant import Mutant, applied
from tests.mutants.quorums import Miscount
from tests.mutants.worlds import Found

#: No mutant at all: a world that finds something here says nothing about the others.
NOTHING = "nothing"
WORLDS = ("tests", "random", "raft", "store", "checker", "direct")

AREAS: dict[str, tuple[Mutant | Miscount, ...]] = {
    "raft": tuple(raft.MUTANTS), "store": tuple(store.MUTANTS), "quorum": tuple(quorums.MUTANTS),
}
MUTANTS: dict[str, Mutant | Miscount] = {mutant.name: mutant for area in AREAS.values() for mutant in area}


def worlds_of(name: str) -> dict[str, Callable[[float], Found]]:
    """Where a version is looked for, in this order.

    Raises:
        KeyError: there is no such mutant.
    """
    if name == NOTHING:
        return {
            "random": worlds.random_runs, "raft": worlds.RAFT["raft"], "store": worlds.RAFT["store"],
            "checker": worlds.explored(tuple(checked.MODELS)),
        }
    mutant = MUTANTS[name]
    if isinstance(mutant, Miscount):
        return {"direct": lambda seconds: _counted(mutant)}
    if mutant in store.MUTANTS:
        return worlds.STORE
    looked = {"tests": worlds.written_test(name), **worlds.RAFT}
    if name in checked.ASKED:
        looked["checker"] = worlds.explored(checked.ASKED[name])
    return looked


def _counted(mutant: Miscount) -> Found:
    began = time.process_time()
    looked, difference = quorums.difference(mutant.function, mutant.wrong)
    return Found(caught=bool(difference), by=difference, runs=looked, seconds=time.process_time() - began)


def attempt(name: str, world: str, seconds: float) -> Found:
    """Put a wrong version in place, look for it in one world, and take it away again.

    Args:
        name: of the mutant.
        world: one of those of ``worlds_of``.
        seconds: of own time; no run begins after them.
    """
    mutant = MUTANTS.get(name)
    with applied(mutant) if isinstance(mutant, Mutant) else nullcontext():
        return worlds_of(name)[world](seconds)
