"""The engine finds exactly the states that the slow and obvious explorer finds."""

import pytest

from actors.verification.result import Options, Verdict
from tests.verification_actors.plain_explorer import PlainExplorer
from tests.verification_actors.random_actors import LEVELS, RandomSystem

LIMIT = 200
LONG_LIMIT = 2_000


def compare(seed: int, crashes: int, limit: int = LIMIT) -> int:
    """The number of states, 0 when it is above the limit."""
    model = RandomSystem(seed, crashes)
    plain = PlainExplorer(model).explore(limit)
    if plain is None:
        return 0
    for exact in (False, True):
        result = RandomSystem(seed, crashes).check_with(Options(exact=exact))
        assert result.distinct == len(plain), f"seed {seed}"
        levels = [[actor.level if actor else -1 for actor in state.actors] for state in plain.values()]
        violated = any(min(each) == LEVELS - 1 for each in levels)
        reached = any(max(each) == LEVELS - 1 for each in levels)
        assert (result["not all at the top"].verdict is Verdict.VIOLATED) == violated, f"seed {seed}"
        assert (result["somebody at the top"].verdict is Verdict.HOLDS) == reached, f"seed {seed}"
    return len(plain)


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_the_engine_agrees_with_the_plain_explorer(first):
    sizes = [compare(seed, 0) for seed in range(first, first + 20)]
    assert max(sizes) > 10


@pytest.mark.parametrize("first", range(1000, 1020, 10))
def test_the_engine_agrees_with_the_plain_explorer_under_crashes(first):
    sizes = [compare(seed, 1) for seed in range(first, first + 10)]
    assert max(sizes) > 10


@pytest.mark.slow
@pytest.mark.parametrize("crashes", [0, 1])
@pytest.mark.parametrize("first", range(2000, 2030, 5))
def test_the_engine_agrees_with_the_plain_explorer_on_larger_systems(first, crashes):
    for seed in range(first, first + 5):
        compare(seed, crashes, LONG_LIMIT)
