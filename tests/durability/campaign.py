"""The campaign that tries to lose something: random machines, killed with SIGKILL at random points, resumed each time.

    PYTHONPATH=tests/interpreter python tests/durability/campaign.py --seed 1 --kills 1000

For each machine an undisturbed run says what is to come out. Then it runs in a workspace of its own, in processes that
are killed up to three times, each time resumed by the next one. The end must be the same, the effects of its tasks on
the outside world must be the same and none of them done again once it was known, and the history must be sound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec import Struct
from random_machines import SeededAnswers, is_sound, machines, without_deadlines

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.history.events import Event
from asl_runner.history.records import ExecutionRecord
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.ports import TaskCall
from asl_runner.workspace import Workspace

INPUT = {"n": 3, "items": ["a", "b", "c"]}
START = 1_700_000_000.0
MOST_KILLS = 3


class Result(Struct):
    """What a campaign found."""

    machines: int = 0
    kills: int = 0
    events: int = 0
    distributed: int = 0
    """Machines with a distributed Map."""
    losses: list[str] = []
    """What went wrong, each with the machine it did with."""


class Effects:
    """A `Tasks` port whose every call leaves a line in a file, the outside world."""

    def __init__(self, path: Path, clock: VirtualClock, *, failing: bool) -> None:
        self._answers = SeededAnswers("s", clock, failing=failing)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def call(self, call: TaskCall) -> Any:
        os.write(self._file, (call.key + "\n").encode())
        return await self._answers.call(call)


class Killer:
    """Kills this process when so many events have been recorded, at once or a moment later."""

    def __init__(self, events: int, delay: float) -> None:
        self._left, self._delay = events, delay

    def __call__(self, events: Sequence[Event]) -> None:
        before, self._left = self._left, self._left - len(events)
        if before > 0 >= self._left:
            if self._delay:
                threading.Timer(self._delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            else:
                os.kill(os.getpid(), signal.SIGKILL)


def drawn(number: int, count: int) -> Iterator[dict[str, Any]]:
    """So many random machines, the same for the same seed."""
    found: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(machines(distributed=True))
    def collect(machine: dict[str, Any]) -> None:
        found.append(without_deadlines(machine))

    collect()
    yield from found


def live(directory: Path, machine: dict[str, Any], *, failing: bool, killer: Killer | None) -> bool:
    """Begins the execution, or goes on with it, in a process of its own; false if that was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(_life(directory, machine, failing=failing, killer=killer))
            code = 0
        except BaseException:  # noqa: BLE001 - said, and told by the exit code
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError("a process that ran the execution failed")
    return True


async def _life(directory: Path, machine: dict[str, Any], *, failing: bool, killer: Killer | None) -> None:
    compiled = load(json.dumps(machine))
    observers = [] if killer is None else [killer]
    async with Workspace(Configuration(root=directory, workspace=directory), directory) as workspace:
        record = execution(workspace)
        past = [] if record is None else list(workspace.store.events(record.arn))
        clock = VirtualClock(_latest(workspace, record, past))
        # The world that tasks ask, also those of a distributed Map's children.
        workspace.local.tasks = Effects(directory / "effects", clock, failing=failing)  # type: ignore[assignment]
        if record is None:
            running = await workspace.start(
                compiled, INPUT, name="e", clock=clock, observers=observers, seed="seed", check=False
            )
        elif record.stop is not None:
            return  # It was killed after its end had been kept.
        else:
            resumed = await workspace.resume(compiled, INPUT, record, clock=clock, observers=observers)
            assert resumed is not None, record
            running = resumed
        await running.result()


def execution(workspace: Workspace) -> ExecutionRecord | None:
    """The execution, if it was begun."""
    found = workspace.executions()
    return found[0] if found else None


def _latest(workspace: Workspace, record: ExecutionRecord | None, past: Sequence[Event]) -> float:
    """When virtual time goes on: at the latest moment of which the journal knows, its children's included."""
    if record is None:
        return START
    latest = [record.start, *(event.time for event in past)]
    for child in workspace.executions(children=True):
        latest += [child.start, *(event.time for event in workspace.store.events(child.arn))]
    return max(latest)


class Life(Struct):
    """An execution from its start to its end, however many processes it took."""

    record: ExecutionRecord
    histories: list[list[Event]]
    """Its own history, then those of its children."""
    effects: Counter[str]

    @property
    def end(self) -> tuple[str, bytes | None, str | None, str | None]:
        """What came of it."""
        return (self.record.status, self.record.output, self.record.error, _without_ids(self.record.cause))

    @property
    def is_a_race(self) -> bool:
        """Whether something was cut off: what it had come to by then is a matter of moments."""
        return any(event.type.endswith("Aborted") for events in self.histories for event in events)


def _without_ids(text: str | None) -> str | None:
    """A cause without the numbers in it: ids of events, and of executions, are others where a task was asked again."""
    return None if text is None else "".join(part.lstrip("0123456789") for part in text.split("event id #"))


