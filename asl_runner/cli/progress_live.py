"""Progress on a terminal: a live tree of the states visited, redrawn in place; the last drawing stays.

⠹ order  order-7                        1.2 s
  ✓ Prepare                             0.0 s
  ⠹ Ship                                1.1 s  37 of 100 items, 5 running, retry 1
    ⠹ [40] Pack                         0.3 s
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import IO

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from asl_runner.cli.curves import sparkline
from asl_runner.cli.format import duration, printable, reason, shorten
from asl_runner.cli.map_items import MapCounts, MapRuns
from asl_runner.cli.progress_jobs import JobNames, Jobs, short_name, short_value
from asl_runner.history.events import Event
from asl_runner.history.views import VisitTracker
from asl_runner.history.visits import ScopeView, Visit
from asl_runner.sagemaker.metrics import OBJECTIVE_METRIC
from asl_runner.sagemaker.progress import JobProgress, TrialProgress

FRAMES = 8
"""Drawings a second."""

LOG_LINES = 5
"""How many of the newest lines of a job's log are shown, where it has one on AWS."""
CURVE = 12
"""Characters of a metric's curve."""
CHILDREN = 6
"""Branches or iterations shown of one state, those under way first."""

FINAL_LINES = 200
"""Lines that stay after the end at most; the history has everything."""

REMARK = 100
"""Characters of a failure in the line of its state."""

_USUAL = ("workspace .asl-runner", "workspace .asl-runner, configuration asl-runner.toml")
"""Places that need not be said."""

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SPINNER = "|/-\\"
_GLYPHS = {"SUCCEEDED": "✓", "CAUGHT": "!", "FAILED": "✗", "TIMED_OUT": "✗", "ABORTED": "⊘"}
_ASCII = {"SUCCEEDED": "+", "CAUGHT": "!", "FAILED": "x", "TIMED_OUT": "x", "ABORTED": "-"}
_COLOURS = {
    "SUCCEEDED": "green",
    "CAUGHT": "yellow",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "ABORTED": "yellow",
    "RUNNING": "cyan",
}
_JOB_STATUS = {"Completed": "SUCCEEDED", "Failed": "FAILED", "Stopped": "ABORTED"}


class _Line:
    """One line of the tree: label, time and remark, aligned over all lines."""

    __slots__ = ("depth", "label", "mark", "remark", "status", "took")

    def __init__(self, status: str, depth: int, label: str, took: str = "", remark: Text | None = None) -> None:
        self.mark = ""
        """Stands before the glyph: which branch or iteration it is."""
        self.status = status
        self.depth = depth
        self.label = label
        self.took = took
        self.remark = remark or Text()

    @property
    def width(self) -> int:
        """Columns up to the end of the label."""
        return 2 * self.depth + len(self.mark) + 2 + cell_len(self.label)


