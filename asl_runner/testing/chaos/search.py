"""The search: an undisturbed run, then one for each thing that can go wrong, and what became of each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.configuration import Configuration
from asl_runner.definition.model import StateMachine, Task, Working
from asl_runner.definition.walk import all_states, inner_scopes
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.errors import TIMEOUT
from asl_runner.resources.mocks.answers import Answer, Raises, Silent, answer_of
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.testing.chaos.possible import SILENCE, errors_of, named, plausible
from asl_runner.testing.run import Run, StateVisit
from asl_runner.workspace import Workspace

Verdict: TypeAlias = Literal["recovered", "handled", "uncaught", "broken", "endless", "lossy"]

VERDICTS: dict[Verdict, str] = {
    "recovered": "ended as if nothing had happened, or succeeded in another way",
    "handled": "led to a Fail state",
    "uncaught": "ended the execution: nothing caught it",
    "broken": "was caught, and what came after failed",
    "endless": "left the execution waiting or turning for ever",
    "lossy": "was caught, and the data of the state's input were gone",
}
FAULTS: frozenset[Verdict] = frozenset({"uncaught", "broken", "endless", "lossy"})
"""What a definition should not let happen."""

ANY = "Chaos.Injected"
"""An error that only States.ALL and States.TaskFailed match: the one pairs are made of."""

START = 1_700_000_000.0


class Injection(Struct, frozen=True):
    """An error in every invocation of a state's task."""

    state: str
    error: str

    @property
    def answer(self) -> Answer:
        """What the task answers instead."""
        return Silent() if self.error == SILENCE else Raises(self.error, "injected")


class Finding(Struct, frozen=True):
    """What became of a run with injections."""

    injections: tuple[Injection, ...]
    verdict: Verdict
    status: str
    error: str | None
    path: list[Any]
    note: str = ""


class Search(Struct, frozen=True):
    """The result."""

    undisturbed: Run
    findings: list[Finding]

    @property
    def faults(self) -> list[Finding]:
        """Those that a definition should not let happen."""
        return [finding for finding in self.findings if finding.verdict in FAULTS]


