"""A test of one's own against a real cluster: the plugin comes with the package, the fixtures need no import.

Run with ``pytest examples/test_with_cluster.py``.
"""

from actorum.cluster import Cluster


def test_what_was_acknowledged_survives_the_leader(cluster: Cluster) -> None:
    leader = cluster.leader()
    with leader.client() as client:
        client.set("account", "100")
    leader.kill()
    with cluster.leader().client() as client:
        assert client.get("account") == b"100"
    leader.restart()
    cluster.wait_stable()
    with leader.client() as client:
        assert client.get("account") == b"100"
