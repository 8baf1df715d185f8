from tests.raft.harness import World


def test_first():
    world = World()
    leader = world.elect()
    for _ in range(100):
        world.propose(leader)
    world.run_until(world.converged)
    assert len(world.owners["a"].state) == 100
    world.restart(leader)
    world.run_until(world.converged)
    assert len(world.owners["a"].state) == 100
