"""The pages over HTTP: only questions, never a change. What changes something goes to the AWS API at the same port.

pages = Pages(workspace)
await pages(scope, receive, send)     # an ASGI application for the paths below `BASE`
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from asl_runner.errors import NotFound, UsageError
from asl_runner.history.store import Store
from asl_runner.web import assets
from asl_runner.web.documents import Documents
from asl_runner.web.rendering import BASE, render

if TYPE_CHECKING:
    from asl_runner.workspace import Workspace

Document: TypeAlias = dict[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
LOOK = 0.4
"""Seconds between looks at the database for a page that is followed: executions may run in any process."""


class Pages:
    """The pages of one workspace, as an ASGI application for one event loop."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._documents: Documents | None = None
        self._ended = asyncio.Event()
        routes = [
            Route("/", lambda request: RedirectResponse(f"{BASE}/executions")),
            Route(f"{BASE}", lambda request: RedirectResponse(f"{BASE}/executions")),
            Route(f"{BASE}/", lambda request: RedirectResponse(f"{BASE}/executions")),
            Route(f"{BASE}/static/app.js", lambda request: Response(assets.script(), media_type="text/javascript")),
            Route(f"{BASE}/static/app.css", lambda request: Response(assets.style(), media_type="text/css")),
            Route(f"{BASE}/live", self._live),
            Route(f"{BASE}/export/{{arn:path}}", self._export),
            Route(f"{BASE}/data/{{name}}.json", self._part),
            Route(f"{BASE}/{{path:path}}", self._page),
        ]
        self._application = Starlette(
            routes=routes,
            middleware=[Middleware(_Headers)],
            exception_handlers={NotFound: _refused, UsageError: _refused, ValueError: _refused},
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self._application(scope, receive, send)

    def end(self) -> None:
        """Ends the streams of pages that are followed."""
        self._ended.set()

    def _known(self) -> Documents:
        if self._documents is None:
            self._documents = Documents(self._workspace.writable, self._workspace.directory)
        return self._documents

    async def _page(self, request: Request) -> Response:
        path, query = request.path_params["path"], dict(request.query_params)
        as_data = path.endswith(".json")
        path = path.removesuffix(".json") if as_data else path.rstrip("/")
        template, document = await asyncio.to_thread(self._document, path, query)
        if as_data:
            return JSONResponse(document)
        text = await asyncio.to_thread(render, template, document, page=template.partition(".")[0])
        return Response(text, media_type="text/html")

    def _document(self, path: str, query: dict[str, str]) -> tuple[str, Document]:
        known = self._known()
        room, _, name = path.partition("/")
        if room == "executions":
            return ("execution.html", known.execution(name)) if name else ("executions.html", known.executions(query))
        if room == "machines":
            return ("machine.html", known.machine(name)) if name else ("machines.html", known.machines(query))
        if path == "compare":
            return "compare.html", known.compare(query)
        raise NotFound(f"There is no page {BASE}/{path}.")

    async def _part(self, request: Request) -> Response:
        query = dict(request.query_params)
        return JSONResponse(await asyncio.to_thread(self._known().part, request.path_params["name"], query))

    async def _export(self, request: Request) -> Response:
        from asl_runner.web.report import report

        arn = request.path_params["arn"].rstrip("/")
        known = self._known()
        record = await asyncio.to_thread(known.store.execution, arn)
        text = await asyncio.to_thread(report, known, record)
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(record.name)}.html"}
        return Response(text, media_type="text/html", headers=headers)

    async def _live(self, request: Request) -> Response:
        arn = request.query_params.get("execution")
        store = self._known().store
        if arn:
            await asyncio.to_thread(store.execution, arn)
        return StreamingResponse(self._changes(store, arn), media_type="text/event-stream")

    async def _changes(self, store: Store, arn: str | None) -> AsyncIterator[str]:
        """A message whenever what the page shows has changed; a comment keeps the connection open."""
        before = None
        quiet = 0
        while not self._ended.is_set():
            state = await asyncio.to_thread(_state, store, arn)
            if state != before:
                yield f"data: {json.dumps(state)}\n\n"
                before, quiet = state, 0
            elif (quiet := quiet + 1) % 40 == 0:
                yield ": still here\n\n"
            try:
                await asyncio.wait_for(self._ended.wait(), LOOK)
            except TimeoutError:
                continue


def _state(store: Store, arn: str | None) -> list[Any]:
    if arn:
        record = store.execution(arn)
        return [record.status, record.event_count, record.redrive_count]
    query = "SELECT status, COUNT(*), MAX(id) FROM executions WHERE map_run_arn IS NULL GROUP BY status ORDER BY status"
    return [list(row) for row in store.read(lambda connection: connection.execute(query).fetchall())]


async def _refused(request: Request, problem: Exception) -> Response:
    status = 404 if isinstance(problem, NotFound) else 400
    if request.url.path.endswith(".json"):
        return JSONResponse({"error": str(problem)}, status)
    text = render("problem.html", {"message": str(problem)}, page="problem")
    return Response(text, status, media_type="text/html")


class _Headers:
    """Adds the headers that keep a page to itself."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        await self._application(scope, receive, with_headers)
