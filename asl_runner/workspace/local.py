"""The target `local`: functions, storage and SageMaker of this machine, each made when a Task first needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from asl_runner.configuration import Configuration
from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskCall
from asl_runner.placement import Target
from asl_runner.resources.registry import ANY_SDK_SERVICE, OPTIMIZED_SERVICES, Handler, Resources
from asl_runner.workspace.lazy import Lazy, Placed
from asl_runner.workspace.remote import AwsTarget

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.definition.resource import Resource
    from asl_runner.functions import Functions
    from asl_runner.functions.created import CreatedFunctions
    from asl_runner.interpreter.datasets import Dataset, DatasetRequest
    from asl_runner.resources.activity import Activities
    from asl_runner.resources.aws.clients import AwsClients
    from asl_runner.resources.callback import TaskTokens
    from asl_runner.resources.datasets.objects import Objects
    from asl_runner.sagemaker.client import LocalSageMaker
    from asl_runner.sagemaker.progress import JobProgress
    from asl_runner.storage.buckets import Buckets
    from asl_runner.storage.server import LocalAws


T = TypeVar("T")

CREATED = "functions"
"""The workspace's folder of functions made through Lambda's API."""


class _Made(Generic[T]):
    """A property made by its first reader and kept in the instance; made once also when threads ask together.

    `functools.cached_property` has had no lock since Python 3.12.
    """

    def __init__(self, make: Callable[[LocalTarget], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, target: None, owner: type) -> _Made[T]: ...
    @overload
    def __get__(self, target: LocalTarget, owner: type) -> T: ...
    def __get__(self, target: LocalTarget | None, owner: type) -> T | _Made[T]:
        if target is None:
            return self
        made = target.__dict__
        with target.lock:
            if self._name not in made:
                made[self._name] = self._make(target)
        found: T = made[self._name]
        return found


class LocalTarget:
    """Answers Tasks on this machine, for use from one event loop; `close` ends everything it started."""

    def __init__(self, configuration: Configuration, directory: Path) -> None:
        self.lock = threading.RLock()
        """Held while something is made: jobs ask for their environment from threads."""
        self.served_at: str | None = None
        """Where this workspace is served to AWS clients; functions and jobs started from then on go there, too."""
        self.stepfunctions: Any = None
        """Where nested executions run, with the methods of boto3's `stepfunctions` client; None while not served."""
        self._configuration = configuration
        self._directory = directory
        makers: dict[str, Callable[[], Handler]] = {
            "lambda-arn": self._lambda_function,
            "lambda": self._lambda_invoke,
            "activity": lambda: self.activities,
            "states": self._states_tasks,
            "sagemaker": self._sagemaker_tasks,
            "aws-sdk:sagemaker": self._sagemaker_sdk_tasks,
            ANY_SDK_SERVICE: self._aws_sdk_tasks,
            **dict.fromkeys(OPTIMIZED_SERVICES, self._optimized_tasks),
            "http": self._http_tasks,
            "apigateway": self._apigateway_tasks,
        }
        handlers: dict[str, Handler] = {key: Lazy(make) for key, make in makers.items()}
        docker = {"sagemaker": Lazy(self._docker_tasks), "aws-sdk:sagemaker": Lazy(self._docker_sdk_tasks)}
        here, in_docker = Resources(handlers), Resources({**handlers, **docker})
        self.remote = AwsTarget(configuration.region, lambda: self.tokens, configuration.aws_poll_seconds)
        """AWS itself, for the Tasks that are placed there."""
        self.tasks = Placed(
            configuration.placement,
            {"local": lambda: here, "docker": lambda: in_docker, "aws": lambda: self.remote.resources},
        )
        """The `Tasks` port."""

    def check(self, machine: StateMachine, mocked: Collection[str] = ()) -> None:
        """Raises `UsageError` saying what of a machine cannot run here, and what to write.

        States that are `mocked` run nothing, so nothing is asked of them.
        """
        from asl_runner.workspace.preflight import check_tasks, images_of, written_tasks

        tasks = [(name, task) for name, task in written_tasks(machine) if name not in mocked]
        check_tasks(machine, tasks, self)
        for target, image in images_of(tasks, self.tasks):
            self.sagemaker_at(target).prepare(image)

    def job_progress(self, kind: str, name: str) -> JobProgress | None:
        """How a SageMaker job stands that this process runs or ran; None for another. From any thread.

        `kind` is `training`, `tuning`, `transform` or `processing`.
        """
        sagemaker: LocalSageMaker | None = self.__dict__.get("sagemaker")
        found = None if sagemaker is None else sagemaker.progress(name, kind)
        return found or self.remote.job_progress(kind, name)

    async def close(self) -> None:
        """Ends every process, server and thread; the endpoint last, as functions and jobs may still be writing."""
        made = self.__dict__
        if "functions" in made:
            await self.functions.close()
        if "sagemaker" in made:
            import asyncio

            await asyncio.to_thread(self.sagemaker.close)
        self.remote.close()
        if "clients" in made:
            self.clients.close()
        if "aws" in made:
            self.aws.close()

    @_Made
    def tokens(self) -> TaskTokens:
        """The tasks that wait for their token."""
        from asl_runner.resources.callback import TaskTokens

        return TaskTokens()

    @_Made
    def activities(self) -> Activities:
        """The activity tasks that wait for a worker."""
        from asl_runner.resources.activity import Activities

        return Activities(self.tokens)

    @_Made
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
            created=self.created_functions.find if self.served_at or self._has_created() else None,
            # A function that runs in this process would wait for an endpoint that waits for it.
            served=self.served_at is not None,
        )

    @_Made
    def created_functions(self) -> CreatedFunctions:
        """The Lambda functions made through Lambda's API."""
        from asl_runner.functions.created import CreatedFunctions

        return CreatedFunctions(self._directory / CREATED)

    def _has_created(self) -> bool:
        return (self._directory / CREATED).is_dir()

    @_Made
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

    @_Made
    def sagemaker_in_docker(self) -> LocalSageMaker:
        """The same SageMaker; jobs created through it run in Docker."""
        return self.sagemaker.in_docker(self._configuration.docker_network)

    def sagemaker_at(self, target: Target) -> LocalSageMaker:
        """SageMaker for jobs that run as processes or in Docker."""
        return self.sagemaker_in_docker if target == "docker" else self.sagemaker

    @_Made
    def buckets(self) -> Buckets:
        """The objects of `s3://`, as files under `s3/`."""
        from asl_runner.storage.buckets import Buckets

        return Buckets(self._directory / "s3")

    @_Made
    def aws(self) -> LocalAws:
        """The AWS endpoint that unmodified boto3 code talks to."""
        from asl_runner.sagemaker.runtime_app import RuntimeApplication, is_runtime
        from asl_runner.storage.server import LocalAws

        return LocalAws(
            self.buckets,
            region=self._configuration.region,
            account=self._configuration.account,
            beside=(is_runtime, RuntimeApplication(lambda: self.sagemaker)),
        )

    @_Made
    def clients(self) -> AwsClients:
        """Clients of AWS services for tasks, on this workspace's own endpoint."""
        from asl_runner.resources.aws.clients import AwsClients

        return AwsClients(self._configuration.region, lambda: self.served_at or self.aws.endpoint_url)

    @_Made
    def objects(self) -> Objects:
        """The workspace's objects, for distributed Maps."""
        from asl_runner.resources.datasets.objects import WorkspaceObjects

        return WorkspaceObjects(self.buckets, self._configuration.account)

    def objects_for(self, resource: Resource, state: str) -> Objects:
        """The objects that a Map reads or writes by this resource: where it or its service is placed."""
        return self.remote.objects if self.tasks.of(resource, state) == "aws" else self.objects

    def open_dataset(self, request: DatasetRequest) -> Dataset:
        """The `OpenDataset` port."""
        from asl_runner.resources.datasets.reader import ItemReader

        return ItemReader(lambda: self.objects_for(request.resource, request.state)).open(request)

    def environment(self) -> Mapping[str, str]:
        """What functions and jobs get so that unmodified AWS code reaches this workspace and nothing else."""
        if self.served_at is None:
            return self.aws.environment()
        from asl_runner.storage.server import client_environment

        return client_environment(self.served_at, self._configuration.region)

    def _lambda_function(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaFunction

        return LambdaFunction(self.functions)

    def _lambda_invoke(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.lambda_ import LambdaInvoke

        invoke = LambdaInvoke(self.functions)
        return with_callback(self.tokens, invoke, invoke.submit)

    def _states_tasks(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.states import StatesTasks

        states = StatesTasks(self.stepfunctions)
        return with_callback(self.tokens, states, states.submit)

    def _sagemaker_tasks(self) -> Handler:
        return self._sagemaker_jobs(self.sagemaker)

    def _docker_tasks(self) -> Handler:
        return self._sagemaker_jobs(self.sagemaker_in_docker)

    def _sagemaker_sdk_tasks(self) -> Handler:
        return self._sagemaker_sdk(self.sagemaker)

    def _docker_sdk_tasks(self) -> Handler:
        return self._sagemaker_sdk(self.sagemaker_in_docker)

    def _sagemaker_jobs(self, client: LocalSageMaker) -> Handler:
        from asl_runner.resources.sagemaker import SageMakerTasks

        return SageMakerTasks(client)

    def _sagemaker_sdk(self, client: LocalSageMaker) -> Handler:
        """SageMaker's jobs by the workspace; its other records by what serves them, where anything does."""
        from asl_runner.resources.aws_sdk import AwsSdkTasks
        from asl_runner.resources.sagemaker import SageMakerTasks

        own, records = SageMakerTasks(client), AwsSdkTasks(self.clients)

        async def either(call: TaskCall) -> Json:
            is_own = self.served_at is None or own.offers(call.resource.action)
            return await (own(call) if is_own else records(call))

        return either

    def _aws_sdk_tasks(self) -> Handler:
        from asl_runner.resources.aws_sdk import AwsSdkTasks
        from asl_runner.resources.callback import with_callback

        return with_callback(self.tokens, AwsSdkTasks(self.clients))

    def _http_tasks(self) -> Handler:
        from asl_runner.resources.http import HttpTasks

        return HttpTasks(self.clients)

    def _apigateway_tasks(self) -> Handler:
        from asl_runner.resources.apigateway import ApiGatewayTasks
        from asl_runner.resources.callback import with_callback

        return with_callback(self.tokens, ApiGatewayTasks(self.clients))

    def _optimized_tasks(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.optimized_tasks import OptimizedTasks

        return with_callback(self.tokens, OptimizedTasks(self.clients))
