"""`asl-runner test-state`: one state alone, and what its data become stage by stage."""

from __future__ import annotations

import click

from asl_runner.cli.options import complete_definition, workspace_options


@click.command(
    "test-state",
    epilog="""\b
Examples:
  asl-runner test-state order.asl.json "Add up" -i '{"lines": []}' --mock '{"Payload": 5}'
  asl-runner test-state order.asl.json "Charge card" -i @order.json --mock-error ServiceBusy --retries 2
  asl-runner test-state order.asl.json "Price items" -i @order.json --mock '[1, 2]' --inspection debug --json

\b
Exit codes: 0 the state succeeded, was caught or would be retried, 1 it failed, 2 usage, 3 invalid definition.""",
)
@click.argument("file", shell_complete=complete_definition)
@click.argument("state")
@click.option("--input", "-i", "input_", metavar="JSON|@FILE|-", help="The state's input. Default: {}.")
@click.option("--variables", metavar="JSON|@FILE", help="The workflow's variables, an object.")
@click.option("--context", metavar="JSON|@FILE", help="The context object; needs a mock.")
@click.option("--mock", metavar="JSON|@FILE", help="What the state's work gives: a task's result, the array of a Map.")
@click.option("--mock-error", metavar="ERROR", help="The error its work fails with, instead.")
@click.option("--mock-cause", metavar="TEXT", help="The cause of that error.")
@click.option(
    "--validate",
    type=click.Choice(["strict", "present", "none"]),
    default="strict",
    show_default=True,
    help="How closely a mocked result is compared with the service's API.",
)
@click.option("--retries", type=click.IntRange(0), metavar="N", help="Retries made before; needs a mock.")
@click.option(
    "--inspection",
    type=click.Choice(["info", "debug", "trace"]),
    default="debug",
    show_default=True,
    help="What is shown: the outcome, the data after each stage, what an HTTP Task sent and got as well.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what `aws stepfunctions test-state` prints.")
@workspace_options
def command(file: str, state: str, as_json: bool, workspace: str | None, config: str | None, **given: object) -> int:
    """Visit the STATE of the definition in FILE once, as the API's TestState does.

    Without a mock its work is done for real. Local functions are found as `asl-runner run` finds them.
    """
    from asl_runner.cli.testing_state import test_state

    return test_state(file, state, dict(given), workspace, config, as_json=as_json)
