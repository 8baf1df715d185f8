"""What ``actorum torture`` shows: a line per round while it runs, and one table at the end. Knows no cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from actorum.torture import Round


def line(done: Round) -> str:
    """One round in one line."""
    counts = done.operations
    verdict = f"[green]{done.report.verdict}[/]" if done.good else f"[red]{done.report.verdict}[/]"
    return (
        f"{done.number:4}  {done.fault:<14} {' '.join(done.victims):<10}  ok {counts['ok']:6,}  "
        f"refused {counts['fail']:5,}  unknown {counts['info']:4,}  longest gap {done.longest_gap_seconds:5.2f} s  "
        f"judged in {done.report.seconds:5.2f} s: {verdict}{' · ' + done.problem if done.problem else ''}"
    )


def summary(rounds: Sequence[Round]) -> Table:
    """Everything that was done, and what came of it."""
    outcomes: Counter[str] = Counter()
    for done in rounds:
        outcomes.update(done.operations)
    faults = Counter(done.fault for done in rounds)
    table = Table(title="Actorum: torture", show_header=False)
    for name, value in (
        ("rounds", f"{len(rounds)}: " + ", ".join(f"{count} {fault}" for fault, count in faults.most_common())),
        ("operations acknowledged", f"{outcomes['ok']:,}"),
        ("certainly not executed", f"{outcomes['fail']:,}"),
        ("outcome unknown to the client", f"{outcomes['info']:,}"),
        ("longest time without service", f"{max(done.longest_gap_seconds for done in rounds):.2f} s"),
        ("histories judged linearizable", f"{sum(done.good for done in rounds)} of {len(rounds)}"),
    ):
        table.add_row(name, value)
    return table


def explain(done: Round, console: Console) -> None:
    """Why a round was not good, and where its history is."""
    if done.problem:
        console.print(f"[red]{done.problem}[/]")
    if done.report.witness is not None:
        console.print(f"[red]{done.report.witness.text}[/]")
        for operation in done.report.witness.operations:
            console.print(f"  {operation.describe()}", markup=False)
    if done.report.reason:
        console.print(f"Not decided: {done.report.reason}")
    console.print(
        f"The history: {done.history}; judge it again, with a picture: actorum judge {done.history} --level strong "
        f"--model key-value --picture round.svg"
    )


def as_json(rounds: Sequence[Round], good: bool) -> str:
    """One line for programs."""
    shown = [
        {
            "number": done.number, "fault": done.fault, "victims": done.victims, "operations": done.operations,
            "longest_gap_seconds": round(done.longest_gap_seconds, 3), "verdict": done.report.verdict,
            "problem": done.problem, "history": done.history,
        }
        for done in rounds
    ]
    return msgspec.json.encode({"good": good, "rounds": shown}).decode()
