"""pytest fixtures: real clusters (node processes on free ports, with real disks and real kills), and the same cluster
in the simulated world (virtual time, one seed, network faults), under the same words.

Switch off with ``-p no:actorum``. Importing this module imports nothing but pytest and the standard library; the rest
is imported when a fixture is used.

    def test_the_counter_survives(cluster):
        leader = cluster.leader()
        with leader.client() as client:
            client.set("counter", 1)
        leader.kill()
        with cluster.leader().client() as client:
            assert client.get("counter") == b"1"
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from actorum.cluster import Cluster
    from actorum.simulated_cluster import SimulatedCluster

    ClusterFactory = Callable[..., Cluster]
    SimulationFactory = Callable[..., SimulatedCluster]

LOG_LINES = 60
_logs: pytest.StashKey[list[Path]] = pytest.StashKey()


@pytest.fixture
def cluster_factory(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[ClusterFactory]:
    """A function that starts clusters, stopped when the test ends.

    Its arguments:
        nodes: how many (default 3).
        settings: overrides by path, ``{"raft.heartbeat_seconds": 0.02}``.
        start: False makes the files and starts nothing.

    It returns an ``actorum.cluster.Cluster``: ``leader()``, ``wait_stable()``, ``client(i)`` and ``node(i)`` with
    ``kill()``, ``pause()``, ``resume()``, ``restart()``, ``client()``, ``status()``.
    """
    from actorum.cluster import Cluster, generate

    made: list[Cluster] = []
    logs = request.node.stash.setdefault(_logs, [])

    def make(nodes: int = 3, settings: Mapping[str, Any] | None = None, start: bool = True) -> Cluster:
        config = generate(tmp_path / f"cluster-{len(made) + 1}", nodes)
        overrides = [f"{path}={value}" for path, value in (settings or {}).items()]
        cluster = Cluster(config, overrides=overrides)
        made.append(cluster)
        logs.extend(node.log_file for node in cluster)
        if start:
            cluster.start()
        return cluster

    yield make
    for cluster in reversed(made):
        cluster.stop()


@pytest.fixture
def cluster(cluster_factory: ClusterFactory) -> Cluster:
    """Three nodes that serve."""
    return cluster_factory()


@pytest.fixture
def simulation_factory() -> SimulationFactory:
    """A function that makes simulated clusters; its arguments are those of
    ``actorum.simulated_cluster.SimulatedCluster``, which has ``leader()``, ``wait_stable()``, ``client(i)`` and
    ``node(i)`` with ``kill()``, ``pause()``, ``resume()``, ``restart()``, ``client()``, ``status()`` as a real cluster
    has them, and ``partition()``, ``heal()``, ``run(seconds)`` and ``simulation`` besides.
    """
    from actorum.simulated_cluster import SimulatedCluster

    return SimulatedCluster


@pytest.fixture
def simulation(simulation_factory: SimulationFactory) -> SimulatedCluster:
    """Three simulated nodes that serve."""
    made = simulation_factory()
    made.wait_stable()
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the end of every node's log to the report of a failed test."""
    report = yield
    if report.failed:
        for path in item.stash.get(_logs, []):
            if path.exists():
                lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
                report.sections.append((f"log of node {path.stem} ({path})", "\n".join(lines)))
    return report
