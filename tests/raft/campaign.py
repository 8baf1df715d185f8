"""Random runs: faults drawn per seed, invariants after every step, then healing and convergence within a bound."""

from __future__ import annotations

import random

from protocols.raft import RaftRole, RaftSettings
from tests.raft.harness import Faults, World

SMALL = {
    "max_append_bytes": 200, "max_append_entries": 5, "max_entry_bytes": 150, "cache_bytes": 1000,
    "deliver_bytes": 300, "deliver_entries": 7, "deliver_window_bytes": 900, "deliver_window_messages": 3,
    "snapshot_after_bytes": 1500, "snapshot_chunk_bytes": 64, "retained_bytes": 300, "read_rounds_in_flight": 2,
    "max_uncommitted_bytes": 4000,
}


def draw_faults(draw: random.Random) -> Faults:
    """Which faults this run has, and how strong."""
    faults = Faults(batch=draw.choice((1, 2, 8)))
    if draw.random() < 0.6:
        faults.drop = draw.choice((0.01, 0.05, 0.2))
    if draw.random() < 0.4:
        faults.duplicate = draw.choice((0.02, 0.1))
    faults.reorder = draw.random() < 0.5
    if draw.random() < 0.3:
        faults.delay_seconds = draw.choice(((0.001, 0.02), (0.0, 0.15)))
    if draw.random() < 0.3:
        faults.sync_seconds = draw.choice(((0.005, 0.05), (0.0, 0.3)))
    if draw.random() < 0.7:
        faults.crash = draw.choice((0.01, 0.05))
    if draw.random() < 0.6:
        faults.partition = draw.choice((0.02, 0.1))
    if draw.random() < 0.3:
        faults.pause = 0.03
    if draw.random() < 0.3:
        faults.damage = 0.5
    return faults


def run(
    seed: int, steps: int = 1500, role_class: type[RaftRole] = RaftRole, faults: Faults | None = None,
    names: tuple[str, ...] | None = None,
) -> World:
    """One run. Raises Violation, or AssertionError when it does not converge after healing."""
    draw = random.Random(seed)
    names = names or draw.choice((("a", "b", "c"), ("a", "b", "c"), ("a", "b", "c", "d", "e"), ("a",), ("a", "b")))
    small = {name: value for name, value in SMALL.items() if draw.random() < 0.7}
    settings = RaftSettings(**small, inflight_appends=draw.choice((1, 2, 4)))
    faults = faults or draw_faults(draw)
    if len(names) < 3:
        faults.damage = 0.0  # an only copy that the disk ruins is lost
    world = World(names, seed, settings, faults, role_class)
    strong = world.faults
    while world.steps < steps:
        for _ in range(draw.randint(5, 40)):
            world.step()
        disturb(world, draw)
        work(world, draw)
    # phase two: everything heals, and must converge and serve within a bound
    world.faults = Faults()
    world.heal()
    for name, node in world.nodes.items():
        if node.up:
            world.resume(name)
        else:
            world.boot(name)
    world.run(1.0 + strong.sync_seconds[1])
    leader = world.elect(20.0)
    world.propose(leader, b"last")
    tag = world.ask(names[-1])
    world.run_until(world.converged, 20.0, "convergence")
    world.run_until(lambda: tag not in world.owners[names[-1]].reads, 5.0, "an answer to a read")
    return world


def disturb(world: World, draw: random.Random) -> None:
    """Partitions, one-way cuts, pauses, crashes."""
    faults, names = world.faults, list(world.nodes)
    chance = draw.random()
    if chance < faults.partition:
        kind = draw.randrange(3)
        if kind == 0:
            draw.shuffle(names)
            cut = draw.randint(1, len(names))
            world.partition(names[:cut], names[cut:])
        elif kind == 1:
            world.cut = {(draw.choice(names), draw.choice(names)) for _ in range(draw.randint(1, 4))}
        else:
            world.heal()
    elif chance < faults.partition + faults.pause:
        name = draw.choice(names)
        if world.nodes[name].up:
            world.pause(name)
            world.after(draw.uniform(0.01, 1.5), resume, world, name, world.nodes[name].incarnation)
    elif chance < faults.partition + faults.pause + faults.crash:
        node = world.nodes[draw.choice(names)]
        if node.up:
            world.crash_later(node)


def resume(world: World, name: str, incarnation: int) -> None:
    if world.nodes[name].up and world.nodes[name].incarnation == incarnation:
        world.resume(name)


def work(world: World, draw: random.Random) -> None:
    """Clients: proposals at whoever thinks that it leads, reads anywhere."""
    names = list(world.nodes)
    for _ in range(draw.randint(0, 3)):
        name = world.leader() if draw.random() < 0.8 else draw.choice(names)
        if name is not None:
            count, size = draw.randint(1, 4), draw.choice((1, 1, 5))
            world.propose(name, *(b"%d" % draw.randrange(10**9) * size for _ in range(count)))
    if draw.random() < 0.5:
        world.ask(draw.choice(names))
