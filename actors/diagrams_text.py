"""A sequence diagram as text, for terminals and reports. Knows ``Diagram`` and nothing of the run that made it.

    seconds  n1              n2              n3
    0.051200  ├──VoteRequest──▶              │         VoteRequest(term=1, …)
"""

from __future__ import annotations

from actors.diagrams import Diagram, Life, Row
from actors.trace import What

_LINES = {Life.UP: "│", Life.DOWN: " ", Life.PAUSED: "┊"}
_MARKS = {
    What.START: "▲", What.TIMER: "◷", What.CHOICE: "?", What.SYNC: "▪", What.CRASH: "✖", What.PAUSE: "‖",
    What.RESUME: "▸", What.FAULT: "!", What.CLIENT: "◆", What.FAILURE: "✖",
}
_NARROWEST = 10


def draw(diagram: Diagram, width: int = 150) -> str:
    """The diagram as lines of text.

    Args:
        diagram: what to draw.
        width: of a line, in characters; longer texts end in an ellipsis.
    """
    column_width = max(_NARROWEST, min(18, max((len(name) for name in diagram.columns), default=0) + 2))
    margin = 12
    canvas_width = margin + column_width * len(diagram.columns)
    room = max(20, width - canvas_width - 2)
    lines = []
    if diagram.before:
        lines.append(f"… {diagram.before}")
    if diagram.cut:
        lines.append(f"… in force since before: {diagram.cut}")
    head = ("seconds" if diagram.timed else "step").rjust(margin - 2) + "  "
    lines.append(head + "".join(_clipped(name, column_width - 1).ljust(column_width) for name in diagram.columns))
    for number, row in enumerate(diagram.rows):
        if row.skipped:
            lines.append(f"{'⋮':>{margin - 2}}  {row.skipped} steps")
        stamp = f"{row.event.at_seconds:.6f}" if diagram.timed else str(number + 1)
        start = stamp.rjust(margin - 2) + "  "
        if row.column is None:
            lines.append(start + _banner(row, column_width * len(diagram.columns)))
            continue
        body = "".join(_step(row, column_width))
        lines.append((start + body + "  " + _clipped(_told(row), room)).rstrip())
    if diagram.after:
        lines.append(f"… {diagram.after}")
    return "\n".join(lines) + "\n"


def _clipped(text: str, room: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def _banner(row: Row, width: int) -> str:
    """A row for the whole world: a partition, its end, the violation."""
    fill = "█" if row.event.what is What.VIOLATION else "═"
    title = f"{row.event.what.value.upper()}: {row.text}" if row.text else row.event.what.value.upper()
    return f"{fill * 3} {title} ".ljust(width, fill).replace("\n", " ")


def _told(row: Row) -> str:
    """The words beside a row."""
    what = row.event.what
    if what is What.DELIVER:
        return row.text
    if what is What.SEND:
        return f"in flight: {row.text}"
    return f"{what.value} {row.text}".rstrip()


def _step(row: Row, width: int) -> list[str]:
    """The columns of one row, as characters."""
    canvas = [" "] * (width * len(row.lives))
    for column, life in enumerate(row.lives):
        canvas[column * width] = _LINES[life]
    assert row.column is not None
    here = row.column * width
    if row.source is None:
        canvas[here] = _MARKS.get(row.event.what, "•")
        return canvas
    there = row.source * width
    if here == there:
        canvas[here] = "✕" if row.event.what is What.DROP else "↺"
        return canvas
    left, right = min(here, there), max(here, there)
    ends = {What.DROP: "✕", What.SEND: "…"}.get(row.event.what, "▶" if here > there else "◀")
    for at in range(left + 1, right):
        canvas[at] = "─"
    canvas[there] = "├" if here > there else "┤"
    # a message that did not arrive ends before the lifeline that it was meant for
    arrived = row.event.what in (What.DELIVER, What.DUPLICATE)
    canvas[here if arrived else here + (-1 if here > there else 1)] = ends
    name = row.text.partition("(")[0].partition(" ")[0]
    room = right - left - 5
    if room >= 3:
        name = _clipped(name, room)
        at = left + 1 + (right - left - 1 - len(name)) // 2
        canvas[at : at + len(name)] = name
    return canvas
