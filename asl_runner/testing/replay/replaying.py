"""Runs a definition again on a recorded input, with the recorded answers, at the recorded times."""

from __future__ import annotations

import tempfile
from pathlib import Path

from msgspec.structs import replace

from asl_runner.configuration import Configuration
from asl_runner.definition.model import StateMachine
from asl_runner.history.events import Event
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.testing.asl import children_of
from asl_runner.testing.replay.compare import Comparison, compare
from asl_runner.testing.replay.fixture import Fixture
from asl_runner.testing.replay.recorded import Parted, Recording
from asl_runner.testing.run import Run
from asl_runner.workspace import Workspace


async def replay(fixture: Fixture, machine: StateMachine) -> Comparison:
    """Replays and compares. Raises `UsageError` for a history that makes no sense."""
    import msgspec

    recorded = fixture.as_run()
    _, _, _, region, account, *_ = f"{fixture.executionArn}::::".split(":")
    with tempfile.TemporaryDirectory() as directory:
        configuration = Configuration(
            root=Path(directory), workspace=Path(directory), region=region, account=account, role=_role_of(recorded)
        )
        events: list[Event] = []
        async with Workspace(configuration) as workspace:
            running = await workspace.start(
                machine,
                msgspec.json.decode(fixture.input),
                machine_name=fixture.machine_name,
                name=fixture.name,
                clock=VirtualClock(fixture.start),
                observers=[events.extend],
                mocks=Recording([recorded]),
                seed=fixture.seed or None,
            )
            try:
                await running.result()
            except Parted as parted:
                record = replace(running.record, status="ABORTED", stop=events[-1].time if events else None)
                return compare(recorded, Run(record, events), str(parted))
            return compare(recorded, Run(running.record, events, children_of(workspace.store, events)))


def _role_of(run: Run) -> str | None:
    details = run.history[0].details or {} if run.history else {}
    role = details.get("roleArn")
    return role if isinstance(role, str) else None
