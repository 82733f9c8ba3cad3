"""Progress on stderr while an execution runs: chosen here, fed here, drawn by `progress_plain` and `progress_live`.

The execution only appends its batches of events to a queue; a thread of its own takes them a few times a second and
draws, so progress never holds a run up. What happens within one interval is drawn at once.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from asl_runner.history.events import Event

if TYPE_CHECKING:
    from asl_runner.cli.progress_jobs import Jobs
    from asl_runner.workspace import Workspace

INTERVAL = 0.15
"""Seconds between two drawings."""

Style = Literal["live", "plain", "none"]


class Drawing(Protocol):
    """One way to show progress. Called from one thread at a time."""

    def announce(self, machine: str, name: str, where: str = "") -> None:
        """Says which execution it is, and where it is kept, before its first event."""

    def feed(self, events: Sequence[Event]) -> None:
        """Takes the next events of the execution."""

    def catch_up(self, events: Sequence[Event]) -> None:
        """Takes what happened in the execution before; it is not news."""

    def draw(self) -> None:
        """Shows what changed."""

    def finish(self) -> None:
        """Shows the end and leaves the terminal as it was."""


class Progress:
    """Feeds a drawing with an execution's events, from a thread of its own. A context manager."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._batches: deque[Sequence[Event]] = deque()
        self._past: Sequence[Event] = ()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)
        self._announced: tuple[str, str, str] | None = None
        self._defect: Exception | None = None

    def announce(self, machine: str, name: str, where: str = "") -> None:
        """Says which execution it is, and where it is kept."""
        self._announced = (machine, name, where)

    def catch_up(self, events: Sequence[Event]) -> None:
        """Says what has happened in the execution before. To be called before it is announced."""
        self._past = events

    def observe(self, events: Sequence[Event]) -> None:
        """Takes a batch of the journal; cheap."""
        self._batches.append(events)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._defect is not None:
            print(f"The progress display stopped: {self._defect!r} (a defect in asl_runner).", file=sys.stderr)

    def _work(self) -> None:
        try:
            while not self._ended.wait(INTERVAL):
                # Its first event may come before anybody knows what to call it.
                if self._announced is not None:
                    self._feed()
                    self._drawing.draw()
            # One that nobody announced did not get under way: the error message says it all.
            if self._announced is not None:
                self._feed()
                self._drawing.finish()
        except OSError:
            return  # stderr has no reader any more, or no room; the execution goes on.
        except Exception as defect:  # noqa: BLE001 - a defect of the display must not end the execution
            self._defect = defect

    def _feed(self) -> None:
        if self._announced is not None:
            self._drawing.announce(*self._announced)
            if self._past:
                self._drawing.catch_up(self._past)
                self._past = ()
        while self._batches:
            self._drawing.feed(self._batches.popleft())


def choose_style(asked: Literal["auto", "live", "plain", "none"], *, quiet: bool) -> Style:
    """How to show progress on this stderr."""
    if quiet or asked == "none":
        return "none"
    if asked != "auto":
        return asked
    return "live" if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"


def show_progress(
    style: Literal["live", "plain"], workspace: Workspace, *, virtual: bool = False, jobs: Jobs | None = None
) -> Progress:
    """Progress on stderr, to be entered as a context; `virtual`: the execution's time is not this machine's.

    `jobs` tells of SageMaker jobs; without it those that this process runs are known.
    """
    jobs = jobs or workspace.local.job_progress
    if style == "live":
        from asl_runner.cli.progress_live import LiveProgress

        return Progress(LiveProgress(sys.stderr, jobs, workspace.map_counts, virtual=virtual))
    from asl_runner.cli.progress_plain import PlainProgress

    return Progress(PlainProgress(sys.stderr, jobs, workspace.map_counts, virtual=virtual))
