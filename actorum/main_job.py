"""``python -m actorum.main_job`` (``make run``): a real data set through three real nodes and one real ``kill -9``.

Loads the Unicode character database through the Redis doors, kills the leader half-way, goes on with the other doors,
restarts it, reads every record back from every node and compares. Exit code 0 only when nothing acknowledged was lost
and all nodes agree.
"""

from __future__ import annotations

import shutil
import signal
import statistics
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from actorum.client import Client, NotReachable, ReplyError
from actorum.cluster import CLUSTER_FILE, Cluster, generate
from actorum.exits import Exit
from actorum.node_process import ClusterError, NodeProcess

BATCH = 128  # commands sent before their replies are read
WORKERS = 6  # connections, spread over the nodes
PATIENCE_SECONDS = 30.0  # without one acknowledgement, the job gives up
PAUSE_SECONDS = 0.02  # before a refused batch is tried at the next door


class Record(NamedTuple):
    """One key and its value, as they are stored."""

    key: bytes
    value: bytes


def unicode_records() -> list[Record]:
    """Every code point that has a name: ``U+0041`` -> its name, category, numeric value and decomposition as JSON."""
    found = []
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        name = unicodedata.name(character, None)
        if name is not None:
            value = {
                "name": name,
                "category": unicodedata.category(character),
                "numeric": unicodedata.numeric(character, None),
                "decomposition": unicodedata.decomposition(character),
            }
            found.append(Record(f"U+{code:04X}".encode(), msgspec.json.encode(value)))
    return found


