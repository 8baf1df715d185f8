"""How long judging takes, the reading of the history not included: ``python -m bench.judges HISTORY MODEL``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from actors.verification.histories import judge, read_history
from bench.lab import Lab
from bench.peers import porcupine
from bench.timing import run_module
from tests.histories.generate import KEY_VALUE, REGISTER, generate, to_lines

OPERATIONS = 100_000
CLIENTS = 10
ROUNDS = 3
LIMIT_SECONDS = 60.0

# name: keys, functions, model
HISTORIES = {
    "key-value": (100, KEY_VALUE, "key-value"),
    "hot-register": (1, REGISTER, "register"),
}


def history(lab: Lab, name: str) -> Path:
    """The file of a history, the same in every run; made when it is first asked for."""
    path = lab.options.folder / f"history-{name}.jsonl"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        keys, mix, _ = HISTORIES[name]
        path.write_text(to_lines(generate(1, OPERATIONS, clients=CLIENTS, keys=keys, mix=mix)))
    return path


def ours(lab: Lab, name: str) -> float:
    """Seconds of one judgement by ours, the shortest of three."""
    return float(run_module("bench.judges", str(history(lab, name)), HISTORIES[name][2])["seconds"])


def porcupines(lab: Lab, name: str) -> float:
    """Seconds of one check by Porcupine, the shortest of three."""
    return float(porcupine.check(history(lab, name), ROUNDS, LIMIT_SECONDS)["seconds"])


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("model")
def main(path: Path, model: str) -> None:
    """Judge a history and print the shortest time."""
    found = read_history(path)
    reports = [judge(found, "strong", model, time_limit_seconds=LIMIT_SECONDS) for _ in range(ROUNDS)]
    click.echo(json.dumps({
        "verdict": reports[0].verdict.value, "seconds": min(report.seconds for report in reports),
        "operations": len(found.operations),
    }))


if __name__ == "__main__":
    main()
