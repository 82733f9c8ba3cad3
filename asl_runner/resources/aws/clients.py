"""Clients of AWS services for tasks: one per service, on an endpoint of this machine or on AWS itself.

Clients block, so calls run in a bounded pool of threads of their own: a task that takes long (a long poll, a
synchronous execution) must not hold up what else the process does in threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws import models, strictness
from asl_runner.resources.aws.errors import OptimizedErrors, Refusal, SdkErrors

THREADS = 64
"""Calls under way at the same time; more wait for their turn."""

_PATIENCE = 310
"""Seconds without an answer: longer than a synchronous Express execution may take."""

_LAMBDA_PATIENCE = 930

T = TypeVar("T")


class Refused(TaskFailed):
    """A service refused a call; `code` is its error code."""

    def __init__(self, failure: TaskFailed, code: str) -> None:
        super().__init__(failure.error, failure.cause)
        self.code = code


class AwsClients:
    """Calls AWS services by their models. Close it at the end.

    With `endpoint_url` (or a function that gives it when first needed) everything goes there, with made-up
    credentials and nothing tried twice; without it, to AWS with the user's own credentials and the SDK's retries, as
    `role_arn` if that is given.
    """

    def __init__(
        self, region: str, endpoint_url: str | Callable[[], str] | None = None, *, role_arn: str | None = None
    ) -> None:
        self.region = region
        self._role = role_arn
        self._session: Any = None
        self._endpoint = endpoint_url
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="asl-runner-aws")

    @property
    def local(self) -> bool:
        """Whether calls stay on this machine."""
        return self._endpoint is not None

    @property
    def endpoint_url(self) -> str | None:
        """Where calls go; None for AWS."""
        return self._endpoint() if callable(self._endpoint) else self._endpoint

    @property
    def session(self) -> Any:
        """The botocore session that calls of AWS are made with: the user's own, or one that acts as the role."""
        if self._session is None:
            from asl_runner.resources.aws.roles import assuming

            self._session = models.session() if self._role is None else assuming(self._role, self.region)
        return self._session

    async def run(self, work: Callable[[], T]) -> T:
        """Runs blocking work in the pool. Cancelled, it lets go of the work, which is not undone."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def call(
        self, service: str, operation: Any, request: dict[str, Any], errors: SdkErrors | OptimizedErrors
    ) -> dict[str, Any]:
        """botocore's answer of a service by botocore's name; blocks. Raises `Refused`, and `TaskFailed` without one."""
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        name = f"{service}.{operation.name}"
        endpoint = self.endpoint_url
        if endpoint is not None:
            if (host := strictness.unknown_host(request, endpoint)) is not None:
                raise errors.unreachable(f"{host}: Name or service not known")
            if (refusal := strictness.refusal(name, request)) is not None:
                raise Refused(errors.refused(refusal), refusal.code)
        method = getattr(self.client(service), xform_name(operation.name))

        def send(request: dict[str, Any]) -> dict[str, Any]:
            answer: dict[str, Any] = method(**request)
            return answer

        try:
            return send(request) if endpoint is None else strictness.ask(name, request, send)
        except ClientError as error:
            refusal = Refusal.of(error.response)
            if endpoint is not None:
                refusal = strictness.reworded(name, request, refusal)
            raise Refused(errors.refused(refusal), refusal.shape or refusal.code) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise errors.unreachable(_reason(error)) from error

    def client(self, service: str) -> Any:
        """botocore's client of a service, made once for each place calls go to."""
        endpoint = self.endpoint_url
        with self._lock:
            if (service, endpoint) not in self._clients:
                self._clients[service, endpoint] = self._make(service, endpoint)
            return self._clients[service, endpoint]

    def close(self) -> None:
        """No more calls: those under way are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def _make(self, service: str, endpoint: str | None) -> Any:
        from botocore.config import Config

        common: dict[str, Any] = {
            "parameter_validation": False,
            "max_pool_connections": THREADS,
            "read_timeout": _PATIENCE,
            # Step Functions shows the checksum of an object only where it is asked for (recorded).
            "response_checksum_validation": "when_required",
        }
        if endpoint is None:
            config = Config(**common, retries={"mode": "standard"})
            if service == "lambda":
                # A function may take fifteen minutes, and must not be invoked again for that.
                config = config.merge(Config(read_timeout=_LAMBDA_PATIENCE, retries={"total_max_attempts": 1}))
            return self.session.create_client(service, region_name=self.region, config=config)
        config = Config(
            **common, retries={"total_max_attempts": 1}, inject_host_prefix=False, s3={"addressing_style": "path"}
        )
        return models.session().create_client(
            service,
            region_name=self.region,
            endpoint_url=endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            aws_session_token="local",
            config=config,
        )


def _reason(error: Exception) -> str:
    """What a person needs of botocore's error: the connection's own trouble where there is one."""
    inner = getattr(error, "kwargs", {}).get("error")
    return str(inner or error)
