"""`asl-runner run` on what deploys a state machine: the machine and its functions, found in a template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from asl_runner.cli.inputs import read_input
from asl_runner.cli.machine_subject import MachineSubject
from asl_runner.cli.options import assignments
from asl_runner.configuration import load_configuration
from asl_runner.definition import load
from asl_runner.definition.names import machine_name
from asl_runner.definition.templates.find import find_machines
from asl_runner.definition.templates.model import DeployedFunction, DeployedMachine, Names
from asl_runner.errors import UsageError, near

if TYPE_CHECKING:
    from asl_runner.cli.request import Request
    from asl_runner.configuration import Configuration

CODE = "templates"
"""The workspace's folder of code that stands in templates."""


class TemplateSubject(MachineSubject):
    """A state machine of a template, with its input."""

    def __init__(self, deployed: DeployedMachine, others: Iterable[DeployedMachine], request: Request) -> None:
        """`others` are the template's other state machines, which it may start."""
        machine = load(deployed.definition, name=f"{request.file}, {deployed.name}")
        super().__init__(machine, read_input(request.input), deployed.name, request.name)
        self.file = request.file
        self.origin = {
            "template": str(Path(request.file).absolute()),
            "parameters": list(request.parameters),
            "machine": deployed.name,
        }
        self._functions = deployed.functions
        self.beside = {**deployed.beside, **{_logical(other.name): _resource(other) for other in others}}

    def configured(self, configuration: Configuration, directory: Path) -> Configuration:
        """With the template's functions, those left out that the configuration has itself."""
        own = configuration.functions
        found = {
            function.name: setting
            for function in self._functions
            if not any(fnmatchcase(function.name, pattern) for pattern in own)
            if (setting := _setting(function, directory)) is not None
        }
        return replace(configuration, functions={**own, **found})


def template_subject(request: Request) -> TemplateSubject:
    """The state machine that the command's arguments name. Raises `UsageError`, `InvalidDefinition`."""
    if request.steps:
        raise UsageError("--step is for SageMaker pipelines.")
    machines = deployed_machines(request.file, request.parameters, request.config)
    known = {one.name: one for one in machines}
    if request.machine is not None:
        if request.machine not in known:
            raise UsageError(f"{request.file} has no state machine {request.machine!r}: {near(request.machine, known)}")
        chosen = known.pop(request.machine)
        return TemplateSubject(chosen, known.values(), request)
    if len(known) > 1:
        raise UsageError(f"{request.file} has several state machines; say --machine with one of {', '.join(known)}.")
    return TemplateSubject(machines[0], (), request)


def deployed_machines(file: str, parameters: tuple[str, ...], config: str | None = None) -> Sequence[DeployedMachine]:
    """The state machines of a template, at least one; `parameters` are NAME=VALUE.

    Raises `UsageError` where there is none, or the template cannot be read.
    """
    configuration = load_configuration(Path(config) if config else None)
    names = Names(configuration.region, configuration.account, machine_name(str(Path(file).absolute())))
    machines = find_machines(Path(file), names, assignments(parameters, "-p"))
    if not machines:
        raise UsageError(f"{file} deploys no state machine.")
    return machines


def _logical(name: str) -> str:
    return "StateMachine" + "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", name))


def _resource(machine: DeployedMachine) -> dict[str, Any]:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "StateMachineName": machine.name,
            "StateMachineType": machine.type,
            "DefinitionString": json.dumps(machine.definition),
            # The API wants one; nobody assumes it here.
            "RoleArn": "arn:aws:iam::123456789012:role/StepFunctions",
        },
    }


def _setting(function: DeployedFunction, directory: Path) -> dict[str, Any] | None:
    """The function as an entry of `[functions]`; None for one that cannot run here, which is said."""
    if function.runtime and not function.runtime.startswith("python"):
        said = f"{function.name} is a {function.runtime} function; only Python runs here. Mock its states."
        click.echo(said, err=True)
        return None
    path = function.path
    if function.source is not None:
        path = directory / CODE / function.name
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{function.handler.partition('.')[0]}.py").write_text(function.source, encoding="utf-8")
    if path is None:
        return None
    setting: dict[str, Any] = {"path": str(path), "environment": function.environment}
    optional = {"handler": function.handler, "timeout": function.timeout, "memory": function.memory}
    return {**setting, **{key: value for key, value in optional.items() if value}}
