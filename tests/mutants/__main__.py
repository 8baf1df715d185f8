"""``python -m tests.mutants``: which world catches which wrong version, and how fast. Exit code 1: one survives all.

Every try runs in a process of its own, as many at a time as --jobs says, with a limit of wall time: a wrong version may
spin. What --keep has written is not tried again, so a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import msgspec

from tests.mutants import catalog
from tests.mutants.catalog import NOTHING, WORLDS
from tests.mutants.worlds import Found

NICENESS = 5
MORE_SECONDS = 80.0  # of own time, beyond what is asked: one run may be long
PATIENCE = 10.0  # wall time over own time: the machine has other work
FORK = multiprocessing.get_context("fork")  # everything is imported once


class Row(msgspec.Struct):
    """What was found out about one wrong version; ``tries`` by world."""

    mutant: str
    rule: str
    tries: dict[str, Found] = {}

    @property
    def caught(self) -> list[str]:
        return [world for world, found in self.tries.items() if found.caught]


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="own time of one try in one world")
    parser.add_argument("--only", action="append", default=[], help="names that hold this text; may be repeated")
    parser.add_argument("--exact", action="store_true", help="--only gives whole names")
    parser.add_argument("--area", choices=sorted(catalog.AREAS), help="mutants of one area")
    parser.add_argument("--world", action="append", choices=WORLDS, default=[], help="look only there; repeatable")
    parser.add_argument("--first", action="store_true", help="what is caught is not tried in further worlds")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants are tried at a time")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add to this file what --json prints; "
                        "mutants that stand in it count as tried")
    parser.add_argument("--json", action="store_true", help="one JSON document a mutant, a line each")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="the table of what --json has written, as Markdown; "
                        "of two tries of a mutant in a world the later one counts")
    chosen = parser.parse_args(arguments)
    if chosen.table:
        rows = read(chosen.table)
        print("\n".join(markdown(rows)))
        return judged(rows)
    names = [NOTHING, *catalog.MUTANTS] if chosen.area is None else [m.name for m in catalog.AREAS[chosen.area]]
    names = [name for name in names if not chosen.only or any(
        text == name if chosen.exact else text in name for text in chosen.only)]
    if not names:
        print(f"no mutant's name holds any of {chosen.only}", file=sys.stderr)
        return 2
    rows = read([chosen.keep]) if chosen.keep is not None and chosen.keep.exists() else []
    kept = {row.mutant for row in rows}
    os.nice(NICENESS)
    for row in in_parallel([name for name in names if name not in kept], chosen):
        rows.append(row)
        line = msgspec.json.encode(row).decode()
        if chosen.keep is not None:
            with chosen.keep.open("a") as file:
                file.write(line + "\n")
        print(line if chosen.json else "\n".join(described(row)), flush=True)
    return judged(rows)


def in_parallel(names: list[str], chosen: argparse.Namespace) -> Iterator[Row]:
    """The rows of these versions, as they come; each of the processes takes every so many-th name."""
    receiving: list[Connection] = []
    workers = []
    for number in range(max(1, chosen.jobs)):
        own, its = FORK.Pipe(duplex=False)
        worker = FORK.Process(target=_tries, args=(its, names[number :: max(1, chosen.jobs)], chosen))
        worker.start()
        its.close()
        receiving.append(own)
        workers.append(worker)
    while receiving:
        for one in wait(receiving):
            assert isinstance(one, Connection)
            try:
                yield msgspec.json.decode(one.recv_bytes(), type=Row)
            except EOFError:
                receiving.remove(one)
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"a process that tries mutants ended with exit code {worker.exitcode}")


def _tries(sending: Connection, names: list[str], chosen: argparse.Namespace) -> None:
    """What one process does: one try after the other."""
    for name in names:
        row = Row(name, catalog.MUTANTS[name].rule if name in catalog.MUTANTS else "")
        for world in catalog.worlds_of(name):
            if (not chosen.world or world in chosen.world) and not (chosen.first and row.caught):
                row.tries[world] = in_a_process(name, world, chosen.seconds)
        sending.send_bytes(msgspec.json.encode(row))
    sending.close()


def judged(rows: list[Row]) -> int:
    """The exit code; what is wrong goes to stderr."""
    wrong = [row for row in rows if row.tries and (row.mutant == NOTHING) is bool(row.caught)]
    for row in wrong:
        print(f"survives: {row.mutant}" if row.mutant != NOTHING else f"found in the right version: {row.caught}",
              file=sys.stderr)
    return 1 if wrong else 0


def read(files: Sequence[str | Path]) -> list[Row]:
    """The rows in these files, one for each mutant, in the catalogue's order."""
    rows: dict[str, Row] = {}
    for file in files:
        for line in Path(file).read_bytes().splitlines():
            row = msgspec.json.decode(line, type=Row)
            rows.setdefault(row.mutant, row).tries.update(row.tries)
    return [rows[name] for name in (NOTHING, *catalog.MUTANTS) if name in rows]


