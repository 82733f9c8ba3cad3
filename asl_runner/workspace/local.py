"""The target `local`: functions, storage and SageMaker of this machine, each made when a Task first needs it."""

from __future__ import annotations

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
    from asl_runner.sagemaker.client import LocalSageMaker
    from asl_runner.sagemaker.progress import JobProgress
    from asl_runner.storage.buckets import Buckets
    from asl_runner.storage.server import LocalAws


class LocalTarget:
    """Answers Tasks on this machine, for use from one event loop; `close` ends everything it started."""

    def __init__(self, configuration: Configuration, directory: Path) -> None:
        self._configuration = configuration
        self._directory = directory
        makers: dict[str, Callable[[], Handler]] = {
            "lambda-arn": self._lambda_function,
            "lambda": self._lambda_invoke,
            "sagemaker": self._sagemaker_tasks,
            "aws-sdk:sagemaker": self._sagemaker_tasks,
        }
        self._resources = Resources({key: _Lazy(make) for key, make in makers.items()})

    def tasks_for(self, machine: StateMachine) -> Resources:
        """The `Tasks` port for a machine. Raises `UsageError` saying what of it cannot run here, and what to write."""
        from asl_runner.workspace.preflight import check_tasks, images_of, written_tasks

        tasks = list(written_tasks(machine))
        check_tasks(machine, tasks, self._resources, lambda: self.functions)
        for image in images_of(tasks):
            self.sagemaker.prepare(image)
        return self._resources

    def job_progress(self, kind: str, name: str) -> JobProgress | None:
        """How a SageMaker job stands that this process runs or ran; None for another. From any thread.

        `kind` is `training`, `tuning` or `transform`.
        """
        sagemaker: LocalSageMaker | None = self.__dict__.get("sagemaker")
        return None if sagemaker is None else sagemaker.progress(name, kind)

    async def close(self) -> None:
        """Ends every process, server and thread; the endpoint last, as functions and jobs may still be writing."""
        made = self.__dict__
        if "functions" in made:
            await self.functions.close()
        if "sagemaker" in made:
            import asyncio

            await asyncio.to_thread(self.sagemaker.close)
        if "aws" in made:
            self.aws.close()

    @cached_property
    def functions(self) -> Functions:
        """The Lambda functions of the project."""
        from asl_runner.functions import Functions

        return Functions(
            self._configuration.root,
            self._configuration.functions,
            runtime=self._configuration.runtime,
            environment=self.environment,
            logs=self._directory / "logs",
            region=self._configuration.region,
            account=self._configuration.account,
        )

    @cached_property
    def sagemaker(self) -> LocalSageMaker:
        """SageMaker, its jobs under `jobs/`."""
        from asl_runner.sagemaker.client import LocalSageMaker

        return LocalSageMaker(
            self._directory / "jobs",
            self.buckets,
            region=self._configuration.region,
            account=self._configuration.account,
            images=self._configuration.images,
            environment=self.environment,
        )

    @cached_property
    def buckets(self) -> Buckets:
        """The objects of `s3://`, as files under `s3/`."""
        from asl_runner.storage.buckets import Buckets

        return Buckets(self._directory / "s3")

    @cached_property
    def aws(self) -> LocalAws:
        """The AWS endpoint that unmodified boto3 code talks to."""
        from asl_runner.storage.server import LocalAws

        return LocalAws(self.buckets, region=self._configuration.region, account=self._configuration.account)

    def environment(self) -> Mapping[str, str]:
        """What functions and jobs get so that unmodified AWS code reaches this workspace and nothing else."""
        return self.aws.environment()

    def _lambda_function(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaFunction

        return LambdaFunction(self.functions)

    def _lambda_invoke(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaInvoke

        return LambdaInvoke(self.functions)

    def _sagemaker_tasks(self) -> Handler:
        from asl_runner.resources.sagemaker import SageMakerTasks

        return SageMakerTasks(self.sagemaker)


class _Lazy:
    """A handler that is made by its first call."""

    def __init__(self, make: Callable[[], Handler]) -> None:
        self._make = make
        self._handler: Handler | None = None

    async def __call__(self, call: TaskCall) -> Json:
        if self._handler is None:
            self._handler = self._make()
        return await self._handler(call)
