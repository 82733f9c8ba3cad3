"""Callback tasks: a task asks somebody for an answer, hands out its token, and waits until the token comes back.

Source: SendTaskSuccess, SendTaskFailure and SendTaskHeartbeat in the API reference; reference sections 14, 16 and 23.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from asl_runner.expressions.environment import Json
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.registry import Handler
from asl_runner.service_model.errors import ServiceError

_TOKEN_BYTES = 120
"""How many random bytes the interpreter makes a token of."""

_REMEMBERED = 65_536
"""Ended tokens told apart from those that never were."""

_Answer: TypeAlias = "asyncio.Future[Json]"


class TaskTokens:
    """The tasks of this process that wait for their token, for use from one event loop.

    A waiting task is an entry here and a suspended coroutine: no thread, no polling.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[_Answer, Callable[[], None]]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many tasks wait."""
        return len(self._waiting)

    @contextmanager
    def waiting(self, call: TaskCall) -> Iterator[_Answer]:
        """Lets the task of `call` be answered by its token while the block runs.

        The future gives the answer, or raises `TaskFailed` with what SendTaskFailure said. Open the block before the
        token is handed out: the answer may come before the request that carries it has returned.
        """
        token = call.token
        if token is None:
            raise RuntimeError(f"{call.resource.arn} waits for a token and was given none")
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer, call.beat
        try:
            yield answer
        finally:
            del self._waiting[token]
            self._remember(token)
            if answer.done() and not answer.cancelled():
                answer.exception()  # Nobody may be left to fetch it: the task was cut off in this very moment.

    def succeed(self, token: str, output: str) -> None:
        """SendTaskSuccess: `output`, JSON text, is the task's result.

        Raises `ServiceError`: InvalidToken, TaskDoesNotExist, TaskTimedOut, InvalidOutput.
        """
        answer = self._open(token)
        try:
            result = parse(output)
        except JsonError as problem:
            raise ServiceError("InvalidOutput", f"Invalid Output: '{problem}'") from problem
        answer.set_result(result)

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """SendTaskFailure: the task fails so. Raises `ServiceError`: InvalidToken, TaskDoesNotExist, TaskTimedOut."""
        self._open(token).set_exception(TaskFailed(error, cause))

    def heartbeat(self, token: str) -> None:
        """SendTaskHeartbeat: the task is still worked on. Raises `ServiceError` as `fail` does."""
        self._open(token)
        self._waiting[token][1]()

    def _open(self, token: str) -> _Answer:
        found = self._waiting.get(token)
        if found is not None and not found[0].done():
            return found[0]
        if found is not None or token in self._ended:
            raise ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        if _is_token(token):
            raise ServiceError("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'")
        raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")

    def _remember(self, token: str) -> None:
        self._ended[token] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)


class Callback:
    """Answers `.waitForTaskToken` tasks of any service: `submit` makes the call, then the token is waited for."""

    def __init__(self, tokens: TaskTokens, submit: Handler) -> None:
        self._tokens = tokens
        self._submit = submit

    async def __call__(self, call: TaskCall) -> Json:
        """What SendTaskSuccess gives. Raises `TaskFailed` as the call does, or with what SendTaskFailure gives."""
        with self._tokens.waiting(call) as answer:
            if call.submitted_before is None:
                call.submitted(await self._submit(call))
            return await answer


def with_callback(tokens: TaskTokens, handler: Handler, submit: Handler | None = None) -> Handler:
    """`handler` for every pattern but `.waitForTaskToken`, which is `submit` (by default the handler) and a wait."""
    callback = Callback(tokens, submit or handler)

    async def call_or_wait(call: TaskCall) -> Json:
        return await (callback(call) if call.resource.pattern == "waitForTaskToken" else handler(call))

    return call_or_wait


def _is_token(text: str) -> bool:
    """Whether a text has the form of the tokens given out here."""
    try:
        return len(base64.b64decode(text, validate=True)) == _TOKEN_BYTES
    except (binascii.Error, ValueError):
        return False
