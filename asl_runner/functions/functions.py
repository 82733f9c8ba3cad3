"""Local Lambda: finds the function of a name or ARN and runs it, as Lambda's Invoke API does."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.functions.arn import FunctionArn
from asl_runner.functions.changes import Changes
from asl_runner.functions.inline import InlineFunction, Stage
from asl_runner.functions.payloads import check_request
from asl_runner.functions.pool import Pool
from asl_runner.functions.process import Client, Request, Response, Worker
from asl_runner.functions.registry import Function, Registry, Runtime, Setting

InvocationType: TypeAlias = Literal["RequestResponse", "Event", "DryRun"]

_log = logging.getLogger(__name__)


class Invocation(Struct, frozen=True, kw_only=True):
    """Lambda's answer to Invoke. `function_error` is None or `Unhandled`; `log_tail` the last 4 KB of the log."""

    status_code: int
    payload: bytes
    function_error: str | None
    executed_version: str
    log_tail: bytes
    request_id: str
    trace_id: str


class _Served(Struct, kw_only=True):
    """The workers of one function as it was at one time, and how many calls they have."""

    pool: Pool
    revision: str
    calls: int = 0
    replaced: bool = False


class Functions:
    """The local functions of a project, for use from one event loop.

    `root` is the project root and `config` the `[functions]` table (see `registry`). `runtime` is `process` or
    `inline` (see there), for functions whose table names none. `environment` gives the variables every function gets
    (region, `AWS_ENDPOINT_URL`, credentials); it is asked when a worker starts. `logs` is the folder for logs.
    `client` chooses the runtime client of worker processes, by default AWS's where it is installed. `created` finds
    functions made through Lambda's API. `served` is for a process that lives long and answers its functions' own
    requests: every function runs in a process of its own, whatever is written, and anew when its files have changed.

    Call `close` when done: workers live until then.
    """

    def __init__(
        self,
        root: Path,
        config: Mapping[str, Setting],
        *,
        runtime: Runtime = "process",
        environment: Callable[[], Mapping[str, str]] = dict,
        logs: Path,
        region: str = "us-east-1",
        account: str = "123456789012",
        client: Client | None = None,
        created: Callable[[FunctionArn], Function | None] | None = None,
        served: bool = False,
    ) -> None:
        self.registry = Registry(root, config, region=region, account=account, created=created)
        self._runtime = runtime
        self._changes = Changes() if served else None
        self._environment = environment
        self._logs = logs.absolute()
        self._client: Client = client or ("awslambdaric" if find_spec("awslambdaric") else "fallback")
        self._pools: dict[tuple[str, str], _Served] = {}
        self._replaced: set[asyncio.Task[None]] = set()
        self._closed = False
        self._inline: dict[str, InlineFunction] = {}
        self._stage = Stage()
        self._events: set[asyncio.Task[None]] = set()

    def resolve(self, name_or_arn: str) -> Function:
        """The function of that name or ARN. Raises `NotFound` (its message spells out the configuration to write)
        and `ConfigurationError`."""
        return self.registry.resolve(name_or_arn)

    async def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        log: Path | None = None,
        invocation_type: InvocationType = "RequestResponse",
    ) -> Invocation:
        """Runs a function on `payload`, JSON text. Cancelled, it kills the process that runs it.

        `client_context` is JSON text. `log` is a file below the folder for logs, appended to; by default NAME.log.
        `Event` returns at once and runs on; `DryRun` runs nothing.

        Raises `NotFound` and `ConfigurationError` as `resolve`, `InvokeRefused` for a payload that is not JSON or too
        large, and `WorkspaceError` if the function cannot be started or its log not be written. What goes wrong in the
        function itself is data: `function_error` and `payload`.
        """
        if self._closed:
            raise WorkspaceError("The functions of this workspace are closed.")
        function = self.resolve(name_or_arn)
        check_request(payload, invocation_type)
        request = Request(
            id=str(uuid4()),
            payload=payload,
            log=self._logs / (log if log is not None else f"{function.name}.log"),
            client_context=client_context,
            trace_id=_trace_id(),
        )
        if invocation_type == "RequestResponse":
            response = await self._run(function, request)
            return _invocation(200, function, request, response)
        if invocation_type == "Event":
            task = asyncio.create_task(self._run_event(function, request))
            self._events.add(task)
            task.add_done_callback(self._events.discard)
        return _invocation(202 if invocation_type == "Event" else 204, function, request, None)

    async def close(self, grace: float = 10.0) -> None:
        """Waits up to `grace` seconds for `Event` invocations under way, then stops every worker process."""
        self._closed = True
        if self._events:
            _, late = await asyncio.wait(self._events, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*(served.pool.close() for served in self._pools.values()), *self._replaced)
        self._pools.clear()
        self._stage.leave()

    async def _run(self, function: Function, request: Request) -> Response:
        if (function.runtime or self._runtime) == "inline" and self._changes is None:
            inline = self._inline.get(function.arn.arn)
            if inline is None:
                inline = self._inline[function.arn.arn] = InlineFunction(function, self._environment, self._stage)
            return inline.run(request)
        served = self._served(function)
        served.calls += 1
        try:
            return await served.pool.run(request)
        finally:
            served.calls -= 1
            if served.replaced and not served.calls:
                self._close_replaced(served)

    def _served(self, function: Function) -> _Served:
        """The workers of a function. Those of what it was before finish what they run, and end."""
        key = (function.arn.arn, function.version)
        served = self._pools.get(key)
        revision = function.revision
        if self._changes is not None and not function.fixed:
            revision += self._changes.mark(function.root)
        if served is not None and served.revision != revision:
            served.replaced = True
            if not served.calls:
                self._close_replaced(served)
            served = None
        if served is None:
            pool = Pool(function.concurrency, lambda: Worker(function, self._environment(), self._client))
            served = self._pools[key] = _Served(pool=pool, revision=revision)
        return served

    def _close_replaced(self, served: _Served) -> None:
        task = asyncio.create_task(served.pool.close())
        self._replaced.add(task)
        task.add_done_callback(self._replaced.discard)

    async def _run_event(self, function: Function, request: Request) -> None:
        """An asynchronous invocation: nobody waits for its answer, so a failure goes to the log."""
        response = await self._run(function, request)
        if response.function_error is not None:
            _log.warning(
                "The asynchronous invocation of %s failed: %s", function.name, response.payload.decode(errors="replace")
            )


def _invocation(status: int, function: Function, request: Request, response: Response | None) -> Invocation:
    return Invocation(
        status_code=status,
        payload=response.payload if response else b"",
        function_error=response.function_error if response else None,
        executed_version=function.executed_version,
        log_tail=response.log_tail if response else b"",
        request_id=request.id,
        trace_id=request.trace_id,
    )


def _trace_id() -> str:
    """A tracing header (X-Ray) of its own: nothing is sampled here."""
    digits = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
