"""`asl-runner serve`: the workspace as an AWS endpoint."""

from __future__ import annotations

import click

from asl_runner.cli.options import chosen, open_workspace, target_options, workspace_options


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8083, show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--request-limit",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="Refuse larger requests, such as uploads to S3.",
)
@target_options
@workspace_options
def command(
    host: str,
    port: int,
    request_limit: int,
    target: str | None,
    uses: tuple[str, ...],
    workspace: str | None,
    config: str | None,
) -> int:
    """Serve Step Functions, Lambda, SageMaker, S3 and other AWS services to AWS clients.

    \b
    Examples:
      asl-runner serve
      asl-runner serve --port 0 --workspace /tmp/scratch
      asl-runner serve --use sagemaker=docker
      AWS_ENDPOINT_URL=http://127.0.0.1:8083 aws stepfunctions list-state-machines
    """
    from asl_runner.cli.serving import serve

    return serve(open_workspace(workspace, config, chosen(target, uses)), host, port, request_limit << 20)
