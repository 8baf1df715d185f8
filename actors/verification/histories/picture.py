"""Draws a judged history: one row per process, time from left to right, what is at fault in red. SVG and plain text.

Knows histories and reports, no judge. Distances are not to scale: only the order of the events counts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from html import escape

from actors.verification.histories.history import History, Operation, Outcome, Process
from actors.verification.histories.report import Report, Verdict

MAX_SHOWN = 200
TEXT_COLUMNS = 200
LABEL_CHARACTERS = 60

_CHARACTER = 7.2  # width of one, in pixels, of the 12 pixel monospace font
_ROW, _BAR, _LEFT, _GAP, _MARGIN = 48, 24, 110, 12, 24
_WORDS = 110  # characters in a line of the explanation
_LEGEND = (
    "Time runs to the right, not to scale; a bar is an operation, from its invocation to its completion; red: at "
    "fault; dashed: nobody knows whether and when it happened."
)

_TITLES = {
    Verdict.OK: "The history keeps the promise of the level",
    Verdict.VIOLATION: "The history breaks the promise of the level",
    Verdict.UNKNOWN: "Not decided",
}


def shown(history: History, report: Report) -> tuple[list[Operation], str]:
    """Which operations a picture shows, in order of invocation, and what is to be said about those it leaves out."""
    if report.witness is not None:
        edges = [one for edge in report.witness.edges for one in (edge.before, edge.after)]
        chosen = {one.invoked: one for one in (*report.witness.window, *report.witness.operations, *edges)}
        operations = [chosen[position] for position in sorted(chosen)]
        what = f"{len(operations)} of {len(history.operations)} operations: those that show the violation"
    else:
        operations = [one for one in history.operations if one.outcome is not Outcome.FAIL]
        what = f"{len(operations)} operations"
    if len(operations) > MAX_SHOWN:
        keep = {one.invoked for one in report.witness.operations} if report.witness else set()
        last = [one for one in operations if one.invoked not in keep][-MAX_SHOWN:] if keep else operations[:MAX_SHOWN]
        chosen_ones = keep | {one.invoked for one in last}
        operations = [one for one in operations if one.invoked in chosen_ones]
        what = f"{len(operations)} of {len(history.operations)} operations"
    return operations, what


def explanation(report: Report) -> str:
    """The verdict in words."""
    if report.witness is not None:
        return report.witness.text
    return report.reason if report.verdict is Verdict.UNKNOWN else "Nothing contradicts it."


def arrange(operations: Sequence[Operation], width: Callable[[Operation], float], gap: float) -> dict[int, float]:
    """Where each event stands, so that every bar is as wide as its label.

    Args:
        operations: of the picture, in order of invocation.
        width: of an operation's label.
        gap: at least, between two events.

    Returns:
        Position of the event, to place; the end of operations without completion is at position ``-1``.
    """
    begun = {one.completed: one for one in operations if one.completed is not None}
    events = sorted([one.invoked for one in operations] + list(begun))
    places: dict[int, float] = {}
    at = 0.0
    for event in events:
        if event in begun:
            at = max(at, places[begun[event].invoked] + width(begun[event]))
        places[event] = at
        at += gap
    open_ends = [places[one.invoked] + width(one) for one in operations if one.completed is None]
    places[-1] = max([at, *open_ends])
    return places


def _label(operation: Operation) -> str:
    text = operation.short()
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1] + "…"


def _rows(operations: Sequence[Operation]) -> dict[Process, int]:
    rows: dict[Process, int] = {}
    for process in sorted({one.process for one in operations}, key=lambda one: (isinstance(one, str), one)):
        rows[process] = len(rows)
    return rows


def svg(history: History, report: Report) -> str:
    """The picture as an SVG document."""
    operations, what = shown(history, report)
    guilty = {one.invoked for one in report.witness.operations} if report.witness else set()
    edges = report.witness.edges if report.witness else ()
    places = arrange(operations, lambda one: len(_label(one)) * _CHARACTER + 12, _GAP)
    rows = _rows(operations)
    words = textwrap.wrap(explanation(report), _WORDS)
    top = 64 + 18 * len(words)
    width = max(_LEFT + places[-1] + 2 * _MARGIN, _WORDS * _CHARACTER + 2 * _MARGIN)
    reasons = [f"{number}: {edge.why}" for number, edge in enumerate(edges, 1)]
    legend = [*reasons, *textwrap.wrap(f"{what}. {_LEGEND}", _WORDS)]
    height = top + _ROW * len(rows) + 16 * len(legend) + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" font-family="monospace" font-size="12">',
        f"<title>{escape(_TITLES[report.verdict])}: {escape(report.level)}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#b00020"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height}" fill="#ffffff"/>',
        _text(_MARGIN, 28, f"{_TITLES[report.verdict]} “{report.level}” ({report.model})", size=16, weight="bold"),
    ]
    out += [_text(_MARGIN, 52 + 18 * number, line) for number, line in enumerate(words)]
    for process, row in rows.items():
        y = top + _ROW * row + _ROW / 2
        out.append(_text(_MARGIN, y + 4, f"process {process}", fill="#555555"))
        out.append(f'<line x1="{_LEFT}" x2="{width - _MARGIN:.0f}" y1="{y}" y2="{y}" stroke="#e0e0e0"/>')
    boxes = {
        one.invoked: (
            _LEFT + places[one.invoked], top + _ROW * rows[one.process] + (_ROW - _BAR) / 2,
            (places[-1] if one.completed is None else places[one.completed]) - places[one.invoked],
        )
        for one in operations
    }
    for one in operations:
        out.append(_bar(one, boxes[one.invoked], one.invoked in guilty))
    for number, edge in enumerate(edges, 1):
        out.append(_arrow(boxes[edge.before.invoked], boxes[edge.after.invoked], str(number)))
    foot = top + _ROW * len(rows) + 22
    out += [_text(_MARGIN, foot + 16 * number, line, fill="#555555") for number, line in enumerate(legend)]
    return "\n".join([*out, "</svg>", ""])


def _text(x: float, y: float, text: str, fill: str = "#111111", size: int = 12, weight: str = "normal") -> str:
    style = f'fill="{fill}" font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _bar(operation: Operation, box: tuple[float, float, float], guilty: bool) -> str:
    x, y, width = box
    fill, stroke = ("#ffd6d6", "#b00020") if guilty else ("#dcebfa", "#33658a")
    dash = ' stroke-dasharray="5 4"' if operation.completed is None else ""
    thick = 2.5 if guilty else 1.2
    return (
        f"<g><title>{escape(operation.describe())}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}" rx="4" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="{thick}"{dash}/>{_text(x + 6, y + 16, _label(operation))}</g>'
    )


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float], number: str) -> str:
    """A curve from the middle of one bar to the middle of another, with its number at its middle."""
    x1, x2 = start[0] + start[2] / 2, end[0] + end[2] / 2
    y1 = start[1] + _BAR if end[1] > start[1] else start[1]
    y2 = end[1] + _BAR if end[1] < start[1] else end[1]
    bend = -26 if start[1] == end[1] else 0
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2 + bend
    label_y = middle_y - bend / 2
    return (
        f'<path d="M{x1:.1f},{y1:.1f} Q{middle_x:.1f},{middle_y:.1f} {x2:.1f},{y2:.1f}" fill="none" stroke="#b00020" '
        f'marker-end="url(#tip)"/><circle cx="{middle_x:.1f}" cy="{label_y:.1f}" r="8" fill="#ffffff" '
        f'stroke="#b00020"/>{_text(middle_x - 3.6 * len(number), label_y + 4, number, fill="#b00020", size=11)}'
    )


def text_picture(history: History, report: Report, columns: int = TEXT_COLUMNS) -> str:
    """The picture for a terminal; a list of the operations when it would be wider than ``columns`` characters."""
    operations, what = shown(history, report)
    guilty = {one.invoked for one in report.witness.operations} if report.witness else set()
    places = arrange(operations, lambda one: len(_label(one)) + 3, 2)
    rows = _rows(operations)
    names = max((len(f"process {process}") for process in rows), default=0)
    if names + 2 + places[-1] > columns:
        lines = [f"{'>>' if one.invoked in guilty else '  '} {one.describe()}" for one in operations]
        return "\n".join([*lines, f"   ({what}; >> at fault)", ""])
    lines = []
    for process in rows:
        line = f"{f'process {process}':{names}s}  "
        begin = len(line)
        mark = ""
        for one in operations:
            if one.process == process:
                line = line.ljust(begin + int(places[one.invoked]))
                end = places[-1] if one.completed is None else places[one.completed]
                label, size = _label(one), int(end - places[one.invoked])
                left, fill, right = ("┣", "━", "┫") if one.invoked in guilty else ("├", "─", "┤")
                if one.completed is None:
                    fill, right = ("╍", "…") if one.invoked in guilty else ("╌", "…")
                line += f"{left}{label}{fill * (size - len(label) - 1)}{right}"
                mark = "  ◀ at fault" if one.invoked in guilty else mark
        lines.append(line + mark)
    return "\n".join([*lines, f"({what}; time runs to the right; … outcome unknown)", ""])
