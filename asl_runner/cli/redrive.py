"""`asl-runner redrive`: goes on with an execution that did not succeed, its finished results kept."""

from __future__ import annotations

from typing import Any

import click

from asl_runner.cli.options import (
    complete_definition,
    execution_argument,
    parameter_option,
    running_fields,
    running_options,
)


@click.command("redrive")
@execution_argument
@click.option(
    "--definition",
    "-d",
    metavar="FILE",
    shell_complete=complete_definition,
    help="Go on with this definition, or template, instead of its own.",
)
@parameter_option("template")
@click.option("--machine", metavar="NAME", help="The state machine of a template that has several.")
@click.option(
    "--input-of",
    "inputs",
    nargs=2,
    multiple=True,
    metavar="STATE JSON|@FILE|-",
    help="Enter a state that had not ended once more, with this input; repeatable.",
)
@click.option("--plan", "--dry-run", "plan", is_flag=True, help="Only say what is kept and what runs again.")
@running_options
def command(
    execution: str,
    definition: str | None,
    parameters: tuple[str, ...],
    machine: str | None,
    inputs: tuple[tuple[str, str], ...],
    plan: bool,
    **options: Any,
) -> int:
    """Go on with an execution that failed, timed out or was stopped, at the states that had not succeeded.

    EXECUTION is a name, the beginning of one, an ARN, or latest. What succeeded is kept: states, branches,
    iterations, and the children of distributed Maps. Functions run the code they have now. As on AWS it stays the
    same execution, under the same ARN; beyond AWS its definition may change, and the input of a state it goes on in.
    What is kept and what runs again is said before anything runs. A state inside a Map or Parallel is named by its
    place, Each[2]/Pack, or by its name for all that are open.

    \b
    Exit codes: 0 succeeded, 1 the execution did not succeed, 2 usage or not redrivable,
    3 invalid definition, 130 interrupted.

    \b
    Examples:
      asl-runner redrive latest
      asl-runner redrive order-7 --plan -d order.asl.json
      asl-runner redrive order-7 -d order.asl.json
      asl-runner redrive order-7 --input-of "Charge card" '{"amount": 7}'
      asl-runner redrive order-7 --input-of 'Each[2]/Pack' @item.json --json
    """
    from asl_runner.cli.redriving import redrive
    from asl_runner.cli.request import RedriveRequest

    return redrive(
        RedriveRequest(
            execution=execution,
            definition=definition,
            parameters=parameters,
            machine=machine,
            inputs=inputs,
            plan=plan,
            **running_fields(**options),
        )
    )
