"""State machines and functions of a CloudFormation or SAM template.

Source: CloudFormation User Guide, AWS::StepFunctions::StateMachine and AWS::Lambda::Function; SAM's specification,
AWS::Serverless::StateMachine, AWS::Serverless::Function and Globals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asl_runner.definition.source import read_document
from asl_runner.definition.templates.beside import resources_beside
from asl_runner.definition.templates.intrinsics import Resolver
from asl_runner.definition.templates.model import DeployedFunction, DeployedMachine, Names
from asl_runner.errors import UsageError

MACHINES = ("AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine")
FUNCTIONS = ("AWS::Lambda::Function", "AWS::Serverless::Function")

_SUBSTITUTION = re.compile(r"\$\{([^${}]+)\}")


def machines_of(
    template: Mapping[str, Any], folder: Path, names: Names, given: Mapping[str, str]
) -> Iterator[DeployedMachine]:
    """The state machines of a template that lies in `folder`. Raises `UsageError`."""
    resolver = Resolver(template, names, given)
    resources: Mapping[str, Any] = template.get("Resources") or {}
    found = {name: one for name, one in resources.items() if isinstance(one, dict)}
    deployed = {name: one for name, one in found.items() if resolver.exists(one)}
    functions = tuple(
        _function(name, resource, template, folder, resolver)
        for name, resource in deployed.items()
        if resource.get("Type") in FUNCTIONS
    )
    beside = resources_beside(deployed, resolver)
    for name, resource in deployed.items():
        if resource.get("Type") in MACHINES:
            properties = resource.get("Properties") or {}
            yield DeployedMachine(
                name=resolver.name_of(name),
                definition=_definition(name, properties, folder, resolver),
                type=str(resolver.resolve(properties.get("StateMachineType", properties.get("Type", "STANDARD")))),
                functions=functions,
                beside=beside,
            )


def _definition(name: str, properties: Mapping[str, Any], folder: Path, resolver: Resolver) -> Any:
    substitutions = resolver.resolve(properties.get("DefinitionSubstitutions") or {})
    document = _document(name, properties, folder, resolver)
    return _substituted(document, substitutions) if substitutions else document


def _document(name: str, properties: Mapping[str, Any], folder: Path, resolver: Resolver) -> Any:
    if "DefinitionString" in properties:
        return _parsed(str(resolver.resolve(properties["DefinitionString"])), name)
    if "Definition" in properties:
        return resolver.resolve(properties["Definition"])
    for key in ("DefinitionUri", "DefinitionS3Location"):
        place = resolver.resolve(properties.get(key))
        if isinstance(place, str):
            file = folder / place
            if not file.is_file():
                raise UsageError(f"The state machine {name}: its {key} names {file}, which is not there.")
            try:
                text = file.read_bytes()
            except OSError as problem:
                raise UsageError(f"{file} cannot be read: {problem.strerror}.") from None
            return _parsed(text, str(file))
        if place is not None:
            raise UsageError(f"The state machine {name}: its definition lies in S3; its {key} is no file here.")
    raise UsageError(f"The state machine {name} has no definition.")


def _parsed(text: str | bytes, name: str) -> Any:
    document = read_document(text, name=name)
    if document.problems or not isinstance(document.value, dict):
        said = document.problems[0].message if document.problems else "it is no object"
        raise UsageError(f"The definition {name} cannot be read: {said}.")
    return document.value


def _substituted(document: Any, substitutions: Mapping[str, Any]) -> Any:
    """Substitutions stand inside texts; those nobody gives stay as they are."""
    if isinstance(document, dict):
        return {_put(key, substitutions): _substituted(value, substitutions) for key, value in document.items()}
    if isinstance(document, list):
        return [_substituted(item, substitutions) for item in document]
    return _put(document, substitutions) if isinstance(document, str) else document


def _put(text: str, substitutions: Mapping[str, Any]) -> Any:
    def given(found: re.Match[str]) -> str:
        value = substitutions.get(found[1], found[0])
        return value if isinstance(value, str) else json.dumps(value)

    return _SUBSTITUTION.sub(given, text)


def _function(
    name: str, resource: Mapping[str, Any], template: Mapping[str, Any], folder: Path, resolver: Resolver
) -> DeployedFunction:
    own: Mapping[str, Any] = resource.get("Properties") or {}
    shared: Mapping[str, Any] = {}
    if resource["Type"] == "AWS::Serverless::Function":
        shared = (template.get("Globals") or {}).get("Function") or {}
    properties = resolver.resolve({**shared, **own})
    both = [resolver.resolve((part.get("Environment") or {}).get("Variables") or {}) for part in (shared, own)]
    path, source = _code(properties, resource.get("Metadata") or {}, folder)
    return DeployedFunction(
        name=resolver.name_of(name),
        path=path,
        source=source,
        handler=str(properties.get("Handler") or ("index.handler" if source is not None else "")),
        runtime=str(properties.get("Runtime") or ""),
        environment={key: str(value) for variables in both for key, value in variables.items()},
        timeout=_number(properties.get("Timeout")),
        memory=None if (memory := _number(properties.get("MemorySize"))) is None else int(memory),
    )


def _code(properties: Mapping[str, Any], metadata: Mapping[str, Any], folder: Path) -> tuple[Path | None, str | None]:
    """The folder of a function's code, or the code itself; neither for one whose code is not here."""
    code = properties.get("Code", properties.get("CodeUri"))
    inline = properties.get("InlineCode") or (code.get("ZipFile") if isinstance(code, dict) else None)
    if isinstance(inline, str):
        return None, inline
    asset = metadata.get("aws:asset:path")
    named = asset if isinstance(asset, str) else code
    if not isinstance(named, str) or "://" in named:
        return None, None
    place = (folder / named).resolve()
    return (place, None) if place.exists() else (None, None)


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
