"""The endpoint as an ASGI application: every request goes to the API it is for, and whatever it is gets an answer.

`X-Amz-Target` names Step Functions and SageMaker; Lambda is known by its signature or its paths; all else is moto, with
S3 on the workspace's own files. A host prefix (`sync-`) makes no difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from asl_runner.endpoint import faults
from asl_runner.endpoint.emulated import Guarded, too_large_answer
from asl_runner.endpoint.lambda_.service import Lambda
from asl_runner.endpoint.origin import is_foreign
from asl_runner.endpoint.protocol import Answer, JsonApi
from asl_runner.endpoint.rest import HttpRequest, RestApi
from asl_runner.endpoint.stepfunctions import OPERATIONS, StepFunctions
from asl_runner.endpoint.wsgi import WsgiPart
from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker.runtime_app import RuntimeApplication, is_runtime

if TYPE_CHECKING:
    from asl_runner.endpoint.wsgi import Application as WsgiApplication
    from asl_runner.workspace import Workspace

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)

JSON_LIMIT = 1 << 20
"""Bytes of a request to Step Functions. Source: Step Functions quotas, "Maximum request size"."""

SAGEMAKER_LIMIT = 4 << 20
"""Bytes of a request to SageMaker; more than any of its shapes can hold."""

LAMBDA_LIMIT = 69_905_067
"""Bytes of a request to Lambda: an archive of 50 MB in base64. Source: the service's own refusal of larger ones."""

DEFAULT_LIMIT = 1 << 30
"""Bytes of a request to S3 and moto's services, unless said otherwise; they are held in memory."""

PAGES = "/_asl"
"""The path of the pages: no bucket can have this name."""

LONG_POLLS = frozenset({"GetActivityTask"})
"""Operations that wait for something and end when their client goes away."""

_CONTENT_TYPES = (b"application/x-amz-json-1.", b"application/json")
_SERVICE = re.compile(rb"Credential=[^/&]+/[^/]+/[^/]+/([^/]+)/aws4_request")
_LAMBDA_PATH = re.compile(rb"/20\d\d-\d\d-\d\d/(functions|tags|account-settings|event-source-mappings|layers)(/|$)")
_NAMESPACES = {"stepfunctions": "com.amazonaws.swf.service.v2.model"}