def in_a_process(name: str, world: str, seconds: float) -> Found:
    """One try, in a process that ends with it: at the latest when its own time is up, or much wall time."""
    receiving, sending = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_child, args=(sending, name, world, seconds))
    limit = PATIENCE * (seconds + MORE_SECONDS)
    process.start()
    sending.close()
    found = Found(caught=False, by=f"no answer within {limit:g} s of wall time", seconds=limit)
    try:
        if receiving.poll(limit):
            found = msgspec.json.decode(receiving.recv_bytes(), type=Found)
    except EOFError:
        process.join()
        slow = process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
        why = f"within {seconds + MORE_SECONDS:g} s of own time" if slow else f"but exit code {process.exitcode}"
        found = Found(caught=False, by=f"no answer {why}")
    finally:
        receiving.close()
        if process.is_alive():
            process.join(1.0)
        if process.is_alive():
            process.kill()
        process.join()
    return found


def _child(sending: Connection, name: str, world: str, seconds: float) -> None:
    most = int(seconds + MORE_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    sending.send_bytes(msgspec.json.encode(catalog.attempt(name, world, seconds)))
    sending.close()


def effort(found: Found) -> str:
    """How much it took."""
    events = f", {found.events:,} events" if found.events else ""
    return f"{found.runs} runs{events}, {found.seconds:.1f} s"


def described(row: Row) -> list[str]:
    """A row for a terminal."""
    lines = [f"{'caught ' if row.caught else 'SURVIVES' if row.mutant != NOTHING else 'right  '} {row.mutant}"]
    for world, found in row.tries.items():
        lines.append(f"    {world:8} {'by ' + found.by if found.caught else 'no ' + found.by:50} {effort(found)}")
    return lines


def markdown(rows: list[Row]) -> list[str]:
    """All rows as tables, one for each area."""
    lines = []
    for area, mutants in {"": (), **catalog.AREAS}.items():
        its = [row for row in rows if row.mutant in {mutant.name for mutant in mutants} or (
            not area and row.mutant == NOTHING)]
        columns = [world for world in WORLDS if any(world in row.tries for row in its)]
        if not its:
            continue
        lines += [f"## {area or 'The right version'}", "", f"| mutant | rule | {' | '.join(columns)} |",
                  f"|---|---|{'---|' * len(columns)}"]
        for row in its:
            cells = [cell(row.tries[world]) if world in row.tries else "" for world in columns]
            lines.append(f"| {row.mutant} | {row.rule} | {' | '.join(cells)} |")
        lines.append("")
    return lines


def cell(found: Found) -> str:
    """What one world said, short."""
    if not found.caught:
        return "-" if not found.by.startswith("no answer") else found.by
    by = found.by.partition("(")[0].strip()
    return f"{by}: {found.runs} / {found.seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
