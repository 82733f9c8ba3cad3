"""Answers tasks of the optimized integrations in the table `optimized`.

Source: reference section 14; recorded histories of SQS, SNS, DynamoDB and EventBridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import Any

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.errors import RUNTIME, TASK_FAILED
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources import optimized
from asl_runner.resources.aws import models
from asl_runner.resources.aws.additions import with_additions
from asl_runner.resources.aws.answers import json_or_text, optimized_answer
from asl_runner.resources.aws.clients import AwsClients, Refused
from asl_runner.resources.aws.errors import OptimizedErrors, Refusal
from asl_runner.resources.aws.integrations import Action, Awaited, Integration
from asl_runner.resources.aws.requests import NullMembers, could_not_start, to_request
from asl_runner.resources.optimized import find

_BUSY = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
_GONE = frozenset({"ResourceNotFoundException", "ResourceNotFound", "ClusterNotFoundException", "NotFoundException"})


class _Submitted(Struct, frozen=True):
    """What was asked and answered, both as the state language spells them."""

    request: Json
    answer: dict[str, Json]


class OptimizedTasks:
    """Answers request-response and `.sync` tasks; for a callback task, the part before the wait.

    Something awaited with `.sync` is looked at every `poll_seconds[0]` seconds at first, growing to `poll_seconds[1]`.
    A `.sync` task that is cut off stops what it started, as far as that can be stopped.
    """

    def __init__(self, clients: AwsClients, *, poll_seconds: tuple[float, float] | None = None) -> None:
        self._clients = clients
        self._poll = poll_seconds or ((0.05, 5.0) if clients.local else (2.0, 30.0))

    async def __call__(self, call: TaskCall) -> Json:
        """The task's result. Raises `TaskFailed`."""
        found = find(call.resource)
        if found is None:
            raise TaskFailed(RUNTIME, optimized.problem(call.resource))
        calls = _Calls(self._clients, *found)
        action = found[1]
        if call.resource.pattern == "sync" and action.awaited is not None:
            return await self._awaited(call, calls, action.awaited)
        return (await self._clients.run(lambda: calls.submit(call))).answer

    async def _awaited(self, call: TaskCall, calls: _Calls, awaited: Awaited) -> Json:
        starting = asyncio.ensure_future(self._clients.run(lambda: calls.submit(call)))
        try:
            # A cancellation must not lose sight of what is just being started.
            submitted = await asyncio.shield(starting)
            if awaited.nothing and search(awaited.nothing, submitted.answer):
                raise TaskFailed(TASK_FAILED, compact(_plain(submitted.answer)))
            call.submitted(submitted.answer)
            document = await self._ended(calls, awaited, submitted)
        except asyncio.CancelledError:
            await self._stop(calls, awaited, starting)
            raise
        result = search(awaited.result, document)
        failed = search(awaited.status, document) in awaited.failed
        if failed or (awaited.fault and search(awaited.fault, document)):
            raise TaskFailed(TASK_FAILED, compact(result))
        return result

    async def _ended(self, calls: _Calls, awaited: Awaited, submitted: _Submitted) -> Json:
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
                if refused.code not in _BUSY:
                    raise
            await asyncio.sleep(min(max(first, (time.monotonic() - began) / 10), longest))

    async def _stop(self, calls: _Calls, awaited: Awaited, starting: asyncio.Future[_Submitted]) -> None:
        """Best effort, as Step Functions does: what did not start, or has ended, is no error."""
        with contextlib.suppress(TaskFailed):
            submitted = await starting
            if awaited.stop:
                ask = search(awaited.stop_ask, {"Request": submitted.request, "Answer": submitted.answer})
                await self._clients.run(lambda: calls.ask(awaited.stop, ask))


class _Calls:
    """The API calls of one action; they block."""

    def __init__(self, clients: AwsClients, integration: Integration, action: Action) -> None:
        self._clients, self._integration, self._action = clients, integration, action
        self._service = action.service or integration.service
        self._errors = OptimizedErrors(
            models.service_model(self._service),
            prefix=integration.prefix,
            label=integration.label,
            general=integration.general,
        )

    def submit(self, call: TaskCall) -> _Submitted:
        """Makes the call the task is about. Raises `TaskFailed`."""
        action = self._action
        given = with_additions(call)
        request = _rewritten(call.input, given, action.request) if action.request else given
        operation = action.operation or call.resource.action[:1].upper() + call.resource.action[1:]
        answer = self.ask(operation, request, metadata=self._integration.metadata)
        if isinstance(answer, dict) and answer.get("FailedEntryCount"):
            failed = {name: answer[name] for name in ("Entries", "FailedEntryCount")}
            raise TaskFailed(f"{self._integration.prefix}.FailedEntry", compact(failed))
        if action.json:
            answer[action.json] = json_or_text(answer.get(action.json))
        if action.answer:
            own = {name: value for name, value in answer.items() if name.startswith("Sdk")}
            answer = dict(sorted(((search(action.answer, answer) or {}) | own).items()))
        return _Submitted(given, answer)

    def ask(self, name: str, given: Json, *, metadata: bool = False) -> Any:
        """The answer of an operation, as the state language spells it. Raises `TaskFailed`."""
        operation = models.service_model(self._service).operation_model(name)
        try:
            request = to_request(given, operation.input_shape)
        except NullMembers as nulls:
            raise self._errors.refused(Refusal.of_request(str(nulls))) from None
        answer = self._clients.call(self._service, operation, request, self._errors)
        return optimized_answer(answer, operation.output_shape, metadata=metadata)


def search(expression: str, document: Json) -> Any:
    """The value of a JMESPath expression, with nothing in it that the document does not have."""
    import jmespath

    return _without_nulls(jmespath.search(expression, document))


def _rewritten(written: Json, given: Json, expression: str) -> Json:
    """The parameters of an action whose operation wants them otherwise. Raises `TaskFailed` for fields nobody reads."""
    known = set(re.findall(r"\b(\w+)\b(?!\s*:)", expression))
    unknown = [name for name in given if name not in known] if isinstance(given, dict) else []
    if unknown:
        problems = [f'The field "{name}" is not supported by Step Functions' for name in unknown]
        raise could_not_start(written, problems)
    return search(expression, given)


def _plain(answer: dict[str, Json]) -> dict[str, Json]:
    """An answer without the SDK's metadata."""
    return {name: value for name, value in answer.items() if not name.startswith("Sdk")}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value
