"""One worker: a child process that runs one function, one invocation after another, with AWS's own runtime client.

The child has its own session and process group, environment, working directory and `sys.path`. Killing a worker kills
the whole group; on Linux the kernel kills the child when this process, or the thread that started it, ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.functions import payloads
from asl_runner.functions.environment import process_environment
from asl_runner.functions.logs import InvocationLog
from asl_runner.functions.registry import Function
from asl_runner.functions.runtime_api import RuntimeApi

Client: TypeAlias = Literal["awslambdaric", "fallback"]

FREE_INIT = 10.0
"""Seconds a process may take to start without counting as the function's time (Lambda's init phase)."""

_PIPE = 1 << 20
"""Bytes, the most a pipe can hold on Linux."""

_LAUNCHER = Path(__file__).with_name("launcher.py")
_KEPT_BETWEEN = 65536
"""Bytes of output kept from between two invocations, for the log of the next."""


class Request(Struct, frozen=True, kw_only=True):
    """One invocation as a runtime gets it."""

    id: str
    payload: bytes
    log: Path
    client_context: str | None = None
    """JSON text."""
    trace_id: str


class Response(Struct, frozen=True, kw_only=True):
    """What an invocation came to. `function_error` is None or `Unhandled`, AWS's word for every function error."""

    payload: bytes
    function_error: str | None
    log_tail: bytes


class _Outcome(Struct, kw_only=True):
    """What happened in one invocation, as it becomes known."""

    payload: bytes = b""
    failed: bool = False
    status: str = ""
    began: float = 0.0
    init_seconds: float | None = None


class _Exited(Exception):
    """The process ended; its return code as `subprocess` gives it."""

    def __init__(self, returncode: int) -> None:
        super().__init__(returncode)
        self.returncode = returncode


