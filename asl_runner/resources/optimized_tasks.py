"""Answers tasks of the optimized integrations in the table `optimized`.

Source: reference section 14; recorded histories of SQS, SNS, DynamoDB and EventBridge.
"""

from __future__ import annotations

import asyncio
import logging
import time

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.errors import RUNTIME, TASK_FAILED
from asl_runner.interpreter.ports import TaskCall, TaskFailed, TaskLost
from asl_runner.resources import optimized
from asl_runner.resources.aws.clients import AwsClients, Refused
from asl_runner.resources.aws.errors import BUSY
from asl_runner.resources.aws.integrations import Awaited
from asl_runner.resources.kubernetes import KubernetesTasks
from asl_runner.resources.optimized import find
from asl_runner.resources.optimized_calls import Calls, Submitted, search
from asl_runner.resources.started import followed

_log = logging.getLogger(__name__)

_GONE = frozenset({"ResourceNotFoundException", "ResourceNotFound", "ClusterNotFoundException", "NotFoundException"})


class OptimizedTasks:
    """Answers request-response and `.sync` tasks; for a callback task, the part before the wait.

    Something awaited with `.sync` is looked at every `poll_seconds[0]` seconds at first, growing to `poll_seconds[1]`.
    A `.sync` task that is cut off stops what it started, as far as that can be stopped.
    """

    def __init__(self, clients: AwsClients, *, poll_seconds: tuple[float, float] | None = None) -> None:
        self._clients = clients
        self._poll = poll_seconds or ((0.05, 5.0) if clients.local else (2.0, 30.0))
        self._kubernetes = KubernetesTasks(clients, poll_seconds=self._poll)

    async def __call__(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`."""
        found = find(call.resource)
        if found is None:
            raise TaskFailed(RUNTIME, optimized.problem(call.resource))
        action = found[1]
        if action.kubernetes:
            return await self._kubernetes(call)
        calls = Calls(self._clients, *found)
        if call.resource.pattern == "sync" and action.awaited is not None:
            return await self._awaited(call, calls, action.awaited)
        return (await self._clients.run(lambda: calls.submit(call))).answer

    async def _awaited(self, call: TaskCall, calls: Calls, awaited: Awaited) -> Json:
        before = call.submitted_before
        submit = (lambda: calls.submit(call)) if not isinstance(before, dict) else lambda: calls.before(call, before)
        document = await followed(
            self._clients.run(submit),
            lambda submitted: self._submitted(call, calls, awaited, submitted),
            lambda submitted: self._stop(calls, awaited, submitted),
        )
        result = search(awaited.result, document)
        failed = search(awaited.status, document) in awaited.failed
        if failed or (awaited.fault and search(awaited.fault, document)):
            raise TaskFailed(TASK_FAILED, compact(result))
        return result

    async def _submitted(self, call: TaskCall, calls: Calls, awaited: Awaited, submitted: Submitted) -> Json:
        """The document of what was just started, once it has ended."""
        if awaited.nothing and search(awaited.nothing, submitted.answer):
            raise TaskFailed(TASK_FAILED, compact(_plain(submitted.answer)))
        call.submitted(submitted.answer)
        if self._clients.local and calls.is_endless(awaited.look):
            _log.warning(
                "%s waits for a job that the emulation on this machine never ends: give the state %r an answer in "
                "a mock file, or TimeoutSeconds.",
                call.resource.arn,
                call.state,
            )
        try:
            return await self._ended(calls, awaited, submitted)
        except Refused as refused:
            # What was emulated here has gone with its process.
            if call.submitted_before is not None and self._clients.local and refused.code not in BUSY:
                raise TaskLost from refused
            raise

    async def _ended(self, calls: Calls, awaited: Awaited, submitted: Submitted) -> Json:
        """The document of what was started, once it has ended. Throttling of a look means looking again."""
        began = time.monotonic()
        document = _plain(submitted.answer)
        first, longest = self._poll
        ask = search(awaited.ask, {"Request": submitted.request, "Answer": submitted.answer})
        while True:
            try:
                document = await self._clients.run(lambda: calls.ask(awaited.look, ask))
                if search(awaited.status, document) in awaited.succeeded | awaited.failed:
                    return document
            except Refused as refused:
                if awaited.gone and refused.code in _GONE:
                    return document
                if refused.code not in BUSY:
                    raise
            await asyncio.sleep(min(max(first, (time.monotonic() - began) / 10), longest))

    async def _stop(self, calls: Calls, awaited: Awaited, submitted: Submitted) -> None:
        if awaited.stop:
            ask = search(awaited.stop_ask, {"Request": submitted.request, "Answer": submitted.answer})
            await self._clients.run(lambda: calls.ask(awaited.stop, ask))


def _plain(answer: dict[str, Json]) -> dict[str, Json]:
    """An answer without the SDK's metadata."""
    return {name: value for name, value in answer.items() if not name.startswith("Sdk")}
