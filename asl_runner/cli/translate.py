"""`asl-runner translate`: a SageMaker Pipelines definition as the state machine it becomes."""

from __future__ import annotations

import click

from asl_runner.cli.options import complete_definition


@click.command("translate")
@click.argument("file", shell_complete=complete_definition)
@click.option(
    "--step", "steps", multiple=True, metavar="NAME", help="Only this step, as in a selective execution; repeatable."
)
def command(file: str, steps: tuple[str, ...]) -> int:
    """Print the state machine that the SageMaker Pipelines definition in FILE becomes.

    FILE is what the SageMaker SDK's `pipeline.definition()` gives (- for standard input). The machine is JSONata and
    runs here and on AWS; its input may give the parameters: {"Parameters": {"MseThreshold": 7.0}}.

    \b
    Exit codes: 0 translated, 2 usage, 3 invalid definition.

    \b
    Examples:
      asl-runner translate pipeline.json > pipeline.asl.json
      asl-runner translate pipeline.json | asl-runner validate -
    """
    from asl_runner.cli.documents import to_json
    from asl_runner.cli.inputs import read_definition
    from asl_runner.sagemaker.pipelines import read, translate

    pipeline = read(read_definition(file), name="<stdin>" if file == "-" else file, only=steps)
    click.echo(to_json(translate(pipeline, only=steps)))
    return 0
