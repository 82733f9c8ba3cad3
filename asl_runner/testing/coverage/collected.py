"""The coverage of a test session: of each definition that ran, how often each of its elements was done."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from asl_runner.definition.model import StateMachine
from asl_runner.testing.coverage.done import tell_done
from asl_runner.testing.coverage.elements import Element, Kind, elements_of
from asl_runner.testing.coverage.watched import watched
from asl_runner.testing.run import Run


class Covered(Struct):
    """One definition, and what runs did of it."""

    file: Path
    machine: StateMachine
    elements: list[Element]
    hits: Counter[str]
    errors: dict[str, set[str]]
    """The errors that led to each retrier and catcher, by its key."""

    def count(self, kind: Kind | None = None) -> tuple[int, int]:
        """How many elements of a kind, or of all, were done, and how many there are."""
        wanted = [element for element in self.elements if kind in (None, element.kind)]
        return sum(self.hits[element.key] > 0 for element in wanted), len(wanted)

    @property
    def missing(self) -> list[Element]:
        """What was never done."""
        return [element for element in self.elements if not self.hits[element.key]]


class Coverage:
    """Collects, merges what other processes collected, and says how much there is."""

    def __init__(self) -> None:
        self._covered: dict[tuple[str, str], Covered] = {}
        self._copies: dict[tuple[str, str], StateMachine] = {}

    @property
    def definitions(self) -> list[Covered]:
        """Each definition that ran, by the name of its file."""
        return [self._covered[key] for key in sorted(self._covered)]

    @property
    def percentage(self) -> float:
        """How much of everything was done; 100 where there is nothing."""
        done, total = (sum(counts) for counts in zip((0, 0), *(one.count() for one in self.definitions), strict=True))
        return 100 * done / total if total else 100.0

    def watched(self, file: Path, machine: StateMachine) -> StateMachine:
        """The machine to run in the place of one that is in a file."""
        key = _key(file, machine.source)
        if key not in self._copies:
            hits = self._of(file, machine).hits
            self._copies[key] = watched(machine, lambda done: hits.update((done,)))
        return self._copies[key]

    def record(self, file: Path, machine: StateMachine, run: Run) -> None:
        """Takes note of a run that has ended."""
        covered = self._of(file, machine)

        def tell(element: Element, error: str | None) -> None:
            covered.hits[element.key] += 1
            if error is not None:
                covered.errors.setdefault(element.key, set()).add(error)

        tell_done(machine, run, tell)

    def data(self) -> list[dict[str, Any]]:
        """Everything as JSON values, for another process."""
        return [
            {
                "file": str(one.file),
                "source": one.machine.source,
                "hits": dict(one.hits),
                "errors": {key: sorted(errors) for key, errors in one.errors.items()},
            }
            for one in self.definitions
        ]

    def merge(self, data: list[dict[str, Any]]) -> None:
        """Adds what another process collected."""
        from asl_runner.definition import load

        for one in data:
            file = Path(one["file"])
            known = self._covered.get(_key(file, one["source"]))
            covered = known or self._of(file, load(one["source"]))
            covered.hits.update(one["hits"])
            for key, errors in one["errors"].items():
                covered.errors.setdefault(key, set()).update(errors)

    def _of(self, file: Path, machine: StateMachine) -> Covered:
        key = _key(file, machine.source)
        if key not in self._covered:
            self._covered[key] = Covered(file, machine, elements_of(machine), Counter(), {})
        return self._covered[key]


def _key(file: Path, source: str) -> tuple[str, str]:
    """A file that was changed during the session is another definition."""
    return str(file), hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
