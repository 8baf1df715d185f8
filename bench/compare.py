"""Ours and the peers in turn, A B A B A B, with the median: one table, and whether each goal holds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.contests import CONTESTS, Contest, Goal
from bench.lab import Lab
from bench.peers.running import Servers
from bench.report import number

OURS = "Actorum"


def compare(
    lab: Lab, wanted: set[str], rounds: int, echo: Callable[[str], None]
) -> tuple[dict[str, Any], bool]:
    """Run the contests.

    Args:
        lab: where ours run.
        wanted: names of the contests.
        rounds: how often each takes its turn.
        echo: prints a line.

    Returns:
        The figures, ready for JSON; and whether every "at least" that could be measured holds.
    """
    servers = Servers(lab.options.folder, lab.options.load("set", 1))
    results: dict[str, Any] = {}
    try:
        for contest in CONTESTS:
            if contest.name not in wanted:
                continue
            if contest.alone:
                lab.quiet()
                servers.stop()
            results[contest.name] = run_contest(contest, lab, servers, 1 if contest.once else rounds)
            for text in shown(contest, results[contest.name]):
                echo(text)
    finally:
        servers.stop()
    return results, all(result["at_least"]["holds"] is not False for result in results.values())


def run_contest(contest: Contest, lab: Lab, servers: Servers, rounds: int) -> dict[str, Any]:
    """One contest: figures of everybody who could be measured, and the goals' verdicts."""
    figures: dict[str, list[float]] = {OURS: []}
    problems: dict[str, str] = {}
    for _ in range(rounds):
        _take_turn(OURS, lambda: contest.ours(lab), figures, problems)
        for peer in contest.peers:
            if peer.installed():
                _take_turn(peer.name, partial(peer.run, lab, servers), figures, problems)
            else:
                problems[peer.name] = f"not installed: {peer.install}"
    medians = {name: statistics.median(values) for name, values in figures.items() if values}
    return {
        "what": contest.what,
        "unit": contest.unit,
        "figures": figures,
        "medians": medians,
        "problems": problems,
        "at_least": verdict(contest, contest.at_least, medians),
        "aim": verdict(contest, contest.aim, medians),
    }


def _take_turn(
    name: str, run: Callable[[], float], figures: dict[str, list[float]], problems: dict[str, str]
) -> None:
    try:
        figures.setdefault(name, []).append(run())
    except Exception as error:
        problems[name] = f"{type(error).__name__}: {error}"


def verdict(contest: Contest, goal: Goal, medians: dict[str, float]) -> dict[str, Any]:
    """Whether a goal holds; None when somebody was not measured, unless ours is what failed."""
    if OURS not in medians:
        return {"peer": goal.peer, "bound": goal.bound, "value": None, "holds": False}
    if goal.peer and goal.peer not in medians:
        return {"peer": goal.peer, "bound": goal.bound, "value": None, "holds": None}
    value = medians[OURS] / medians[goal.peer] if goal.peer else medians[OURS]
    holds = value >= goal.bound if contest.more_is_better else value <= goal.bound
    return {"peer": goal.peer, "bound": goal.bound, "value": value, "holds": holds}


def shown(contest: Contest, result: dict[str, Any]) -> list[str]:
    """A contest as lines of text."""
    lines = [f"{contest.name}: {contest.what}"]
    for name in [OURS, *(peer.name for peer in contest.peers)]:
        values = result["figures"].get(name)
        if values:
            spread = f"median {number(statistics.median(values))}  ({number(min(values))} to {number(max(values))})"
            lines.append(f"    {name:12s} {spread} {contest.unit}")
        if name in result["problems"]:
            *_, last = result["problems"][name].splitlines()
            lines.append(f"    {name:12s} {last[:160]}")
    for word in ("at_least", "aim"):
        lines.append("    " + _goal_line(word.replace("_", " "), contest, result[word]))
    return lines


def _goal_line(word: str, contest: Contest, goal: dict[str, Any]) -> str:
    bound = f"{goal['bound']:g}x {goal['peer']}" if goal["peer"] else f"{goal['bound']:g} {contest.unit}"
    sign = "≥" if contest.more_is_better else "≤"
    if goal["value"] is None:
        return f"{word:9s} {sign} {bound}: {'not measured' if goal['holds'] is None else 'OURS FAILED'}"
    reached = f"{number(goal['value'])}x" if goal["peer"] else f"{number(goal['value'])} {contest.unit}"
    return f"{word:9s} {sign} {bound}: {reached}  {'holds' if goal['holds'] else 'DOES NOT HOLD'}"
