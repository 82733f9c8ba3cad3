"""What `asl-runner serve` does: a server until a signal comes."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from asl_runner.cli.interrupts import interruptible

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from asl_runner.endpoint.server import Server
    from asl_runner.web.pages import Pages
    from asl_runner.workspace import Workspace


def serve(
    workspace: Workspace, host: str, port: int, request_limit: int, ready: Callable[[str], None] | None = None
) -> int:
    """Serves until a signal ends it, then gives exit code 0. `ready` is told the address once it answers."""
    import asyncio

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    # moto reads it when it is imported: its resources belong to the workspace's account.
    os.environ["MOTO_ACCOUNT_ID"] = workspace.configuration.account
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(workspace, host, port, request_limit, ready))
    return 0


async def _serve(
    workspace: Workspace, host: str, port: int, request_limit: int, ready: Callable[[str], None] | None
) -> None:
    import asyncio

    from asl_runner.endpoint.server import Server

    async with workspace:
        pages = _pages(workspace)
        server = Server(workspace, host=host, port=port, request_limit=request_limit, pages=pages)
        with interruptible("Stopping; once more to kill everything.") as interruption:
            interruption.on_signal(server.stop)
            async with server:
                # What is loaded by now stays: no collection needs to look at it again.
                gc.freeze()
                _announce(server, host, workspace)
                if ready is not None:
                    ready(server.url)
                if pages is not None:
                    from asl_runner.web.rendering import prepare

                    await asyncio.to_thread(prepare)
                await server.wait()


def _pages(workspace: Workspace) -> Pages | None:
    """The pages for browsers, where what they are made with is installed."""
    try:
        from asl_runner.web.pages import Pages
    except ImportError as missing:
        click.echo(f"Without pages ({missing}): pip install 'asl-runner[server]'.", err=True)
        return None
    return Pages(workspace)


def _announce(server: Server, host: str, workspace: Workspace) -> None:
    from asl_runner.endpoint.server import is_loopback

    configuration = workspace.configuration
    click.echo(f"Serving {workspace.directory} at {server.url} (account {configuration.account}).", err=True)
    click.echo(f"Pages: {server.url}/_asl/executions", err=True)
    if not is_loopback(host):
        click.echo(
            f"Warning: everybody who reaches {host}:{server.port} can run code on this machine as you and read and "
            "change everything in the workspace. No request is authenticated.",
            err=True,
        )
    click.echo(f"export AWS_ENDPOINT_URL={server.url}")
    click.echo(f"export AWS_DEFAULT_REGION={configuration.region} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local")
    # Clients call StartSyncExecution and TestState at sync-HOST otherwise, which is no name of this machine.
    click.echo("export AWS_DISABLE_HOST_PREFIX_INJECTION=true")


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    """uvloop's, where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
