"""`asl-runner record`: an execution as a file that `replay` runs again."""

from __future__ import annotations

from pathlib import Path

import click

from asl_runner.cli.aws import stepfunctions
from asl_runner.cli.options import execution_argument, open_workspace, seen, workspace_options


@click.command(
    "record",
    epilog="""\b
Examples:
  asl-runner record latest -o tests/refused.execution.json
  asl-runner record arn:aws:states:eu-west-1:111122223333:execution:order:o-7 --aws -o order.execution.json
  aws-vault exec prod -- asl-runner record arn:aws:states:...:execution:order:o-7 --aws -o order.execution.json""",
)
@execution_argument
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help="The file. Default: NAME.execution.json in this directory."
)
@click.option("--aws", is_flag=True, help="Ask Step Functions on AWS, with your own credentials; EXECUTION is an ARN.")
@click.option("--endpoint-url", metavar="URL", help="Ask the API at this address instead of AWS; implies --aws.")
@workspace_options
def command(
    execution: str,
    output: str | None,
    aws: bool,
    endpoint_url: str | None,
    workspace: str | None,
    config: str | None,
) -> None:
    """Save an execution that has ended, with its definition, input and history, for `asl-runner replay`.

    EXECUTION is a name, the beginning of one, an ARN, or latest; with --aws the ARN of an execution on AWS, whose
    history is read page by page, with the child executions of its distributed Maps. The file holds the execution's
    data: keep it as you keep those.
    """
    from asl_runner.testing.replay.fixture import write_fixture
    from asl_runner.testing.replay.sources import from_api, from_workspace

    if aws or endpoint_url is not None:
        fixture = from_api(stepfunctions(execution, endpoint_url), execution)
    else:
        with open_workspace(workspace, config) as opened:
            fixture = from_workspace(opened, opened.find(execution))
    file = Path(output or f"{fixture.name}.execution.json")
    write_fixture(fixture, file)
    click.echo(f"{seen(file.absolute())}: {fixture.name}, {fixture.status}, {len(fixture.events):,} events", err=True)