class LiveProgress:
    """Draws what a tracker knows, and the trials of tuning jobs beneath the state that runs them."""

    def __init__(
        self, stream: IO[str], jobs: Jobs | None = None, maps: MapCounts | None = None, *, virtual: bool = False
    ) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=False)
        self._tracker = VisitTracker(live=True)
        self._jobs = jobs
        self._map_runs = MapRuns(maps)
        self._names = JobNames()
        self._virtual = virtual
        self._latest = 0.0
        self._title = ("", "")
        self._where = ""
        self._unicode = (self._console.encoding or "").lower().startswith("utf")
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._ended = False

    def announce(self, machine: str, name: str, where: str = "") -> None:
        self._title = (machine, name)
        self._where = "" if where in _USUAL else where

    def feed(self, events: Sequence[Event]) -> None:
        self._names.feed(events)
        self._tracker.feed(events)
        if events:
            self._latest = events[-1].time

    def catch_up(self, events: Sequence[Event]) -> None:
        self.feed(events)

    def draw(self) -> None:
        if self._tracker.start is None:
            return
        if not self._live.is_started:
            self._live.start()
        self._live.update(self._picture(self._console.height - 2), refresh=True)

    def finish(self) -> None:
        self._ended = True
        if self._tracker.start is not None:
            self.draw_last()

    def draw_last(self) -> None:
        """The picture that stays, whole unless it is very long."""
        if not self._live.is_started:
            self._live.start()
        self._live.vertical_overflow = "visible"
        self._live.update(self._picture(FINAL_LINES), refresh=True)
        self._live.stop()

    def _now(self) -> float:
        return self._latest if self._virtual else max(time.time(), self._latest)

    def _picture(self, room: int) -> RenderableType:
        head = self._head()
        lines = list(self._scope_lines(self._tracker.root, 1))
        foot = self._foot()
        room = max(3, room - 1 - len(foot))
        if len(lines) > room:
            lines = [_Line("", 1, f"… {len(lines) - room + 1:,} earlier lines"), *lines[1 - room :]]
        width = max(line.width for line in (head, *lines))
        width = min(width, max(24, self._console.width // 2))
        return Group(*(self._text(line, width) for line in [head, *lines]), *foot)

    def _head(self) -> _Line:
        machine, name = self._title
        tracker = self._tracker
        start = tracker.start or self._now()
        took = duration(max(0.0, (tracker.end or self._now()) - start))
        remark = Text(f"{tracker.status}  " if tracker.end else "", style=_COLOURS.get(tracker.status, ""))
        remark.append(name, style="dim")
        return _Line(tracker.status, 0, machine, took, remark)

    def _foot(self) -> list[RenderableType]:
        tracker = self._tracker
        said = reason(tracker.error, tracker.cause, 2 * self._console.width)
        last = tracker.root.current
        if last is not None and last.status == "FAILED" and len(said) <= REMARK:
            said = ""  # The line of the failed state has said it.
        lines: list[RenderableType] = []
        if self._where:
            lines.append(Text(self._where, style="dim", no_wrap=True, overflow="ellipsis"))
        if tracker.end and said:
            lines.append(Text(said, style="red"))
        if tracker.end and tracker.status != "SUCCEEDED" and self._title[1]:
            lines.append(Text(f"asl-runner history {self._title[1]}", style="dim"))
        return lines

    def _scope_lines(self, scope: ScopeView, depth: int) -> Iterator[_Line]:
        if scope.dropped:
            yield _Line("", depth, f"… {scope.dropped:,} earlier visits")
        for visit in scope.visits:
            yield from self._visit_lines(visit, depth)

    def _visit_lines(self, visit: Visit, depth: int) -> Iterator[_Line]:
        took = duration(max(0.0, (visit.end or self._now()) - visit.start))
        job = self._job(visit)
        yield _Line(visit.status, depth, visit.state, took, self._remark(visit, job))
        if job is not None:
            yield from self._trial_lines(job, depth + 1)
            if visit.status == "RUNNING":
                for text in job.log[-LOG_LINES:]:
                    yield _Line("", depth + 1, "|", "", Text(printable(text), style="dim"))
        children = sorted(visit.children.values(), key=lambda child: (child.status != "RUNNING", child.index))
        for child in sorted(children[:CHILDREN], key=lambda child: child.index):
            yield from self._child_lines(child, depth + 1)
        if len(children) > CHILDREN:
            yield _Line("", depth + 1, f"… {len(children) - CHILDREN:,} more")

    def _child_lines(self, scope: ScopeView, depth: int) -> Iterator[_Line]:
        """A branch or iteration: its states, the first with its index before it."""
        shown = list(self._scope_lines(scope, depth))[-4:] if scope.status == "RUNNING" else []
        if not shown and (visit := scope.current) is not None:
            shown = list(self._visit_lines(visit, depth))
        mark = f"[{scope.index}] "
        for place, line in enumerate(shown):
            line.mark = (mark if place == 0 else " " * len(mark)) + line.mark
            yield line

    def _job(self, visit: Visit) -> JobProgress | None:
        name = self._names.of(visit.entered)
        return None if name is None or self._jobs is None else self._jobs(*name)

    def _remark(self, visit: Visit, job: JobProgress | None) -> Text:
        parts: list[tuple[str, str]] = [] if job is None else list(self._job_remark(job))
        counts = visit.counts if visit.map_run is None else self._map_runs.counts(visit.map_run)
        if counts is not None:
            total = f" of {counts.total:,}" if counts.total is not None else ""
            ended = counts.succeeded + counts.failed + counts.aborted
            parts.append((f"{ended:,}{total} done", "cyan" if visit.status == "RUNNING" else "dim"))
            running = counts.started - ended
            if running > 0 and visit.status == "RUNNING":
                parts.append((f"{running:,} running", "cyan"))
            if counts.failed:
                parts.append((f"{counts.failed:,} failed", "red"))
        elif visit.resource and visit.status == "RUNNING" and job is None:
            parts.append((visit.resource.rpartition(":function:")[2], "dim"))
        if visit.retries:
            parts.append((f"retry {visit.retries}" if visit.retries == 1 else f"{visit.retries} retries", "yellow"))
        if visit.status == "RUNNING" and visit.error is not None:
            parts.append((f"waits to try again after {reason(visit.error, visit.cause, 60) or 'a failure'}", "yellow"))
        elif visit.status in ("FAILED", "CAUGHT"):
            parts.append((reason(visit.error, visit.cause, REMARK), _COLOURS[visit.status]))
        return Text("  ").join(Text(text, style=style) for text, style in parts if text)

    def _job_remark(self, job: JobProgress) -> Iterator[tuple[str, str]]:
        """What is known of a job, each part with its style: a metric with its curve."""
        if job.total is not None:
            done = sum(trial.status in _JOB_STATUS for trial in job.trials)
            yield f"{done} of {job.total} trials", "cyan" if job.ended is None else "dim"
        elif job.ended is None and job.secondary_status:
            yield job.secondary_status, "cyan"
        for name, value in job.metrics.items():
            if name != OBJECTIVE_METRIC:
                yield f"{name} {value:.5g}", ""
                yield self._curve(job.curves.get(name, ())), "cyan"

    def _curve(self, values: Sequence[float]) -> str:
        return sparkline(values, CURVE, unicode=self._unicode)

    def _trial_lines(self, job: JobProgress, depth: int) -> Iterator[_Line]:
        """A table of the trials: heading, then objective and hyperparameters of each in columns."""
        if not job.trials:
            return
        names = list(dict.fromkeys(name for trial in job.trials for name in trial.hyperparameters))
        star = "★" if self._unicode else "*"
        curves = [self._curve(trial.curve) for trial in job.trials]
        rows = [["", job.objective or "objective", *names]]
        rows += [[drawn, *_trial_cells(one, names, star)] for drawn, one in zip(curves, job.trials, strict=True)]
        if not any(curves):
            rows = [row[1:] for row in rows]
        widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
        heading, *cells = ["  ".join(map(_pad, row, widths)) for row in rows]
        yield _Line("", depth, "trial", "", Text(heading, style="dim"))
        for trial, text in zip(job.trials, cells, strict=True):
            status = _JOB_STATUS.get(trial.status, "RUNNING" if trial.started else "")
            took = duration((trial.ended or time.time()) - trial.started) if trial.started else ""
            style = "bold green" if trial.best else "" if trial.value is not None else "dim"
            yield _Line(status, depth, short_name(trial, job.name), took, Text(text, style=style))

    def _text(self, line: _Line, width: int) -> Text:
        indent = "  " * line.depth + line.mark
        room = max(1, width - len(indent) - 2)
        label = printable(line.label) if cell_len(line.label) <= room else shorten(line.label, room)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(indent, style="dim")
        text.append(self._glyph(line.status) + " ", style=_COLOURS.get(line.status, "dim"))
        text.append(label, style="bold" if line.depth == 0 else "dim" if line.status == "" else "")
        text.append(" " * max(0, room - cell_len(label)))
        text.append(f"  {line.took:>8}", style="dim")
        text.append("  ")
        text.append_text(line.remark)
        return text

    def _glyph(self, status: str) -> str:
        if status == "RUNNING":
            frames = _SPINNER if self._unicode else _ASCII_SPINNER
            return frames[int(time.monotonic() * FRAMES) % len(frames)]
        return (_GLYPHS if self._unicode else _ASCII).get(status, " ")


def _trial_cells(trial: TrialProgress, names: Sequence[str], star: str) -> list[str]:
    """What a trial's row says: its objective, or why there is none yet, and its hyperparameters."""
    if trial.value is not None:
        first = f"{trial.value:.5g} {star if trial.best else ' '}"
    else:
        first = "waiting" if trial.started is None else trial.secondary_status or trial.status
    return [first, *(short_value(trial.hyperparameters.get(name, "")) for name in names)]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
