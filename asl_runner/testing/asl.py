"""`Asl`: runs definitions for tests, each in a workspace of its own that nothing of another test can reach."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec.structs import replace

from asl_runner.configuration import Configuration, Runtime, load_configuration
from asl_runner.definition import load
from asl_runner.definition.model import StateMachine
from asl_runner.definition.names import machine_name
from asl_runner.endpoint.on_demand import served_for
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.history.events import Event
from asl_runner.placement import Choice, Target
from asl_runner.resources.mocks.shapes import Mode
from asl_runner.resources.mocks.tasks import Mocks
from asl_runner.testing.run import Run
from asl_runner.workspace import Workspace

if TYPE_CHECKING:
    from asl_runner.history.store import Store
    from asl_runner.storage.buckets import Buckets
    from asl_runner.testing.coverage.collected import Coverage

Definition: TypeAlias = "str | Path | Mapping[str, Any] | StateMachine"


class Asl:
    """Runs state machines. Keep one for each test: what its runs store, later runs of the same one find."""

    def __init__(
        self,
        directory: Path,
        *,
        bases: Sequence[Path] = (),
        configuration: Configuration | None = None,
        runtime: Runtime | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        """`directory` is where everything is kept; it need not exist.

        Paths of definitions start at the first of `bases` where the file is, by default at the current directory; the
        configuration is the nearest one upward from there unless one is given. `runtime` overrides how local functions
        run. `coverage` takes note of what the runs of definitions in files do.
        """
        self._bases = tuple(bases) or (Path.cwd(),)
        self._directory = directory
        found = configuration or _configuration(self._bases)
        self._configuration = found if runtime is None else replace(found, runtime=runtime)
        self._coverage = coverage

    @property
    def buckets(self) -> Buckets:
        """The objects of `s3://` that this one's runs see, to put data there and to look at results."""
        from asl_runner.storage.buckets import Buckets

        return Buckets(self._directory / "s3")

    def run(self, definition: Definition, input: Json = None, **options: Any) -> Run:
        """Runs a definition to its end, whatever that is. For options see `run_async`.

        Raises `UsageError`, `InvalidDefinition` and `ConfigurationError` for what cannot be run as asked.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run_async(definition, input, **options))
        raise UsageError("An event loop is running in this thread: write `await asl.run_async(...)` here.")

    async def run_async(
        self,
        definition: Definition,
        input: Json = None,
        *,
        mocks: Mapping[str, object] | Mocks | None = None,
        clock: Literal["real", "virtual"] = "virtual",
        now: str | float | None = None,
        name: str | None = None,
        seed: str | None = None,
        validate: Mode = "STRICT",
        target: Target | None = None,
        uses: Mapping[str, Target] | None = None,
    ) -> Run:
        """Runs a definition: a file, a JSON or YAML text, a dict, or a machine already loaded.

        - `input`: the execution's input; None stands for `{}`.
        - `mocks`: what the tasks of states answer, by name of state: a value, a function, or an answer of
          `asl_runner.testing` (`raises`, `sequence`, `after`, `never`, `by_item`, `real`).
        - `clock`: `virtual` lets waits, retries and deadlines pass at once; `now` is when it starts, an ISO time or
          seconds since the epoch.
        - `seed`: makes random numbers, UUIDs and jitter the same in every run.
        - `target`, `uses`: where tasks that are not mocked run, as `--target` and `--use` of the command line: `local`,
          `docker` or `aws` for all, and by name of service or state. The real clock is needed for what is elsewhere.
        - `validate`: how closely mocked results are compared with the service's API, as in TestState.
        """
        machine, file = self.load(definition), self._file(definition)
        if self._coverage is not None and file is not None:
            machine = self._coverage.watched(file, machine)
        given = Mocks(mocks, validate=validate) if isinstance(mocks, Mapping) else mocks
        events: list[Event] = []
        states = () if given is None else given.states
        placed = replace(self._configuration, chosen=Choice(target, uses or {}))
        async with Workspace(placed, self._directory) as workspace, served_for(workspace, machine, states):
            running = await workspace.start(
                machine,
                {} if input is None else input,
                machine_name=_name_of(definition),
                name=name,
                clock=_clock(clock, now),
                observers=[events.extend],
                mocks=given,
                seed=seed,
            )
            await running.result()
            children = await asyncio.to_thread(children_of, workspace.writable, events)
        run = Run(running.record, events, children)
        if self._coverage is not None and file is not None:
            self._coverage.record(file, machine, run)
        return run

    def load(self, definition: Definition) -> StateMachine:
        """The machine of a definition. A file is read once. Raises `InvalidDefinition` with every problem."""
        if isinstance(definition, StateMachine):
            return definition
        if isinstance(definition, Mapping):
            return load(dict(definition))
        file = self._file(definition)
        return load(definition) if file is None else _machine_in(file, file.stat().st_mtime_ns)

    def _file(self, definition: Definition) -> Path | None:
        """The file a definition is in; None for one given as such. Raises `UsageError` for a file that is not there."""
        if not isinstance(definition, str | Path) or (isinstance(definition, str) and not _is_file_name(definition)):
            return None
        for base in self._bases:
            if (base / definition).is_file():
                return (base / definition).resolve()
        raise UsageError(f"There is no definition {definition} in {' or '.join(map(str, self._bases))}.")


def _configuration(bases: Sequence[Path]) -> Configuration:
    """The nearest one upward from the first base that has one; without any, the last base is the project's root."""
    found = [load_configuration(start=base) for base in bases]
    return next((one for one in found if one.file is not None), found[-1])


@lru_cache(maxsize=256)
def _machine_in(file: Path, changed: int) -> StateMachine:
    """The machine of a file as it was when it was last changed: the tests of a session share it."""
    return load(file)


def _is_file_name(text: str) -> bool:
    return re.fullmatch(r"[^\n{]+\.(json|ya?ml|asl)", text) is not None


def _name_of(definition: Definition) -> str:
    named = isinstance(definition, Path) or (isinstance(definition, str) and _is_file_name(definition))
    return machine_name(str(definition)) if named else "state-machine"


def _clock(kind: Literal["real", "virtual"], now: str | float | None) -> Any:
    if kind == "real":
        if now is not None:
            raise UsageError("`now` sets the virtual clock; the real one shows the real time.")
        return kind
    if now is None:
        return kind
    from asl_runner.interpreter.clocks import VirtualClock

    return VirtualClock(now if isinstance(now, int | float) else datetime.fromisoformat(now).timestamp())


def children_of(store: Store, events: Sequence[Event]) -> dict[str, list[Run]]:
    """The child executions of every map run a history tells of."""
    from asl_runner.history import map_runs

    found: dict[str, list[Run]] = {}
    for event in events:
        if event.type != "MapRunStarted":
            continue
        arn = str((event.details or {})["mapRunArn"])
        found[arn] = []
        for child in store.read(partial(map_runs.children, arn=arn)):
            history = list(store.events(child.arn))
            found[arn].append(Run(store.execution(child.arn), history, children_of(store, history)))
    return found
