"""The target `local`: functions, storage and SageMaker of this machine, each made when a Task first needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from asl_runner.configuration import Configuration
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskCall
from asl_runner.resources.registry import Handler, Resources

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.functions import Functions
    from asl_runner.storage.buckets import Buckets


class LocalTarget:
    """Answers Tasks on this machine, for use from one event loop; `close` ends everything it started."""

    def __init__(self, configuration: Configuration, directory: Path) -> None:
        self._configuration = configuration
        self._directory = directory
        self._closing = contextlib.AsyncExitStack()
        self._resources = Resources({key: _Lazy(make) for key, make in self._handlers().items()})

    def tasks_for(self, machine: StateMachine) -> Resources:
        """The `Tasks` port for a machine. Raises `UsageError` saying what of it cannot run here, and what to write."""
        from asl_runner.workspace.preflight import check_tasks

        check_tasks(machine, self._resources, lambda: self.functions)
        return self._resources

    async def close(self) -> None:
        """Ends every process, server and thread."""
        await self._closing.aclose()

    def _handlers(self) -> dict[str, Callable[[], Handler]]:
        """Every handler by the key of its resources (see `handler_key`)."""
        return {
            "lambda-arn": self._lambda_function,
            "lambda": self._lambda_invoke,
        }

    def _lambda_function(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaFunction

        return LambdaFunction(self.functions)

    def _lambda_invoke(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaInvoke

        return LambdaInvoke(self.functions)

    @cached_property
    def functions(self) -> Functions:
        """The Lambda functions of the project."""
        from asl_runner.functions import Functions

        functions = Functions(
            self._configuration.root,
            self._configuration.functions,
            runtime=self._configuration.runtime,
            environment=self.environment,
            logs=self._directory / "logs",
            region=self._configuration.region,
            account=self._configuration.account,
        )
        self._closing.push_async_callback(functions.close)
        return functions

    @cached_property
    def buckets(self) -> Buckets:
        """The objects of `s3://`."""
        from asl_runner.storage.buckets import Buckets

        return Buckets(self._directory / "s3")

    def environment(self) -> Mapping[str, str]:
        """What functions and jobs get so that unmodified AWS code reaches this workspace and nothing else."""
        return {
            "AWS_REGION": self._configuration.region,
            "AWS_DEFAULT_REGION": self._configuration.region,
        }


class _Lazy:
    """A handler that is made by its first call."""

    def __init__(self, make: Callable[[], Handler]) -> None:
        self._make = make
        self._handler: Handler | None = None

    async def __call__(self, call: TaskCall) -> Json:
        if self._handler is None:
            self._handler = self._make()
        return await self._handler(call)
