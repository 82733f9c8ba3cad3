"""`asl-runner import`: an execution of AWS, kept here as if it had run here."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asl_runner.cli.options import complete_definition, open_workspace, workspace_options
from asl_runner.errors import UsageError
from asl_runner.history.records import ExecutionExists

if TYPE_CHECKING:
    from asl_runner.history.events import Event
    from asl_runner.history.records import ExecutionRecord
    from asl_runner.testing.replay.fixture import Fixture
    from asl_runner.workspace import Workspace


@click.command(
    "import",
    epilog="""\b
Examples:
  asl-runner import arn:aws:states:eu-west-1:111122223333:execution:order:o-7
  asl-runner import o-7.json --definition order.asl.json --name o-7
  asl-runner import o-7.execution.json
  asl-runner redrive o-7 --plan""",
)
@click.argument("source", metavar="ARN|FILE")
@click.option(
    "--definition",
    "-d",
    metavar="FILE",
    shell_complete=complete_definition,
    help="The definition that made a history, which does not say it.",
)
@click.option("--input", "-i", "input_", metavar="JSON|@FILE|-", help="The input, of a history that does not say it.")
@click.option("--name", "-n", help="The execution's name, of a history. Default: that of the file.")
@click.option("--endpoint-url", metavar="URL", help="Ask the API at this address instead of AWS.")
@click.option("--replace", is_flag=True, help="Put it in the place of an execution with its ARN that is here already.")
@click.option("--json", "as_json", is_flag=True, help="Print what `asl-runner describe --json` prints.")
@workspace_options
def command(
    source: str,
    definition: str | None,
    input_: str | None,
    name: str | None,
    endpoint_url: str | None,
    replace: bool,
    as_json: bool,
    workspace: str | None,
    config: str | None,
) -> None:
    """Keep an execution of AWS that has ended in the workspace: it can be listed, shown, drawn and redriven here.

    An ARN is asked of AWS, with your own credentials: the execution, its definition, and every page of its history. A
    FILE is the output of `aws stepfunctions get-execution-history`, with its pages joined, which needs --definition; or
    what `asl-runner record` wrote. Children of distributed Maps are executions of their own and stay where they are:
    on a redrive such a Map runs anew.
    """
    from asl_runner.testing.replay.imported import as_kept

    with open_workspace(workspace, config) as opened:
        if source.startswith("arn:"):
            _only_for_files(definition, input_, name)
            fixture = _from_aws(source, endpoint_url)
        else:
            fixture = _from_file(opened, source, definition, input_, name)
        record, events = as_kept(fixture)
        try:
            opened.writable.import_execution(record, events, replace=replace)
        except ExecutionExists as taken:
            raise ExecutionExists(f"{taken}. Nothing was changed; --replace puts this one in its place.") from None
        _report(opened, opened.store.execution(record.arn), events, as_json=as_json)


def _only_for_files(*options: str | None) -> None:
    if any(option is not None for option in options):
        raise UsageError("--definition, --input and --name are for a file with a history; AWS says all of it itself.")


def _from_aws(arn: str, endpoint_url: str | None) -> Fixture:
    from asl_runner.cli.aws import stepfunctions
    from asl_runner.testing.replay.sources import from_api

    return from_api(stepfunctions(arn, endpoint_url), arn, children=False)


def _from_file(
    workspace: Workspace, file: str, definition: str | None, input_: str | None, name: str | None
) -> Fixture:
    from asl_runner.cli.inputs import read_definition, read_input
    from asl_runner.definition import load
    from asl_runner.definition.names import machine_name
    from asl_runner.expressions.json_text import compact
    from asl_runner.testing.replay.fixture import read_fixture
    from asl_runner.testing.replay.imported import from_history
    from asl_runner.workspace.preflight import check_name

    path = read_definition(file)
    document = _json(path, file)
    if isinstance(path, Path) and isinstance(document, dict) and "executionArn" in document:
        _only_for_files(definition, input_, name)
        return read_fixture(path)
    if definition is None:
        raise UsageError("A history does not say which definition made it: give that with --definition FILE.")
    source = read_definition(definition)
    machine = load(source)
    name = machine_name(file) if name is None else name
    check_name(name)
    owner = machine_name(definition)
    prefix = f"arn:aws:states:{workspace.configuration.region}:{workspace.configuration.account}"
    return from_history(
        document,
        machine.source,
        arn=f"{prefix}:execution:{owner}:{name}",
        machine_arn=f"{prefix}:stateMachine:{owner}",
        input=None if input_ is None else compact(read_input(input_)),
    )


def _json(source: Path | bytes, file: str) -> object:
    try:
        return json.loads(source.read_bytes() if isinstance(source, Path) else source)
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{file} is not JSON: {problem}.") from None


def _report(workspace: Workspace, record: ExecutionRecord, events: list[Event], *, as_json: bool) -> None:
    from asl_runner.workspace.redrivable import LONGER, PERIOD_EXCEEDED, obstacle, redrive_status

    now = time.time()
    if as_json:
        from asl_runner.cli.documents import to_json
        from asl_runner.history.interchange import describe

        click.echo(to_json(describe(record) | redrive_status(workspace.store, record, now, workspace.limits)))
        return
    click.echo(f"{record.arn}\n{record.status}, {record.event_count:,} events")
    if any(event.type == "MapRunStarted" for event in events):
        click.echo("The children of its distributed Maps are not here: on a redrive one that had not ended runs anew.")
    reason = obstacle(workspace.store, record, now, workspace.limits)
    if reason is None:
        click.echo(f"`asl-runner redrive {record.name}` goes on with it.")
    elif reason == PERIOD_EXCEEDED:
        click.echo(f"Too long ago to be redriven: {LONGER}")
