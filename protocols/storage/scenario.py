"""The replicated store in the simulated world: whole nodes, spawned as in the real one, with clients on each of them.

Phase one (safety): reads, overwrites, appends and expiring keys under all faults, with snapshots and compaction. Phase
two (liveness): a random quorum is healed; every operation must be answered within a bound, replicas must come to the
same state. Then what the clients saw is judged: appends without a judge, the whole history by the judge of strong
consistency.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.simulation import draws
from actors.simulation.draws import Menu
from actors.simulation.node import Node
from actors.simulation.simulation import Simulation
from actors.simulation.swarm import Run, Scenario, ScenarioSettings
from actors.simulation.tape import Stream
from actors.verification.histories import Verdict, judge, parse_history
from protocols.raft import properties as raft_properties
from protocols.raft.scenario import (
    ESCALATE,
    LIVENESS_SECONDS,
    actor_of,
    allow_lost_disks,
    draw_settings,
    heal_quorum,
    needs_log,
    run_with_trouble,
    watch_roles,
    within,
)
from protocols.storage import properties
from protocols.storage.gateway import Gateway
from protocols.storage.node import StoreSettings, spawn_store
from protocols.storage.scenario_client import CLIENTS_NAME, Clients, ReadLogs, Workload
from protocols.storage.scenario_history import Recorder
from protocols.storage.settings import SHARD_NAME, GatewaySettings, ShardSettings
from protocols.storage.shard import StorageShard

SIZES = (3, 5, 3, 1, 2)
#: Replicas are compared at every so many applied entries: the digest of sessions is not free.
COMPARE_EVERY = 16
JUDGE_SECONDS = 5.0  # of a hundred histories not one took a second
#: Out of 100: reads, overwrites, appends; the rest has a time to live.
MIXES = ((50, 30, 15), (40, 25, 30), (20, 10, 10))
#: "Certainly not executed" rests on what the transport promises: a message that was sent once arrives at most once. One
#: that came twice could be refused first and executed later. Raft alone bears both (its own scenario has them).
MENU = Menu(duplicate=False, reorder=False)


class StoreScenarioSettings(ScenarioSettings, frozen=True, kw_only=True):
    """What can be set.

    Attributes:
        nodes: of the cluster; 0: drawn.
        clients: on all nodes together.
        operations_per_second: of each client, in virtual time.
        judged: whether the whole history goes to the judge of strong consistency.
        faults: False runs without any.
    """

    seconds: float = 4.0
    nodes: int = 0
    clients: int = 10
    operations_per_second: float = 40.0
    judged: bool = True
    faults: bool = True


class StoreScenario(Scenario):
    """A cluster as users run it, without its sockets."""

    name = "store"
    Settings = StoreScenarioSettings
    goals = (
        "a leader after the first one", "a snapshot is installed", "an uncertain tail", "an unknown outcome",
        "an expired session", "a key expires", "a history is judged",
    )

    def play(self, run: Run) -> None:
        """One cluster."""
        swarm, wanted = run.swarm, self.settings
        count = wanted.nodes or swarm.choice(SIZES)
        names = [f"n{number}" for number in range(1, count + 1)]
        settings = _draw_store(swarm)
        faults = draws.draw_faults(swarm, MENU if wanted.faults else draws.NOTHING, (count - 1) // 2)
        simulation = run.world(
            faults=faults, time_model=draws.draw_time_model(swarm, wanted.seconds),
            disk="wal" if needs_log(faults) or swarm.chance(0.2) else "memory",
        )
        lost = allow_lost_disks(run)
        workload = Workload(
            period_seconds=1 / wanted.operations_per_second, mix=swarm.choice(MIXES),
            clocks_agree=not (faults.clock_step or faults.clock_drift),
        )
        recorder = Recorder(lambda: simulation.now_ns)
        _watch(simulation, recorder, settings.raft.group)

        def boot(node: Node) -> None:
            spawn_store(node.spawn, names, settings)
            share = wanted.clients // count + (node.index < wanted.clients % count)
            node.spawn(
                Clients, share, workload, recorder, run.tape.stream(f"workload:{node.name}"), name=CLIENTS_NAME,
                supervision=ESCALATE,
            )

        for name in names:
            simulation.node(name, boot)
        run_with_trouble(run, simulation, wanted.seconds, settings.raft.group)
        quorum = heal_quorum(run, simulation, names, lost)
        if quorum:
            _liveness(run, simulation, workload, quorum, recorder)
        if wanted.judged:
            _judge(run, recorder)


def _draw_store(swarm: Stream) -> StoreSettings:
    """Settings of a cluster: limits and times drawn down, so that every branch is taken."""
    raft = draw_settings(swarm)
    timeout_seconds = swarm.choice((5.0, 1.0, 0.4))
    return StoreSettings(
        raft=raft,
        shard=ShardSettings(snapshot_chunk_bytes=min(raft.snapshot_chunk_bytes, 1000)),
        gateway=GatewaySettings(
            request_timeout_seconds=timeout_seconds, retry_seconds=min(timeout_seconds, swarm.choice((1.0, 0.2, 0.05))),
            session_seconds=swarm.choice((600.0, 10.0)), max_in_flight=swarm.choice((64, 2)),
        ),
    )


def _watch(simulation: Simulation, recorder: Recorder, group: str) -> None:
    """The invariants of roles and replicas, and what should be seen."""
    watch_roles(simulation, raft_properties.History(), group)
    history = properties.History()
    compared: dict[str, int] = {}

    def replicas_agree(node: str, shard: StorageShard) -> None:
        index = shard.applied_index
        if index % COMPARE_EVERY == 0 and compared.get(node) != index:
            compared[node] = index
            status = shard.status()
            properties.check(history, node, status)
            if status.expired_keys:
                simulation.goals["a key expires"] = 1

    simulation.invariant("replicas agree", replicas_agree, StorageShard)
    simulation.sometimes("an unknown outcome", lambda node, clients: recorder.counts["info"], Clients)
    simulation.sometimes("an expired session", lambda node, gateway: gateway.sessions_opened > 1, Gateway)


def _liveness(
    run: Run, simulation: Simulation, workload: Workload, quorum: list[str], recorder: Recorder
) -> None:
    """The healed quorum must serve every client, answer everything, and come to one state."""
    def clients(name: str) -> Clients:
        found = actor_of(simulation, name, CLIENTS_NAME)
        assert isinstance(found, Clients)
        return found

    def shard(name: str) -> StorageShard:
        found = actor_of(simulation, name, SHARD_NAME)
        assert isinstance(found, StorageShard)
        return found

    before = {name: clients(name).served for name in quorum}
    with_clients = [name for name in quorum if clients(name).count]
    within(
        run, lambda: all(clients(name).served > before[name] for name in with_clients), LIVENESS_SECONDS,
        f"the healed {quorum} does not serve the clients of each of its nodes",
    )
    workload.pause = True
    within(
        run, lambda: not any(clients(name).waiting for name in quorum), LIVENESS_SECONDS,
        f"the healed {quorum} does not answer everything",
    )
    within(
        run, lambda: len({shard(name).applied_index for name in quorum}) == 1, LIVENESS_SECONDS,
        f"the replicas of the healed {quorum} do not come to the same index",
    )
    states = {name: shard(name).status() for name in quorum}
    if len({state.digest for state in states.values()}) > 1:
        raise run.violation("replicas agree", f"at the end: {states}")
    _final_reads(run, simulation, clients, quorum, recorder)


def _final_reads(
    run: Run, simulation: Simulation, clients: Callable[[str], Clients], quorum: list[str], recorder: Recorder
) -> None:
    """What was appended is read on a drawn node, and compared with what was acknowledged."""
    reader = run.swarm.choice(quorum)
    simulation.tell(simulation.ref(reader, CLIENTS_NAME), ReadLogs())
    keys = recorder.appended_keys()
    within(
        run, lambda: len(clients(reader).logs) == len(keys), LIVENESS_SECONDS, f"{reader} does not read {keys}"
    )
    for key, final in clients(reader).logs.items():
        recorder.check_appends(key, final)


def _judge(run: Run, recorder: Recorder) -> None:
    """The whole history, by the judge of strong consistency."""
    lines = b"\n".join(recorder.lines())
    if not lines:
        return
    report = judge(parse_history(lines), "strong", "key-value", time_limit_seconds=JUDGE_SECONDS)
    if report.verdict is Verdict.VIOLATION:
        raise run.violation("linearizable", report.witness.text if report.witness is not None else "")
    assert run.simulation is not None
    run.simulation.reached("a history is judged" if report.verdict is Verdict.OK else "a history that was not judged")