class Load:
    """Writes all records through every node's door, each until it is acknowledged.

    A batch whose outcome is unknown is written again: setting a key to the same value twice is the same as once.

    Args:
        cluster: where to.
        records: what.
    """

    def __init__(self, cluster: Cluster, records: Sequence[Record]) -> None:
        self._cluster = cluster
        self.records = records
        self._lock = threading.Lock()
        self._next = 0
        self._last_acknowledged = time.monotonic()
        self._watching_gaps = False
        self._threads = [threading.Thread(target=self._work, args=(i,), name=f"load-{i}") for i in range(WORKERS)]
        self.acknowledged = 0
        self.longest_gap_seconds = 0.0
        self.batch_seconds: list[float] = []
        self.failure: str | None = None

    def start(self) -> None:
        """Begin."""
        self._last_acknowledged = time.monotonic()
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Stop early if not done, and wait for the workers."""
        with self._lock:
            self._next = len(self.records)
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> bool:
        """Whether every record is acknowledged, or the load has failed."""
        return self.failure is not None or self.acknowledged == len(self.records)

    def watch_gaps(self) -> None:
        """From now on measure the longest time between acknowledgements."""
        with self._lock:
            self._watching_gaps = True

    def _take(self) -> Sequence[Record]:
        with self._lock:
            first = self._next
            self._next = min(len(self.records), first + BATCH)
            return self.records[first : self._next]

    def _work(self, number: int) -> None:
        door = number
        client = self._cluster.client(door % len(self._cluster.nodes))
        while left := self._take():
            while left and self.failure is None:
                begun = time.monotonic()
                try:
                    replies = client.pipeline(("SET", record.key, record.value) for record in left)
                    refused = [record for record, reply in zip(left, replies, strict=True) if reply != b"OK"]
                    self._count(len(left) - len(refused), begun)
                    problem = next((str(reply) for reply in replies if isinstance(reply, ReplyError)), None)
                    left = refused
                except NotReachable as error:
                    problem = str(error)
                if left:
                    self._give_up_when_hopeless(problem)
                    client.close()
                    door += 1
                    client = self._cluster.client(door % len(self._cluster.nodes))
                    time.sleep(PAUSE_SECONDS)
        client.close()

    def _count(self, acknowledged: int, begun: float) -> None:
        now = time.monotonic()
        with self._lock:
            if acknowledged:
                self.acknowledged += acknowledged
                self.batch_seconds.append(now - begun)
                if self._watching_gaps:
                    self.longest_gap_seconds = max(self.longest_gap_seconds, now - self._last_acknowledged)
                self._last_acknowledged = now

    def _give_up_when_hopeless(self, problem: str | None) -> None:
        with self._lock:
            if time.monotonic() - self._last_acknowledged > PATIENCE_SECONDS:
                self.failure = f"nothing was acknowledged for {PATIENCE_SECONDS:g} s; last: {problem}"


class ReadBack(NamedTuple):
    """What reading every record from one node gave."""

    missing: int
    different: int
    seconds: float
    batch_seconds: list[float]


def read_back(node: NodeProcess, records: Sequence[Record], report: Callable[[int], object]) -> ReadBack:
    """Read every record from one node's door and compare; ``report`` is told how many are done.

    Raises:
        NotReachable: the door closed.
        ReplyError: the node answered with an error for longer than the job's patience.
    """
    missing = different = 0
    times = []
    begun = time.monotonic()
    with node.client(PATIENCE_SECONDS) as client:
        for first in range(0, len(records), BATCH):
            batch = records[first : first + BATCH]
            sent = time.monotonic()
            for record, value in zip(batch, _read(client, batch), strict=True):
                missing += value is None
                different += value is not None and value != record.value
            times.append(time.monotonic() - sent)
            report(first + len(batch))
    return ReadBack(missing, different, time.monotonic() - begun, times)


def _read(client: Client, batch: Sequence[Record]) -> list[bytes | None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        replies = client.pipeline(("GET", record.key) for record in batch)
        errors = [reply for reply in replies if isinstance(reply, ReplyError)]
        if not errors:
            return replies
        if time.monotonic() > deadline:
            raise errors[0]
        time.sleep(PAUSE_SECONDS)


def resident_bytes(pid: int | None) -> int:
    """Memory that a process holds; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def disk_bytes(folder: Path) -> int:
    """Disk space that a folder's files take."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def fresh_cluster(folder: Path) -> Cluster:
    """A new cluster of three; what an earlier run of this job left in the folder is removed.

    Raises:
        ClusterError: that cluster still runs.
    """
    if (folder / CLUSTER_FILE).exists():
        Cluster(folder / CLUSTER_FILE).stop()  # refuses when somebody has it
        shutil.rmtree(folder)
    return Cluster(generate(folder, 3))


def run(cluster: Cluster, records: Sequence[Record], console: Console) -> bool:
    """The job, on a cluster that is not started; True when nothing was lost and all nodes agree."""
    cluster.start()
    load = Load(cluster, records)
    begun = time.monotonic()
    victim: NodeProcess | None = None
    with _progress(console) as progress:
        bar = progress.add_task("writing", total=len(records))
        load.start()
        try:
            while not load.done:
                if victim is None and load.acknowledged >= len(records) // 2:
                    victim = cluster.leader()
                    load.watch_gaps()
                    victim.kill()
                    progress.console.print(f"killed the leader {victim.name} (SIGKILL); the others go on")
                elif victim is not None and not victim.running and load.acknowledged >= len(records) * 3 // 4:
                    victim.start()
                    progress.console.print(f"started {victim.name} again")
                progress.update(bar, completed=load.acknowledged)
                time.sleep(0.01)
            progress.update(bar, completed=load.acknowledged)
        finally:
            load.finish()
        wrote_seconds = time.monotonic() - begun
        if load.failure is not None:
            console.print(f"[red]{load.failure}[/]\n{cluster.describe()}")
            return False
        if victim is not None and not victim.running:
            victim.start()
        cluster.wait_stable()
        reads = {node.name: _read_back_shown(node, records, progress) for node in cluster}
    lost = max(result.missing + result.different for result in reads.values())
    console.print(_report(cluster, load, wrote_seconds, reads, lost))
    return lost == 0 and load.acknowledged == len(records)


def _read_back_shown(node: NodeProcess, records: Sequence[Record], progress: Progress) -> ReadBack:
    bar = progress.add_task(f"reading {node.name}", total=len(records))
    return read_back(node, records, lambda done: progress.update(bar, completed=done))


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _report(cluster: Cluster, load: Load, seconds: float, reads: dict[str, ReadBack], lost: int) -> Table:
    table = Table(title="Actorum: the main job", show_header=False)
    read_times = [batch for result in reads.values() for batch in result.batch_seconds]
    read_total = sum(result.seconds for result in reads.values())
    for name, value in (
        ("records", f"{len(load.records):,}"),
        ("acknowledged", f"{load.acknowledged:,}"),
        ("lost", f"{lost:,}"),
        *((f"read back from {node}", _agreement(result)) for node, result in reads.items()),
        ("seconds without service after the kill", f"{load.longest_gap_seconds:.2f}"),
        ("writes/s (with the kill)", f"{load.acknowledged / seconds:,.0f}"),
        ("reads/s (linearizable, one connection)", f"{len(reads) * len(load.records) / read_total:,.0f}"),
        (f"p50 / p99 of a pipelined batch of {BATCH} writes", _percentiles(load.batch_seconds)),
        (f"p50 / p99 of a pipelined batch of {BATCH} reads", _percentiles(read_times)),
        ("bytes on disk, per node", " · ".join(f"{disk_bytes(node.data) / 2**20:,.0f} MiB" for node in cluster)),
        ("memory, per node", " · ".join(f"{resident_bytes(node.pid) / 2**20:,.0f} MiB" for node in cluster)),
    ):
        table.add_row(name, value)
    return table


def _agreement(result: ReadBack) -> str:
    if not result.missing and not result.different:
        return "all equal"
    return f"{result.missing:,} missing, {result.different:,} different"


def _percentiles(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else [0.0] * 99
    return f"{cuts[49] * 1000:.1f} / {cuts[98] * 1000:.1f} ms"


@click.command()
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=Path("actorum-data") / "main-job",
    show_default=True, help="Folder of the job's cluster; emptied first.",
)
@click.option("--records", type=click.IntRange(min=1), help="Only the first so many.")
def main(data: Path, records: int | None) -> None:
    """Load the Unicode database into three nodes, kill the leader half-way, and read everything back."""
    console = Console()
    try:
        cluster = fresh_cluster(data)
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the job as Ctrl-C does: the nodes are stopped
    with cluster:
        try:
            good = run(cluster, unicode_records()[:records], console)
        except (ClusterError, NotReachable, ReplyError) as error:
            console.print(f"[red]{error}[/]")
            good = False
        if good and sys.stdout.isatty():
            _stay_up(cluster, console)
    if good:
        shutil.rmtree(data)
    else:
        console.print(f"Logs and data of the nodes are in {data}.")
    sys.exit(Exit.OK if good else Exit.FAILED)


def _stay_up(cluster: Cluster, console: Console) -> None:
    from actorum.launcher import Launcher

    first = cluster.nodes[0]
    console.print(f"The cluster stays up. Try: redis-cli -3 -p {first.redis_port} GET U+1F600")
    Launcher(cluster, restart=True, as_json=False).run()


if __name__ == "__main__":
    main()
