"""The pytest plugin in other people's test runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("zmq", "uvloop", "msgspec", "hiredis", "actors", "core_ext", "protocols", "rich", "click")


def _pytest(folder: Path, test: str, *options: str) -> str:
    (folder / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", "inner", *options]
    command += ["test_it.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, check=False).stdout


def test_the_plugin_imports_nothing_heavy_until_a_fixture_is_used(tmp_path: Path) -> None:
    code = (
        "import sys, actorum.pytest_plugin\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_the_plugin_can_be_switched_off(tmp_path: Path) -> None:
    test = "def test_it(cluster): pass\n"
    assert "fixture 'cluster' not found" in _pytest(tmp_path, test, "-p", "no:actorum")


def test_node_logs_are_attached_to_a_failing_test(tmp_path: Path) -> None:
    test = (
        "def test_it(cluster_factory):\n"
        "    cluster = cluster_factory(nodes=1, settings={'process.log_level': 'debug'})\n"
        "    assert cluster.leader().name == 'n1'\n"
        "    assert False, 'on purpose'\n"
    )
    printed = _pytest(tmp_path, test)
    assert "on purpose" in printed
    assert "log of node n1" in printed
    assert "serving: Redis on port" in printed


def test_nodes_pause_resume_stop_and_start_again(tmp_path: Path) -> None:
    test = (
        "def test_it(cluster):\n"
        "    node = cluster.node(0)\n"
        "    node.pause()\n"
        "    assert node not in cluster.live()\n"
        "    assert cluster.leader() is not node\n"
        "    node.resume()\n"
        "    assert cluster.wait_stable() in cluster.nodes\n"
        "    pid = node.pid\n"
        "    assert node.stop() == 0\n"
        "    node.restart()\n"
        "    assert node.pid != pid\n"
        "    cluster.wait_stable()\n"
        "    with cluster.client(0) as client:\n"
        "        client.set('k', 'v')\n"
        "        assert client.get('k') == b'v'\n"
    )
    assert "1 passed" in _pytest(tmp_path, test)