async def search(
    machine: StateMachine,
    input: Json,
    mocks: Mapping[str, object],
    configuration: Configuration,
    *,
    pairs: bool = True,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Search:
    """Runs the machine with everything that can go wrong, in virtual time; nothing is done for real.

    `mocks` are what tasks answer, by state; the others get plausible answers. Raises `UsageError` when the undisturbed
    run does not succeed: then there is nothing to compare with.
    """
    tasks = {state.name: state for state in all_states(machine) if isinstance(state, Task)}
    errors = _errors(machine, tasks)
    answers = {name: answer_of(mocks.get(name, plausible(task))) for name, task in tasks.items()}
    with tempfile.TemporaryDirectory() as directory:
        async with Workspace(configuration, Path(directory)) as workspace:
            runner = _Runner(workspace, machine, input, answers)
            undisturbed = await runner.run(())
            if undisturbed.status != "SUCCEEDED":
                said = f"The undisturbed run ends {undisturbed.status} ({undisturbed.error}: {undisturbed.cause})"
                raise UsageError(f"{said}: give an input and, with --mock, what the tasks answer when nothing fails.")
            findings: list[Finding] = []
            visited = _visited(undisturbed, tasks)
            plan = [Injection(state, error) for state in visited for error in errors[state]]
            followers: list[tuple[Injection, ...]] = []
            for number, one in enumerate(plan):
                progress(number, len(plan))
                run = await runner.run((one,))
                findings.append(judge(machine, (one,), run))
                if pairs and one.error != SILENCE:
                    followers += _further(one, run, undisturbed, tasks)
            couples = [*dict.fromkeys(followers)]
            if pairs:
                couples += _couples(visited)
            for number, couple in enumerate(couples):
                progress(len(plan) + number, len(plan) + len(couples))
                findings.append(judge(machine, couple, await runner.run(couple)))
    return Search(undisturbed, findings)


def _errors(machine: StateMachine, tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """The errors of each task: its own, and those that a Parallel or Map around it retries or catches."""
    around: dict[str, list[str]] = {}
    for state in all_states(machine):
        if not isinstance(state, Working):
            continue
        for scope in inner_scopes(state):
            for inner in all_states(scope):
                around.setdefault(inner.name, []).extend(named(state))
    return {name: errors_of(task, around.get(name, ())) for name, task in tasks.items()}


def _visited(run: Run, tasks: Mapping[str, Task]) -> list[str]:
    return [name for name in dict.fromkeys(visit.state for visit in run.visits()) if name in tasks]


def _further(
    first: Injection, run: Run, undisturbed: Run, tasks: Mapping[str, Task]
) -> Iterator[tuple[Injection, ...]]:
    """The tasks that only run because the first failed may fail, too."""
    usual = set(_visited(undisturbed, tasks))
    for state in _visited(run, tasks):
        if state not in usual:
            yield (Injection(first.state, ANY), Injection(state, ANY))


def _couples(states: list[str]) -> Iterator[tuple[Injection, ...]]:
    """Every two tasks that fail in one run."""
    for number, one in enumerate(states):
        for other in states[number + 1 :]:
            yield (Injection(one, ANY), Injection(other, ANY))


class _Runner:
    def __init__(self, workspace: Workspace, machine: StateMachine, input: Json, answers: dict[str, Answer]) -> None:
        self._workspace = workspace
        self._machine = machine
        self._input = input
        self._answers = answers

    async def run(self, injections: tuple[Injection, ...]) -> Run:
        """One run with these errors."""
        events: list[Event] = []
        injected = {one.state: one.answer for one in injections}
        running = await self._workspace.start(
            self._machine,
            self._input,
            clock=VirtualClock(START),
            observers=[events.extend],
            mocks=Mocks({**self._answers, **injected}, validate="NONE"),
            seed="chaos",
        )
        await running.result()
        return Run(running.record, events)


def judge(machine: StateMachine, injections: tuple[Injection, ...], run: Run) -> Finding:
    """What became of the injections."""
    verdict, note = _verdict(machine, injections, run)
    return Finding(injections, verdict, run.status, run.error, run.path, note)


def _verdict(machine: StateMachine, injections: tuple[Injection, ...], run: Run) -> tuple[Verdict, str]:
    if run.status == "TIMED_OUT" and machine.timeout_seconds is None:
        return "endless", "it waits for an answer, with no timeout but AWS's own of a year"
    if run.status == "FAILED" and "maximum number of history events" in (run.cause or ""):
        return "endless", "it turns until the history is full"
    if run.status == "SUCCEEDED":
        lost = [said for visit in run.visits() if visit.status == "CAUGHT" for said in _lost(machine, visit)]
        return ("lossy", "; ".join(lost)) if lost else ("recovered", "")
    if run.status == "TIMED_OUT":
        return "handled", "the machine's own TimeoutSeconds"
    failing = [visit for visit in run.visits() if visit.status == "FAILED"]
    if any(visit.type == "Fail" for visit in failing):
        return "handled", run.error or ""
    injected = {TIMEOUT if one.error == SILENCE else one.error for one in injections}
    if run.error in injected:
        return "uncaught", ""
    return "broken", f"{run.error}: {run.cause}"


def _lost(machine: StateMachine, visit: StateVisit) -> Iterator[str]:
    """A catcher without ResultPath leaves nothing of the input but the error."""
    state = next(state for state in all_states(machine) if state.name == visit.state)
    if not isinstance(state, Working) or not isinstance(visit.input, dict) or not isinstance(visit.output, dict):
        return
    gone = [key for key in visit.input if key not in visit.output]
    if gone and set(visit.output) <= {"Error", "Cause"}:
        yield f"{visit.state!r} went on with the error alone, without {', '.join(gone)}"