def read(directory: Path) -> Life:
    """What is in a workspace."""
    with Workspace(Configuration(root=directory, workspace=directory), directory) as workspace:
        record = execution(workspace)
        assert record is not None
        children = [child for child in workspace.executions(children=True) if child.arn != record.arn]
        histories = [list(workspace.store.events(each.arn)) for each in (record, *children)]
    path = directory / "effects"
    return Life(record, histories, Counter(path.read_text().split("\n")[:-1] if path.exists() else ()))


def try_one(machine: dict[str, Any], random: Random, result: Result) -> None:
    """One machine: an undisturbed life, then one with kills; what differs goes to the result."""
    failing = random.random() < 0.5
    with tempfile.TemporaryDirectory() as folder:
        calm, rough = Path(folder, "calm"), Path(folder, "rough")
        calm.mkdir()
        rough.mkdir()
        live(calm, machine, failing=failing, killer=None)
        expected = read(calm)
        kills = 0
        for _ in range(random.randint(1, MOST_KILLS)):
            delay = random.choice((0.0, random.uniform(0, 0.004)))
            killer = Killer(random.randint(1, max(2, len(expected.histories[0]))), delay)
            if live(rough, machine, failing=failing, killer=killer):
                break
            kills += 1
        else:
            live(rough, machine, failing=failing, killer=None)
        found = read(rough)
    _count(result, machine, failing, expected, found, kills)


def _count(result: Result, machine: dict[str, Any], failing: bool, expected: Life, found: Life, kills: int) -> None:
    result.machines += 1
    result.kills += kills
    result.events += sum(map(len, expected.histories))
    result.distributed += len(expected.histories) > 1
    result.losses += [f"{loss} after {kills} kills (failing={failing}): {machine}" for loss in losses(expected, found)]


def losses(expected: Life, found: Life) -> Iterator[str]:
    """What a life with kills lacks of an undisturbed one."""
    if found.end != expected.end:
        yield f"the end is {found.end}, not {expected.end}"
    for events in found.histories:
        if not is_sound(events):
            yield f"a history is not sound: {[(event.id, event.scope, event.type) for event in events]}"
    undone, extra = expected.effects.keys() - found.effects.keys(), found.effects.keys() - expected.effects.keys()
    if (undone or extra) and not (expected.is_a_race or found.is_a_race):
        yield f"effects differ: {sorted(undone)} are lacking, {sorted(extra)} are too many"
    asked = sum(event.type in _ASKED for events in found.histories for event in events)
    if found.effects.total() > asked:
        yield f"{found.effects.total()} effects of {asked} requests: something was done again that was known"
    for events in found.histories:
        yield from _asked_again(events)


_ASKED = ("TaskScheduled", "LambdaFunctionScheduled")
_ANSWERED = ("TaskSucceeded", "LambdaFunctionSucceeded")


def _asked_again(events: Sequence[Event]) -> Iterator[str]:
    """Tasks asked although the same visit had their answer."""
    answered: dict[str, bool] = {}
    for event in events:
        if event.type.endswith("StateEntered"):
            answered[event.scope] = False
        elif event.type in _ANSWERED:
            answered[event.scope] = True
        elif event.type in _ASKED and answered.get(event.scope):
            yield f"event {event.id} asks again what was answered"


def campaign(number: int, *, count: int | None = None, kills: int | None = None, said: bool = False) -> Result:
    """Tries so many machines, or until so many kills are done."""
    result, random = Result(), Random(number)
    begun = time.monotonic()
    batch = 0
    while count is None or result.machines < count:
        for machine in drawn(number * 1_000_003 + batch, 100):
            if (count is not None and result.machines >= count) or (kills is not None and result.kills >= kills):
                return result
            try:
                try_one(machine, random, result)
            except RuntimeError as problem:
                result.losses.append(f"{problem}: {machine}")
            if said and result.machines % 50 == 0:
                taken = time.monotonic() - begun
                print(f"{result.machines} machines, {result.kills} kills, {taken:.0f} s", file=sys.stderr, flush=True)
        batch += 1
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="the same seed tries the same machines at the same points")
    parser.add_argument("--machines", type=int, help="how many machines to try")
    parser.add_argument("--kills", type=int, help="how many kills to try")
    given_ = parser.parse_args()
    if given_.machines is None and given_.kills is None:
        parser.error("say --machines or --kills")
    result = campaign(given_.seed, count=given_.machines, kills=given_.kills, said=True)
    for loss in result.losses:
        print(loss, file=sys.stderr)
    print(
        f"{result.machines} machines ({result.distributed} with a distributed Map), {result.events} events, "
        f"{result.kills} kills, {len(result.losses)} losses"
    )
    return 1 if result.losses else 0


if __name__ == "__main__":
    sys.exit(main())
