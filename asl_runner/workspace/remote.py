"""The target `aws`: Tasks answered by AWS itself, with the user's own credentials, for those that are placed there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asl_runner.definition.resource import Resource
from asl_runner.resources.registry import ANY_SDK_SERVICE, OPTIMIZED_SERVICES, Handler, Resources
from asl_runner.workspace.lazy import Lazy

if TYPE_CHECKING:
    from asl_runner.expressions.environment import Json
    from asl_runner.interpreter.ports import TaskCall
    from asl_runner.resources.aws.clients import AwsClients
    from asl_runner.resources.callback import TaskTokens
    from asl_runner.resources.datasets.objects import Objects
    from asl_runner.sagemaker.progress import JobProgress


class AwsTarget:
    """Handlers over boto3's clients. Nothing is loaded and nobody is asked before a Task, or a look ahead, needs it."""

    def __init__(
        self, region: str, tokens: Callable[[], TaskTokens], poll_seconds: float, *, role_arn: str | None = None
    ) -> None:
        """`role_arn`: whom calls are made as, in place of the user."""
        self._region = region
        self._role = role_arn
        self._assuming: dict[str, AwsTarget] = {}
        self._tokens = tokens
        self._poll = poll_seconds
        self._lock = threading.Lock()
        self._made: AwsClients | None = None
        self._jobs: Any = None
        makers: dict[str, Callable[[], Handler]] = {
            "lambda-arn": self._lambda_function,
            "lambda": self._lambda_invoke,
            "states": self._states_tasks,
            "sagemaker": self._sagemaker_tasks,
            "aws-sdk:sagemaker": self._sagemaker_tasks,
            ANY_SDK_SERVICE: self._sdk_tasks,
            **dict.fromkeys(OPTIMIZED_SERVICES, self._optimized_tasks),
            "http": self._http_tasks,
            "apigateway": self._apigateway_tasks,
        }
        self.resources: Resources = _InRoles(self, {key: Lazy(make) for key, make in makers.items()})

    @property
    def clients(self) -> AwsClients:
        """The clients, which go where AWS's SDKs go: to AWS, unless the user's settings name another endpoint."""
        from asl_runner.resources.aws.clients import AwsClients

        with self._lock:
            if self._made is None:
                self._made = AwsClients(self._region, role_arn=self._role)
            return self._made

    def problem(self, resource: Resource) -> str | None:
        """Why a Task could not be answered by AWS: no such resource, or no credentials."""
        from asl_runner.resources.recognized import is_recognized

        if not self.resources.handles(resource) or not is_recognized(resource):
            return f"Step Functions has no resource {resource.arn}."
        return self.lacking()

    def job_progress(self, kind: str, name: str) -> JobProgress | None:
        """How a SageMaker job on AWS stood at the last look; None for one that was not looked at."""
        own: JobProgress | None = None if self._jobs is None else self._jobs.progress(kind, name)
        if own is not None:
            return own
        found = (target.job_progress(kind, name) for target in list(self._assuming.values()))
        return next((progress for progress in found if progress is not None), None)

    async def assuming(self, call: TaskCall) -> AwsTarget:
        """The target whose calls are made as the role of the task's `Credentials`; this one where there is none.

        Raises `TaskFailed` when the user may not assume it.
        """
        from asl_runner.resources.aws import roles

        role = call.credentials.get("RoleArn") if isinstance(call.credentials, dict) else None
        if role is None or role == self._role:
            return self
        target = self._assuming.setdefault(role, AwsTarget(self._region, self._tokens, self._poll, role_arn=role))
        clients = target.clients
        await clients.run(lambda: roles.check(clients.session, role, call.execution.role_arn))
        return target

    def close(self) -> None:
        """Lets go of the clients."""
        for target in self._assuming.values():
            target.close()
        if self._made is not None:
            self._made.close()

    @property
    def objects(self) -> Objects:
        """The objects of S3, for distributed Maps."""
        from asl_runner.resources.datasets.aws_objects import AwsObjects

        return AwsObjects(self.clients)

    def lacking(self) -> str | None:
        """What AWS would miss in any call: credentials."""
        from asl_runner.resources.aws import models

        if models.session().get_credentials() is None:
            return (
                "The place is AWS, for which there are no credentials: set them up as for the AWS CLI "
                "(`aws configure`, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or place it here: "
                "--target local"
            )
        return None

    def _sagemaker_tasks(self) -> Handler:
        from asl_runner.resources.remote_jobs import RemoteJobs
        from asl_runner.resources.sagemaker import SageMakerTasks

        if self._jobs is None:
            self._jobs = RemoteJobs(lambda: self.clients.client("logs"))
        return SageMakerTasks(self.clients.client("sagemaker"), poll_interval=self._poll, seen=self._jobs.seen)

    def _lambda_function(self) -> Handler:
        from asl_runner.resources.lambda_ import LambdaFunction
        from asl_runner.resources.remote_functions import RemoteFunctions

        return LambdaFunction(RemoteFunctions(self.clients))

    def _lambda_invoke(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.lambda_ import LambdaInvoke
        from asl_runner.resources.remote_functions import RemoteFunctions

        invoke = LambdaInvoke(RemoteFunctions(self.clients))
        return with_callback(self._tokens(), invoke, invoke.submit)

    def _states_tasks(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.states import StatesTasks

        states = StatesTasks(self.clients.client("stepfunctions"), poll_seconds=(min(self._poll, 1), self._poll * 6))
        return with_callback(self._tokens(), states, states.submit)

    def _sdk_tasks(self) -> Handler:
        from asl_runner.resources.aws_sdk import AwsSdkTasks
        from asl_runner.resources.callback import with_callback

        return with_callback(self._tokens(), AwsSdkTasks(self.clients))

    def _optimized_tasks(self) -> Handler:
        from asl_runner.resources.callback import with_callback
        from asl_runner.resources.optimized_tasks import OptimizedTasks

        return with_callback(self._tokens(), OptimizedTasks(self.clients))

    def _http_tasks(self) -> Handler:
        from asl_runner.resources.http import HttpTasks

        return HttpTasks(self.clients)

    def _apigateway_tasks(self) -> Handler:
        from asl_runner.resources.apigateway import ApiGatewayTasks
        from asl_runner.resources.callback import with_callback

        return with_callback(self._tokens(), ApiGatewayTasks(self.clients))


class _InRoles(Resources):
    """The handlers of a target, each Task answered in its own role."""

    def __init__(self, target: AwsTarget, handlers: Mapping[str, Handler]) -> None:
        super().__init__(handlers)
        self._target = target

    async def call(self, call: TaskCall) -> Json:
        """The handler's answer. Raises `TaskFailed`."""
        target = await self._target.assuming(call)
        return await (super().call(call) if target is self._target else target.resources.call(call))
