"""``actorum torture``: real node processes, real kills and pauses, and a judge over everything that clients saw.

A round is one fault under load: clients talk to all doors, the nemesis strikes and heals, every node reads every key,
and the round's history is judged linearizable. Rounds use keys of their own, so each is a history of its own. What is
shown while it runs stands in ``torture_view``; knows no actor.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors.verification.histories import History, Report, Verdict, judge
from actors.verification.histories.recording import HistoryWriter
from actorum.client import Argument, Client, NotReachable, ReplyError
from actorum.cluster import Cluster
from actorum.nemesis import Fault, Nemesis
from actorum.node_process import ClusterError, NodeProcess

PATIENCE_SECONDS = 30.0  # to be stable again after a fault; a cluster that is not by then is a finding, too
CLIENT_SECONDS = 10.0  # the door promises an answer, if only "unknown", in less
JUDGE_SECONDS = 60.0
RETRY_SECONDS = 0.02


class Plan(msgspec.Struct, frozen=True):
    """How a cluster is tortured.

    Attributes:
        seconds: how long; the round that is under way is finished.
        clients: connections with one operation under way each.
        keys: of one round.
        operations_per_second: of all clients together; a bound, so that the load leaves room for the nodes.
        fault_seconds: the shortest and the longest time that a fault lasts.
        faults: those to draw from.
        seed: of faults and operations. The interleaving of real processes is not repeated by it.
    """

    seconds: float = 60.0
    clients: int = 8
    keys: int = 12
    operations_per_second: float = 1_500.0
    fault_seconds: tuple[float, float] = (0.3, 3.0)
    faults: tuple[Fault, ...] = tuple(Fault)
    seed: int = 0


class Round(msgspec.Struct, frozen=True):
    """What one fault under load came to.

    Attributes:
        number: from 1.
        fault, victims: what was done, to which nodes.
        operations: outcomes of the clients' operations: ok, fail (certainly not executed), info (unknown).
        longest_gap_seconds: the longest time without an acknowledgement.
        report: the judge's.
        history: file of the round's history.
        problem: what else went wrong: an error of a kind that no door may give, a cluster that did not come back.
    """

    number: int
    fault: Fault
    victims: tuple[str, ...]
    operations: dict[str, int]
    longest_gap_seconds: float
    report: Report
    history: str
    problem: str = ""

    @property
    def good(self) -> bool:
        """Judged, with nothing to complain of."""
        return self.report.verdict is Verdict.OK and not self.problem


class _Clients:
    """The clients of one round, as threads, and the history they make."""

    def __init__(self, cluster: Cluster, plan: Plan, number: int, seed: str) -> None:
        self.cluster = cluster
        self.plan = plan
        self.keys = [f"torture-{number}-{key}" for key in range(plan.keys)]
        self.writer = HistoryWriter(clock=time.monotonic_ns)
        self.lock = threading.Lock()
        self.counts = {"ok": 0, "fail": 0, "info": 0}
        self.longest_gap_seconds = 0.0
        self.strange = ""
        self._last_ok = time.monotonic()
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed}-{door}"), door), name=f"client-{door}")
            for door in range(plan.clients)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish its operation."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _work(self, rng: random.Random, door: int) -> None:
        process = self._new_process()
        node = self.cluster.nodes[door % len(self.cluster.nodes)]
        client = node.client(CLIENT_SECONDS)
        pause = self.plan.clients / self.plan.operations_per_second
        serial = 0
        while not self._done.wait(rng.uniform(0, 2 * pause)):
            serial += 1
            key, f = rng.choice(self.keys), rng.choices(("get", "put", "append"), (5, 3, 2))[0]
            outcome, process = self.operate(client, node, process, f, key, f"{process}.{serial} ")
            if outcome != "ok":
                client.close()
                door += 1
                node = self.cluster.nodes[door % len(self.cluster.nodes)]
                client = node.client(CLIENT_SECONDS)
                self._done.wait(RETRY_SECONDS)
        client.close()

    def _new_process(self) -> int:
        with self.lock:
            return self.writer.process()

    def operate(
        self, client: Client, node: NodeProcess, process: int, f: str, key: str, value: str = ""
    ) -> tuple[str, int]:
        """Run one operation and write down what became of it.

        Returns:
            ``ok``, ``fail`` or ``info``, and the process as which the client goes on.
        """
        command: dict[str, tuple[Argument, ...]] = {
            "get": ("GET", key), "put": ("SET", key, value), "append": ("APPEND", key, value),
        }
        with self.lock:
            if f == "get":
                self.writer.invoke(process, f, key)
            else:
                self.writer.invoke(process, f, key, value)
        try:
            reply = client.execute(*command[f])
        except (ReplyError, NotReachable) as error:
            return self._not_done(process, f, error)
        with self.lock:
            if f == "get":
                self.writer.ok(process, None if reply is None else reply.decode(), node=node.name)
            else:
                self.writer.ok(process)
            self.counts["ok"] += 1
            now = time.monotonic()
            self.longest_gap_seconds = max(self.longest_gap_seconds, now - self._last_ok)
            self._last_ok = now
        return "ok", process

    def _not_done(self, process: int, f: str, error: ReplyError | NotReachable) -> tuple[str, int]:
        """The promise of the doors: CLUSTERDOWN is certainly not executed; UNKNOWN and a lost connection may be."""
        if isinstance(error, NotReachable):
            certain = error.certainly_not_executed
        else:
            certain = error.code == "CLUSTERDOWN"
            if error.code not in ("CLUSTERDOWN", "UNKNOWN"):
                self.strange = f"a door answered {f} with {str(error)!r}"
        with self.lock:
            if certain or f == "get":  # a read that nobody saw the answer of changed nothing
                self.writer.fail(process)
                self.counts["fail"] += 1
                return "fail", process
            self.counts["info"] += 1
            return "info", self.writer.info(process)

    def read_everything(self) -> None:
        """Every node reads every key, as a part of the history: nothing acknowledged may be missing anywhere.

        Raises:
            ClusterError: a node does not serve.
        """
        for node in self.cluster.nodes:
            process = self._new_process()
            with node.client(CLIENT_SECONDS) as client:
                for key in self.keys:
                    deadline = time.monotonic() + PATIENCE_SECONDS
                    while self.operate(client, node, process, "get", key)[0] != "ok":
                        if time.monotonic() > deadline:
                            raise ClusterError(f"node {node.name} does not answer GET {key} after the fault was healed")
                        time.sleep(RETRY_SECONDS)


class Torture:
    """Rounds of faults on one cluster.

    Args:
        cluster: started, and nobody else's.
        plan: what to do.
        folder: where the rounds' histories go, as ``round-1.jsonl`` and so on.
        report: called after each round.
    """

    def __init__(self, cluster: Cluster, plan: Plan, folder: Path, report: Callable[[Round], object]) -> None:
        self.rounds: list[Round] = []
        self._cluster = cluster
        self._plan = plan
        self._folder = folder
        self._report = report
        self._rng = random.Random(f"rounds-{plan.seed}")
        self._nemesis = Nemesis(cluster, random.Random(f"nemesis-{plan.seed}"), PATIENCE_SECONDS)

    def run(self) -> bool:
        """Torture until the time is over or a round is not good; True when all were."""
        deadline = time.monotonic() + self._plan.seconds
        while True:
            done = self._round(len(self.rounds) + 1)
            self.rounds.append(done)
            self._report(done)
            if not done.good or time.monotonic() >= deadline:
                return done.good

    def _round(self, number: int) -> Round:
        fault = self._rng.choice(self._plan.faults)
        clients = _Clients(self._cluster, self._plan, number, f"{self._plan.seed}-{number}")
        victims: list[NodeProcess] = []
        problem = ""
        clients.start()
        try:
            time.sleep(self._rng.uniform(0.2, 0.6))  # under load, not at its beginning: the point of the exercise
            victims = self._nemesis.strike(fault)
            time.sleep(self._rng.uniform(*self._plan.fault_seconds))
            self._nemesis.heal(victims)
            self._cluster.wait_stable(PATIENCE_SECONDS)
            time.sleep(self._rng.uniform(0.2, 0.6))
        except ClusterError as error:
            problem = str(error)
        finally:
            clients.stop()
        try:
            if not problem:
                clients.read_everything()
        except (ClusterError, NotReachable) as error:
            problem = str(error)
        history = clients.writer.history()
        path = self._folder / f"round-{number}.jsonl"
        clients.writer.save(path)
        return Round(
            number, fault, tuple(node.name for node in victims), clients.counts, clients.longest_gap_seconds,
            self._judge(history), str(path), problem or clients.strange,
        )

    def _judge(self, history: History) -> Report:
        return judge(history, "strong", "key-value", time_limit_seconds=JUDGE_SECONDS)
