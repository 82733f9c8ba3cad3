"""`asl-runner run`: runs a state machine, its output on stdout, its progress on stderr."""

from __future__ import annotations

from typing import Any

import click

from asl_runner.cli.options import (
    complete_definition,
    parameter_option,
    running_fields,
    running_options,
)


@click.command("run")
@click.argument("file", shell_complete=complete_definition)
@click.option("--input", "-i", "input_", metavar="JSON|@FILE|-", help="The execution's input. Default: {}.")
@click.option("--name", "-n", help="The execution's name; unique per state machine. Default: a new UUID.")
@parameter_option("pipeline or template")
@click.option("--machine", metavar="NAME", help="The state machine to run, of a template that has several.")
@click.option(
    "--step", "steps", multiple=True, metavar="NAME", help="Only this step of a pipeline, on the last run; repeatable."
)
@running_options
def command(
    file: str,
    input_: str | None,
    name: str | None,
    parameters: tuple[str, ...],
    machine: str | None,
    steps: tuple[str, ...],
    **options: Any,
) -> int:
    """Run the state machine in FILE (JSON or YAML, - for standard input) and print its output.

    FILE may be a SageMaker Pipelines definition as well: its execution and steps are printed as the API shows them.
    It may be what deploys the state machine, too: a SAM or CloudFormation template, a cdk.out, a Terraform plan or
    state as JSON, or a Serverless file. Its substitutions are applied, and its functions run from their code.
    Progress goes to stderr, the output alone to stdout. The execution is kept: see list, describe and history.

    \b
    Exit codes: 0 succeeded, 1 the execution did not succeed, 2 usage,
    3 invalid definition, 130 interrupted.

    \b
    Examples:
      asl-runner run order.asl.json
      asl-runner run order.asl.json --input '{"id": 7}' | jq .total
      asl-runner run order.asl.json --input @order.json --name order-7
      asl-runner run nightly.asl.yaml --clock virtual --json
      asl-runner run pipeline.json -p MseThreshold=7.0
      asl-runner run template.yaml --machine OrderMachine -p Stage=dev
      asl-runner run order.asl.json --mock mocks.json --case refused
      asl-runner run train.asl.json --use sagemaker=docker
      asl-runner run train.asl.json --target aws --use "Make features=local"
    """
    from asl_runner.cli.execute import execute
    from asl_runner.cli.request import Request

    return execute(
        Request(
            file=file,
            input=input_,
            name=name,
            parameters=parameters,
            machine=machine,
            steps=steps,
            **running_fields(**options),
        )
    )
