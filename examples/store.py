"""The replicated store, spoken to by an ordinary Redis client: three nodes, one of which dies in the middle."""

import sys
from pathlib import Path

import redis

from actorum.cluster import Cluster, generate


def main(folder: Path) -> None:
    with Cluster(generate(folder, nodes=3)) as cluster:
        cluster.start()
        with redis.Redis(port=cluster.node(0).redis_port) as client:
            client.set("greeting", "hello")  # on disk on a majority when this returns
            client.incrby("visits", 41)
            print("any node, any command:", client.mget("greeting", "visits"))
        cluster.leader().kill()  # SIGKILL
        survivor = cluster.leader()
        with redis.Redis(port=survivor.redis_port) as client:
            print("after the leader was killed:", client.incr("visits"), client.get("greeting"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "store-data"))
