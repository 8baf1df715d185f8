"""``actorum torture`` as a command. Knows options and exit codes; the work stands in ``torture``."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click

from actorum.exits import Exit
from actorum.nemesis import Fault


@click.command(short_help="Kill and pause a new cluster under load; judge what clients saw.")
@click.option("--minutes", type=click.FloatRange(min=0), default=1.0, show_default=True, help="How long.")
@click.option("--nodes", type=click.IntRange(3, 9), default=3, show_default=True, help="Node processes.")
@click.option("--clients", type=click.IntRange(1, 64), default=8, show_default=True, help="Clients at work.")
@click.option("--rate", type=click.FloatRange(1), default=1_500.0, show_default=True, help="Operations per second.")
@click.option("--seed", type=int, help="Of faults and operations; drawn and printed when not given.")
@click.option(
    "--fault", "faults", type=click.Choice([*map(str, Fault)]), multiple=True, help="Only these; may be given again."
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path),
    help="A new folder for the cluster and the histories, kept afterwards (default: a temporary one, kept when "
    "something was found).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end instead of the report.")
def torture(
    *, minutes: float, nodes: int, clients: int, rate: float, seed: int | None, faults: tuple[str, ...],
    data: Path | None, as_json: bool,
) -> None:
    """Kill and pause the nodes of a new cluster on this machine under load, and judge what the clients saw."""
    import secrets

    from rich.console import Console

    from actors.verification.histories import Verdict
    from actorum import torture_view
    from actorum.cluster import Cluster, generate
    from actorum.torture import Plan, Torture

    if data is not None and data.exists() and any(data.iterdir()):
        raise click.UsageError(f"--data {data} is not empty; torture makes a cluster of its own: name a new folder")
    console = Console(stderr=as_json, soft_wrap=True)
    folder = data or Path(tempfile.mkdtemp(prefix="actorum-torture-"))
    seed = secrets.randbits(32) if seed is None else seed
    plan = Plan(
        seconds=60 * minutes, clients=clients, operations_per_second=rate, seed=seed,
        faults=tuple(map(Fault, faults)) or tuple(Fault),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does: the nodes are stopped
    console.print(f"seed {seed}, {nodes} nodes, {clients} clients; histories and data in {folder}")
    good = False
    try:
        with Cluster(generate(folder / "cluster", nodes)) as cluster, contextlib.suppress(KeyboardInterrupt):
            cluster.start()
            work = Torture(cluster, plan, folder, lambda done: console.print(torture_view.line(done), highlight=False))
            good = work.run()
    finally:
        if good and data is None:
            shutil.rmtree(folder)
    if as_json:
        click.echo(torture_view.as_json(work.rounds, good))
    elif work.rounds:
        console.print(torture_view.summary(work.rounds))
    if work.rounds and not work.rounds[-1].good:
        torture_view.explain(work.rounds[-1], console)
        undecided = work.rounds[-1].report.verdict is Verdict.UNKNOWN and not work.rounds[-1].problem
        sys.exit(Exit.UNDECIDED if undecided else Exit.FAILED)
    sys.exit(Exit.OK)
