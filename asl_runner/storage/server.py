"""AWS at home for unmodified boto3 code: S3 on the workspace's files, and whatever else moto emulates."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from asl_runner.errors import WorkspaceError
from asl_runner.storage.buckets import Buckets
from asl_runner.storage.emulated import Guarded
from asl_runner.storage.signing import signed_for

_ALIVE_CHECK_SECONDS = 1.0
MOTO = "moto>=5.2.5,<6"
"""The versions whose inner structure the S3 modules know."""

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


Beside: TypeAlias = tuple[Callable[[str], bool], Application]


class LocalAws:
    """An HTTP endpoint on the loopback interface that answers AWS's API.

    `beside` is an application that answers before, and which paths it answers.

    The port is open at once, so `endpoint_url` can be handed to child processes; the rest (moto is half a second of
    imports) is loaded when the first connection arrives. Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        buckets: Buckets,
        *,
        region: str = "us-east-1",
        account: str = "123456789012",
        beside: Beside | None = None,
    ) -> None:
        self._buckets, self._region, self._account, self._beside = buckets, region, account, beside
        self._lock = threading.Lock()
        self._application: Application | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._port: int = self._listener.getsockname()[1]
        self._waker, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="asl-runner-local-aws")
        self._thread.start()

    @property
    def endpoint_url(self) -> str:
        """What AWS_ENDPOINT_URL has to say."""
        return f"http://127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """The environment variables that lead boto3 here and nowhere else, see `client_environment`."""
        return client_environment(self.endpoint_url, self._region)

    def application(self) -> Application:
        """The WSGI application behind the port, for mounting elsewhere. Loads moto.

        Raises WorkspaceError when moto is not installed, or not in a version that is known.
        """
        with self._lock:
            if self._application is None:
                own = load_application(self._buckets, region=self._region, account=self._account)
                self._application = own if self._beside is None else _Both(own, *self._beside)
            return self._application

    def close(self) -> None:
        """Stop: requests under way are answered, idle connections closed, the thread joined. May be called twice."""
        self._wake.close()
        self._thread.join()

    def __enter__(self) -> LocalAws:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            if self._wait():
                self._serve()
        finally:
            self._listener.close()
            self._waker.close()

    def _serve(self) -> None:
        from asl_runner.storage.http import HttpServer

        try:
            application = self.application()
        except WorkspaceError as error:
            application = Unavailable(str(error))
        server = HttpServer(application, "127.0.0.1", self._port)
        try:
            while self._wait():
                server.serve(*self._listener.accept())
        finally:
            server.close()

    def _wait(self) -> bool:
        """Until a connection arrives: True; until `close`, or the end of the main thread: False."""
        while threading.main_thread().is_alive():
            ready, _, _ = select.select([self._listener, self._waker], [], [], _ALIVE_CHECK_SECONDS)
            if self._waker in ready:
                return False
            if ready:
                return True
        return False


def client_environment(endpoint_url: str, region: str) -> dict[str, str]:
    """The environment variables that lead boto3 to an endpoint on this machine and nowhere else.

    The credentials are made up and override any that a profile or the machine would give. A loopback address
    makes boto3 put the bucket into the path by itself, but a name must not be put before it. Source: boto3 guide,
    "Configuration"; AWS SDKs and Tools Reference Guide, "Host prefix injection".
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def load_application(buckets: Buckets, *, region: str, account: str, own_served: bool = False) -> Application:
    """S3 on the workspace's files and moto's other services as one WSGI application. Loads moto.

    With `own_served` the services a workspace has itself are not refused: whoever mounts this answers them before.
    Raises WorkspaceError when moto is not installed, or not in a version that is known.
    """
    return _Dispatcher(_load_s3(buckets, account, region), {} if own_served else _OWN)


_OWN = {"states": "Step Functions", "sagemaker": "SageMaker", "lambda": "Lambda"}
"""Signing names of the services a workspace has itself."""

_JSON = _OWN.keys() | {"dynamodb", "kinesis", "logs", "events", "secretsmanager", "ssm", "sqs", "ecs", "glue"}
"""Signing names of services whose clients read errors as JSON."""


class _Dispatcher:
    """S3 to the workspace's files, every other service to moto as it is.

    What the workspace has itself is refused: moto knows nothing of its jobs, functions and executions.
    """

    def __init__(self, s3: Application, refused: Mapping[str, str]) -> None:
        self._s3 = s3
        self._refused = refused
        self._lock = threading.Lock()
        self._others: Application | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if _is_s3(environ):
            return self._s3(environ, start_response)
        if service := self._refused.get(signed_for(environ)):
            reason = f"{service} of this workspace is not served to AWS clients; a state machine's Tasks reach it."
            return Unavailable(reason)(environ, start_response)
        return self._emulated()(environ, start_response)

    def _emulated(self) -> Application:
        with self._lock:
            if self._others is None:
                self._others = _load_others()
            return self._others


class _Both:
    """One application for the paths it knows, another for all others."""

    def __init__(self, others: Application, knows: Callable[[str], bool], first: Application) -> None:
        self._others, self._knows, self._first = others, knows, first

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        signed = signed_for(environ)
        known = signed not in ("s3", "s3express") and self._knows(environ.get("PATH_INFO", ""))
        return (self._first if known else self._others)(environ, start_response)


class Unavailable:
    """Answers every request with the reason why there is no answer."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kind, error = self._error(as_json=signed_for(environ) in _JSON)
        # Not one of the statuses a client takes for a passing trouble and tries again.
        start_response("501 Not Implemented", [("Content-Type", kind), ("Content-Length", str(len(error)))])
        return [error]

    def _error(self, *, as_json: bool) -> tuple[str, bytes]:
        if as_json:
            return "application/json", json.dumps({"__type": "NotImplemented", "message": self._reason}).encode()
        text = f"<Error><Code>NotImplemented</Code><Message>{escape(self._reason)}</Message></Error>"
        return "application/xml", text.encode()


def _is_s3(environ: dict[str, Any]) -> bool:
    """Whether the request is signed for S3, or not signed at all and without the header other services have."""
    if service := signed_for(environ):
        return service in ("s3", "s3express")
    return "HTTP_X_AMZ_TARGET" not in environ and "/moto-api" not in environ.get("PATH_INFO", "")


def _load_s3(buckets: Buckets, account: str, region: str) -> Application:
    try:
        from asl_runner.storage.s3_app import S3Application
    except ImportError as error:
        raise WorkspaceError(
            f"S3 for boto3 clients needs {MOTO} ({error}). Install it with: pip install 'asl-runner[server]'."
        ) from error
    return S3Application(buckets, account=account, region=region)


def _load_others() -> Application:
    try:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    except ImportError as error:
        return Unavailable(f"This service is emulated by moto's server ({error}); pip install 'moto[server]'.")
    return Guarded(DomainDispatcherApplication(create_backend_app))
