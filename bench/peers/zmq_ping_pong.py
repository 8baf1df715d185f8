"""Bare pyzmq: one request and one reply at a time between two processes, the floor under any ask over ZeroMQ.

usage: python -m bench.peers.zmq_ping_pong SECONDS
"""

from __future__ import annotations

import json
import subprocess
import sys

import zmq

from bench.timing import rate

BODY = b"x" * 64
ROUNDS = 500


def serve(address: str) -> None:
    """Send everything back, until killed."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind(address)
    print("bound", flush=True)
    while True:
        socket.send_multipart(socket.recv_multipart())


def measure(seconds: float) -> float:
    """Round trips per second over loopback TCP."""
    from actorum.cluster import free_ports

    address = f"tcp://127.0.0.1:{free_ports(1)[0]}"
    child = subprocess.Popen([sys.executable, "-m", __spec__.name, "serve", address], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        socket.connect(address)

        def chunk() -> int:
            for _ in range(ROUNDS):
                socket.send(BODY)
                assert socket.recv() == BODY
            return ROUNDS

        found = rate(chunk, seconds)
        socket.close(0)
        return found
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        print(json.dumps({"value": measure(float(sys.argv[1]))}))