class Worker:
    """A worker process of `function`, started by its first `run`."""

    def __init__(self, function: Function, workspace: Mapping[str, str], client: Client) -> None:
        self._function = function
        self._workspace = workspace
        self._client = client
        self._process: asyncio.subprocess.Process | None = None
        self._api = RuntimeApi(payloads.MAX_RESPONSE)
        self._output = -1
        self._between = bytearray()
        self._log: InvocationLog | None = None
        self._life: asyncio.Task[None] | None = None
        self.alive = True
        self.idle_since = 0.0

    async def run(self, request: Request) -> Response:
        """Runs one invocation to its end. A worker whose process ended with it is no longer `alive`.

        Raises `WorkspaceError` if the process cannot be started or its log not be written. Cancelled, it kills the
        process.
        """
        self._log = InvocationLog(request.log, request.id, self._function.executed_version)
        outcome = _Outcome(began=time.perf_counter())
        try:
            await self._answer(request, outcome, self._log)
            return self._finish(outcome, self._log)
        except BaseException:
            await self.stop()
            raise
        finally:
            self._log = None

    async def _answer(self, request: Request, outcome: _Outcome, log: InvocationLog) -> None:
        outcome.failed = True
        try:
            if self._life is None:
                async with asyncio.timeout(FREE_INIT + self._function.timeout):
                    problem = await self._start()
                now = time.perf_counter()
                outcome.init_seconds, outcome.began = now - outcome.began, now
                if problem is not None:
                    outcome.payload = problem
                    await self.stop()
                    log.start(self._drain())
                    return
            log.start(self._drain())
            async with asyncio.timeout(self._function.timeout):
                answer = await self._api.invoke(self._headers(request), request.payload)
        except TimeoutError:
            await self.stop()
            outcome.payload = payloads.timed_out(request.id, self._function.timeout)
            outcome.status = "timeout"
        except _Exited as exit:
            outcome.payload = payloads.exited(request.id, exit.returncode)
        else:
            if answer.kind == "too-large":
                await self.stop()
                outcome.payload = payloads.response_too_large()
            else:
                outcome.payload, outcome.failed = answer.body, answer.kind == "error"

    def _finish(self, outcome: _Outcome, log: InvocationLog) -> Response:
        if outcome.failed and not outcome.status:
            outcome.status = f"error\tError Type: {payloads.error_type(outcome.payload) or 'Unknown'}"
        tail = log.finish(
            self._drain(),
            seconds=time.perf_counter() - outcome.began,
            memory=self._function.memory,
            used=self._memory_used(),
            init_seconds=outcome.init_seconds,
            status=outcome.status,
        )
        if not outcome.failed:
            return Response(payload=outcome.payload, function_error=None, log_tail=tail)
        payload = payloads.as_deployed(outcome.payload, self._function.root)
        return Response(payload=payload, function_error="Unhandled", log_tail=tail)

    async def stop(self) -> None:
        """Kills the process and its group; returns once it is gone. Cancelled meanwhile, it may be called again."""
        self.alive = False
        self._kill_group()
        if self._life is not None:
            await asyncio.wait([self._life])
        self._release()

    @property
    def gone(self) -> bool:
        """Whether nothing is left of the process."""
        return not self.alive and (self._life is None or self._life.done())

    async def _start(self) -> bytes | None:
        """Starts the process and waits until it asks for work. Gives the payload of an error in its start."""
        await self._api.start()
        # A task of its own: a caller that is cancelled, however often, cannot lose a process half started.
        self._life = asyncio.create_task(self._live())
        answer = await self._api.ready()
        return answer.body if answer is not None else None

    async def _live(self) -> None:
        """The process from its start to its end, told to whoever waits for its answer."""
        problem: Exception = _Exited(-signal.SIGKILL)
        try:
            if self.alive:
                self._process = await self._spawn()
                problem = _Exited(await self._end_of(self._process))
        except OSError as error:
            interpreter = self._function.python or sys.executable
            problem = WorkspaceError(f"Cannot start the function {self._function.name} with {interpreter}: {error}.")
        self.alive = False
        self._kill_group()
        self._between += self._read()
        self._api.fail(problem)
        self._release()

    async def _end_of(self, process: asyncio.subprocess.Process) -> int:
        asyncio.get_running_loop().add_reader(self._output, self._output_arrived)
        if not self.alive:  # stopped while it was being started
            self._kill_group()
        return await process.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        function = self._function
        self._output, writing = os.pipe()
        os.set_blocking(self._output, False)
        try:
            return await asyncio.create_subprocess_exec(
                function.python or sys.executable,
                *(str(_LAUNCHER), str(os.getpid()), str(function.root), function.handler, self._client),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=function.root,
                env=process_environment(function, self._workspace, self._api.address),
                start_new_session=True,
            )
        finally:
            os.close(writing)

    def _release(self) -> None:
        """Closes what this process holds of the worker."""
        self._api.close()
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    def _kill_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _output_arrived(self) -> None:
        if self._log is not None:
            self._log.write(self._drain())
        else:
            self._between += self._read()
            del self._between[:-_KEPT_BETWEEN]

    def _drain(self) -> bytes:
        """Everything the process has written and nobody has taken yet."""
        output = bytes(self._between) + self._read()
        self._between.clear()
        return output

    def _read(self) -> bytes:
        """What is in the pipe, but no more than it can hold, so that a busy writer does not keep the reader."""
        output = bytearray()
        while self._output >= 0 and len(output) < _PIPE:
            try:
                chunk = os.read(self._output, 65536)
            except BlockingIOError:
                break
            if not chunk:
                # Closed by the function; only the end of the process ends the worker.
                asyncio.get_running_loop().remove_reader(self._output)
                break
            output += chunk
        return bytes(output)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request.id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self._function.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self._function.arn.arn,
            "Lambda-Runtime-Trace-Id": request.trace_id,
        }
        if request.client_context:
            headers["Lambda-Runtime-Client-Context"] = request.client_context
        return headers

    def _memory_used(self) -> int:
        """The process's peak resident memory in MB; 0 where the system does not tell or the process is gone."""
        if self._process is None or not self.alive:
            return 0
        try:
            with open(f"/proc/{self._process.pid}/status", "rb") as status:
                for line in status:
                    if line.startswith(b"VmHWM:"):
                        return int(line.split()[1]) // 1024
        except OSError:
            return 0
        return 0
