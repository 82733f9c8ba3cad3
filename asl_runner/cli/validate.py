"""`asl-runner validate FILE...`: every problem of every definition, for people, editors and pipelines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from asl_runner.cli.inputs import read_untemplated
from asl_runner.cli.options import complete_definition, parameter_option
from asl_runner.cli.table import shows_colours

if TYPE_CHECKING:
    from asl_runner.definition.render import Checked
    from asl_runner.definition.source import Document

FORMATS = ("text", "json", "github", "sarif")


@click.command(
    "validate",
    epilog="""\b
Examples:
  asl-runner validate order.asl.json
  asl-runner validate --strict state_machines/*.asl.json
  asl-runner validate template.yaml -p Stage=dev
  asl-runner validate --format sarif *.asl.yaml > asl.sarif
  envsubst < order.asl.json | asl-runner validate -

Exit codes: 0 valid, 2 usage (a file that is not there), 3 invalid.""",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, shell_complete=complete_definition)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True, help="How to report."
)
@click.option("--strict", is_flag=True, help="Let warnings fail as errors do.")
@parameter_option("template")
def command(files: tuple[str, ...], format_: str, strict: bool, parameters: tuple[str, ...]) -> int:
    """Check definitions, JSON or YAML, and report every problem in one go; those of SageMaker Pipelines, too.

    A FILE of - is standard input. Of a template, SAM's and any other that `run` takes, each state machine is checked.
    Each problem has its place in the file, a stable code (docs/diagnostics.md) and, where there is one, a hint.
    """
    checked = [item for file in files for item in _check(file, parameters)]
    click.echo(_report(checked, format_), nl=False)
    bad = any(item.count("error") or (strict and item.diagnostics) for item in checked)
    return 3 if bad else 0


validate = command


def _check(file: str, parameters: tuple[str, ...]) -> list[Checked]:
    from asl_runner.definition.pipelines import is_pipeline

    document = read_untemplated(file)
    if document is None:
        return _template(file, parameters)
    return [_pipeline(document) if is_pipeline(document.value) else _machine(document)]


def _pipeline(document: Document) -> Checked:
    from asl_runner.definition.render import Checked
    from asl_runner.sagemaker import pipelines

    pipeline, diagnostics = pipelines.check(document)
    return Checked(
        file=document.name, diagnostics=diagnostics, states=None if pipeline is None else len(pipeline.steps)
    )


def _template(file: str, parameters: tuple[str, ...]) -> list[Checked]:
    from asl_runner.cli.templates import deployed_machines
    from asl_runner.definition import read_document

    machines = deployed_machines(file, parameters)
    return [_machine(read_document(machine.definition, name=f"{file}, {machine.name}")) for machine in machines]


def _machine(document: Document) -> Checked:
    from asl_runner.definition import check_read
    from asl_runner.definition.render import Checked
    from asl_runner.definition.walk import all_states

    machine, diagnostics = check_read(document)
    states = None if machine is None else sum(1 for _ in all_states(machine))
    return Checked(file=document.name, diagnostics=diagnostics, states=states)


def _report(checked: Sequence[Checked], format_: str) -> str:
    from asl_runner import __version__
    from asl_runner.definition import render

    if format_ == "json":
        return render.as_json(checked)
    if format_ == "github":
        return render.as_github(checked)
    if format_ == "sarif":
        return render.as_sarif(checked, __version__)
    color = shows_colours(sys.stdout)
    return "".join(render.as_text(item, color=color) for item in checked)