class Site(Protocol):
    """What answers the requests of browsers for pages: an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def end(self) -> None:
        """Ends answers that go on for as long as their page is open."""


class Application:
    """The endpoint of one workspace, for one event loop. Start it before the first request, close it after the last."""

    def __init__(self, workspace: Workspace, *, request_limit: int = DEFAULT_LIMIT, pages: Site | None = None) -> None:
        self.workspace = workspace
        self._pages = pages
        self.stepfunctions = StepFunctions(workspace)
        self._limit = request_limit
        calls = {name: partial(call, self.stepfunctions) for name, call in OPERATIONS.items()}
        self._states = JsonApi("stepfunctions", calls, namespace=_NAMESPACES["stepfunctions"])
        self.lambda_ = Lambda(workspace)
        self._functions: RestApi | None = None
        self._sagemaker: JsonApi | None = None
        self._others = WsgiPart(self._load_others)
        self._runtime = WsgiPart(lambda: RuntimeApplication(lambda: workspace.local.sagemaker))
        # In threads of its own: what stacks make they make through this endpoint.
        self._stacks = WsgiPart(self._load_stacks)
        self._polls: set[asyncio.Task[Answer]] = set()
        self._requests: set[asyncio.Task[Any]] = set()
        self._ending = False

    async def start(self, *, resumes: bool) -> None:
        """Makes the APIs ready for requests; with `resumes` the executions go on whose process is gone."""
        await self.stepfunctions.start()
        await self.lambda_.start()
        if resumes:
            await self.stepfunctions.go_on()

    async def close(self) -> None:
        """Ends what requests have started, except what belongs to the workspace."""
        self.end_polls()
        await self.stepfunctions.close()
        await asyncio.to_thread(self._stacks.close)
        await asyncio.to_thread(self._others.close)
        await asyncio.to_thread(self._runtime.close)

    def end_polls(self) -> None:
        """Ends long polls: there will be nothing for them any more."""
        for poll in self._polls:
            poll.cancel()
        if self._pages is not None:
            self._pages.end()

    def end_requests(self) -> None:
        """Ends what is still being answered: its client is told that the endpoint stops."""
        self._ending = True
        for task in list(self._requests):
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            await self._dispatch(scope, receive, send)
        except ClientGone:
            return  # There is nobody to answer.
        except asyncio.CancelledError:
            if not self._ending:
                raise
            await self._last_words(send, _STOPPING)
        except Exception as defect:  # noqa: BLE001 - whatever happens, the client is answered
            _log.exception("A defect in asl_runner while answering %s %s", scope["method"], scope["path"])
            await self._last_words(send, faults.from_defect(defect))
        finally:
            self._requests.discard(task)

    async def _last_words(self, send: Send, fault: faults.Fault) -> None:
        """Answers with a fault, unless an answer has begun: that one then ends as it is."""
        with contextlib.suppress(RuntimeError):
            await _send(send, self._states.fault(fault), close=True)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if is_foreign(headers):
            fault = faults.Fault(code="AccessDeniedException", message=_FOREIGN, status=403)
            await _send(send, self._states.fault(fault))
            return
        prefix, _, name = headers.get(b"x-amz-target", b"").partition(b".")
        service = signed_for(headers)
        if self._pages is not None and not service and not prefix and _is_page(scope, headers):
            await self._pages(scope, receive, send)
            return
        if prefix == b"AWSStepFunctions" or service == b"states":
            name = name if prefix == b"AWSStepFunctions" else b""
            await self._states_api(name.decode("latin-1"), headers, receive, send)
        elif not prefix and is_runtime(scope["path"]) and service in (b"", b"sagemaker"):
            await self._other(self._runtime, scope, headers, receive, send)
        elif prefix == b"SageMaker" or service == b"sagemaker":
            await self._jobs(scope, name.decode("latin-1"), headers, receive, send)
        elif not prefix and _is_lambda(scope, service):
            await self._lambda(scope, headers, receive, send)
        else:
            part = self._stacks if service == b"cloudformation" else self._others
            await self._other(part, scope, headers, receive, send)

    async def _lambda(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        if self._functions is None:
            from asl_runner.endpoint.lambda_ import OPERATIONS as CALLS

            self._functions = RestApi("lambda", {name: partial(call, self.lambda_) for name, call in CALLS.items()})
        body = await read_body(receive, LAMBDA_LIMIT)
        if body is None:
            text = f"Request must be smaller than {LAMBDA_LIMIT} bytes"
            answer = self._functions.fault(faults.Fault(code="RequestTooLargeException", message=text, status=413))
        else:
            path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
            answer = await self._functions.answer(HttpRequest(scope["method"], path, query, headers), body)
        await _send(send, answer, close=body is None)

    async def _jobs(self, scope: Scope, name: str, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        from asl_runner.endpoint import sagemaker

        api = self._sagemaker
        if api is None:
            enums = await asyncio.to_thread(sagemaker.open_enums)
            calls = sagemaker.calls(self.workspace)
            api = self._sagemaker = JsonApi(
                "sagemaker", calls, namespace="com.amazonaws.sagemaker", open_enums=enums, refusal=sagemaker.refusal
            )
        body = await read_body(receive, SAGEMAKER_LIMIT)
        if body is not None and sagemaker.is_emulated(name, body):
            await self._others.answer(scope, body, send)
        else:
            await self._answer(api, name, headers, body, SAGEMAKER_LIMIT, send)

    async def _answer(
        self, api: JsonApi, name: str, headers: dict[bytes, bytes], body: bytes | None, limit: int, send: Send
    ) -> None:
        if body is None:
            answer = api.fault(faults.too_large(limit))
        elif not headers.get(b"content-type", _CONTENT_TYPES[0]).startswith(_CONTENT_TYPES):
            answer = api.fault(faults.UNKNOWN_OPERATION)
        else:
            answer = await api.answer(name, body)
        await _send(send, answer, close=body is None)

    async def _states_api(self, name: str, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        body = await read_body(receive, JSON_LIMIT)
        if body is not None and name in LONG_POLLS:
            await _send(send, await self._poll(self._states, name, body, receive))
        else:
            await self._answer(self._states, name, headers, body, JSON_LIMIT, send)

    async def _poll(self, api: JsonApi, name: str, body: bytes, receive: Receive) -> Answer:
        """Waits as long as the client does."""
        poll = asyncio.create_task(api.answer(name, body))
        gone = asyncio.create_task(_gone(receive))
        self._polls.add(poll)
        try:
            await asyncio.wait([poll, gone], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                poll.cancel()
            await asyncio.wait([poll])
            return api.fault(_STOPPING) if poll.cancelled() else poll.result()
        finally:
            self._polls.discard(poll)
            poll.cancel()
            gone.cancel()

    async def _other(
        self, part: WsgiPart, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        body = await read_body(receive, self._limit)
        if body is None:
            refused = too_large_answer(self._limit, as_json=b"x-amz-target" in headers)
            await _send(send, refused, close=True)
            return
        await part.answer(scope, body, send)

    def _load_stacks(self) -> WsgiApplication:
        try:
            from asl_runner.endpoint.cloudformation.application import CloudFormation
        except ImportError as error:
            from asl_runner.storage.server import Unavailable

            return Unavailable(f"CloudFormation needs moto ({error}): pip install 'asl-runner[server]'.")
        return Guarded(CloudFormation(self.workspace.local.clients.client, home=self.workspace.configuration.region))

    def _load_others(self) -> WsgiApplication:
        from asl_runner.storage.server import Unavailable, load_application

        configuration = self.workspace.configuration
        try:
            application = load_application(
                self.workspace.local.buckets,
                region=configuration.region,
                account=configuration.account,
                own_served=True,
            )
        except WorkspaceError as error:
            return Unavailable(str(error))
        return Guarded(application)


_FOREIGN = (
    "This request comes from a web page of another site. Pages may not use this endpoint: it runs code on this machine."
)
_STOPPING = faults.Fault(code="ServiceUnavailable", message="The endpoint is shutting down.", status=503)


def _is_page(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a request without a target or a signature is for a page: by its path, or a browser's for the root."""
    if scope["path"] == "/":
        return scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b"")
    path: str = scope["path"]
    return path == PAGES or path.startswith(f"{PAGES}/")


def _is_lambda(scope: Scope, service: bytes) -> bool:
    """Whether a request without a target is for Lambda: signed for it, or not signed and with one of its paths."""
    return service == b"lambda" or (not service and _LAMBDA_PATH.match(scope["raw_path"]) is not None)


def signed_for(headers: dict[bytes, bytes]) -> bytes:
    """The service a request is signed for; empty for one that is not signed."""
    found = _SERVICE.search(headers.get(b"authorization", b""))
    return found[1] if found else b""


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None if it has more than `limit` bytes. Raises `ClientGone` when the client goes away.

    What is too much is read, too, and dropped: a client that cannot finish writing does not read the refusal.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body if len(body) <= limit else None
    pieces: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        size += len(message.get("body", b""))
        if size <= limit:
            pieces.append(message.get("body", b""))
        else:
            pieces.clear()
        if not message.get("more_body"):
            return b"".join(pieces) if size <= limit else None
        message = await receive()
    raise ClientGone


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _send(send: Send, answer: Answer, *, close: bool = False) -> None:
    headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
