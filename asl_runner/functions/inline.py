"""The inline runtime: handlers run in this process, for breakpoints, debuggers and unit tests.

A handler runs in the event loop's thread with the terminal untouched, one at a time: nothing else moves meanwhile, a
timeout cannot stop it (it is reported afterwards), and cancelling waits for its end. Each function has its own
modules, so two with a module `app` do not meet, and while it runs its environment variables and `sys.path`; the
working directory stays. Output goes where this process's goes, except that a standard output which is no terminal
is left to the program: then what a function prints goes to standard error. The log has only Lambda's own lines.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stdout
from types import ModuleType

from asl_runner.functions import payloads
from asl_runner.functions.environment import lambda_variables
from asl_runner.functions.fallback_client import Context, Handler, call_handler, error_payload, find_handler
from asl_runner.functions.logs import InvocationLog
from asl_runner.functions.process import Request, Response
from asl_runner.functions.registry import Function


class Stage:
    """What of this process is set for one function at a time: environment variables, `sys.path`, modules.

    Left set until another function runs or the event loop gets control, so that many calls in a row pay for it once.
    """

    def __init__(self) -> None:
        self._current: InlineFunction | None = None
        self._variables: dict[str, str | None] = {}
        self._others: dict[str, ModuleType] = {}
        self._leaving: asyncio.Handle | None = None

    def enter(self, function: InlineFunction) -> None:
        """Sets the process up for `function`."""
        if self._current is function:
            return
        self.leave()
        self._current = function
        self._variables = {name: os.environ.get(name) for name in function.variables}
        os.environ.update(function.variables)
        sys.path.insert(0, str(function.root))
        self._others = {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in function.names and not function.shares(module)
        }
        for name in self._others:
            del sys.modules[name]
        sys.modules.update(function.modules)
        importlib.invalidate_caches()
        self._leaving = asyncio.get_running_loop().call_soon(self.leave)

    def leave(self) -> None:
        """Puts the process back as it was."""
        function, self._current = self._current, None
        if function is None:
            return
        if self._leaving is not None:
            self._leaving.cancel()
        for name, value in self._variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if str(function.root) in sys.path:
            sys.path.remove(str(function.root))
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in function.names and not function.shares(module):
                function.modules[name] = module
                del sys.modules[name]
        sys.modules.update(self._others)


class InlineFunction:
    """One function in this process; its module is imported by its first `run`."""

    def __init__(self, function: Function, environment: Callable[[], Mapping[str, str]], stage: Stage) -> None:
        self.root = function.root
        self.variables = lambda_variables(function, environment())
        self.modules: dict[str, ModuleType] = {}
        """The function's own modules, in `sys.modules` only while it runs."""
        self.names = frozenset(entry.stem for entry in self.root.iterdir()) - sys.stdlib_module_names
        """The top-level names that mean this function's code while it runs."""
        self._shared = {
            id(module)
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in self.names
            and str(getattr(module, "__file__", None) or "").startswith(f"{self.root}{os.sep}")
        }
        self._function = function
        self._stage = stage
        self._handler: Handler | None = None

    def shares(self, module: ModuleType) -> bool:
        """Whether this process had already loaded the module from the function's folder: it stays everyone's."""
        return id(module) in self._shared

    def run(self, request: Request) -> Response:
        """Runs one invocation. Raises `WorkspaceError` if its log cannot be written."""
        log = InvocationLog(request.log, request.id, self._function.executed_version)
        began = time.perf_counter()
        payload, failed = self._answer(request)
        seconds = time.perf_counter() - began
        status = ""
        if seconds > self._function.timeout:
            payload, failed, status = payloads.timed_out(request.id, self._function.timeout), True, "timeout"
        elif len(payload) > payloads.MAX_RESPONSE:
            payload, failed = payloads.response_too_large(), True
        if failed:
            status = status or f"error\tError Type: {payloads.error_type(payload) or 'Unknown'}"
            payload = payloads.as_deployed(payload, self.root)
        tail = log.finish(b"", seconds=seconds, memory=self._function.memory, used=0, init_seconds=None, status=status)
        return Response(payload=payload, function_error="Unhandled" if failed else None, log_tail=tail)

    def _answer(self, request: Request) -> tuple[bytes, bool]:
        self._stage.enter(self)
        deadline = int((time.time() + self._function.timeout) * 1000)
        with nullcontext() if sys.stdout.isatty() else redirect_stdout(sys.stderr):
            try:
                if self._handler is None:
                    self._handler = find_handler(self._function.handler)
                arn = self._function.arn.arn
                context = Context(request.id, deadline, arn, request.client_context, self.variables)
                return call_handler(self._handler, request.payload, context)
            except SystemExit as exit:
                code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
                return payloads.exited(request.id, code), True
            except Exception as error:  # noqa: BLE001 a module may raise anything while it is imported
                return error_payload(error), True
