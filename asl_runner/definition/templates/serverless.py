"""State machines of a Serverless Framework file with the plugin serverless-step-functions.

Source: the framework's guide, "Serverless.yml Reference" and "Variables"; the plugin's README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asl_runner.definition.templates.beside import resources_beside
from asl_runner.definition.templates.intrinsics import Resolver
from asl_runner.definition.templates.model import DeployedFunction, DeployedMachine, Names
from asl_runner.errors import UsageError

_VARIABLE = re.compile(r"\$\{(self|opt|sls|env|aws):?([^},]*)(?:,\s*'?([^'}]*)'?)?\}")


def machines_of(
    document: Mapping[str, Any], folder: Path, names: Names, given: Mapping[str, str]
) -> Iterator[DeployedMachine]:
    """The state machines. `given` are the framework's options, such as `stage`. Raises `UsageError`."""
    provider = document.get("provider") or {}
    provider = {"name": provider} if isinstance(provider, str) else provider
    # Wherever the file deploys to, here its ARNs lead to this workspace.
    here = {**document, "provider": {**provider, "region": names.region}}
    filled = _Variables(here, names, given).filled(here)
    provider = filled["provider"]
    service = filled.get("service")
    service = service.get("name", "service") if isinstance(service, dict) else str(service)
    stage = given.get("stage") or provider.get("stage") or "dev"
    functions = filled.get("functions") or {}
    if not isinstance(functions, dict):
        raise UsageError("functions: expected an object.")
    logical = {f"{_logical(name)}LambdaFunction": one for name, one in functions.items()}
    resources = {**_written(filled.get("resources")), **_activities(filled.get("stepFunctions") or {})}
    template = {
        "Resources": {
            **resources,
            **{
                key: {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"FunctionName": one.get("name", f"{service}-{stage}-{name}")},
                }
                for (key, one), name in zip(logical.items(), functions, strict=True)
            },
        }
    }
    resolver = Resolver(template, names, {})
    code = tuple(_function(resolver.name_of(key), one, provider, folder, resolver) for key, one in logical.items())
    by_name = {name: resolver.arn_of(key) for name, key in zip(functions, logical, strict=True)}
    beside = resources_beside({key: one for key, one in resources.items() if isinstance(one, dict)}, resolver)
    for key, machine in ((filled.get("stepFunctions") or {}).get("stateMachines") or {}).items():
        definition = _with_functions(resolver.resolve(machine.get("definition")), by_name)
        yield DeployedMachine(
            name=str(machine.get("name", key)),
            definition=definition,
            type=str(machine.get("type", "STANDARD")),
            functions=code,
            beside=beside,
        )


def _written(section: Any) -> dict[str, Any]:
    """The resources of the file's own, which may stand in a list of parts; a part in another file is not read."""
    parts = section if isinstance(section, list) else [section]
    return {
        name: one for part in parts if isinstance(part, dict) for name, one in (part.get("Resources") or {}).items()
    }


def _activities(section: Mapping[str, Any]) -> dict[str, Any]:
    """The plugin's activities as the resources it makes of them."""
    return {
        f"{_logical(name)}StepFunctionsActivity": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": name}}
        for name in map(str, section.get("activities") or ())
    }


def _logical(name: str) -> str:
    """The logical id the framework gives a function."""
    return (name[:1].upper() + name[1:]).replace("-", "Dash").replace("_", "Underscore")


def _with_functions(value: Any, by_name: Mapping[str, str]) -> Any:
    """The plugin lets `Fn::GetAtt: [hello, Arn]` name a function by its key in the file."""
    if isinstance(value, dict):
        return {key: _with_functions(item, by_name) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_functions(item, by_name) for item in value]
    if isinstance(value, str) and (found := re.fullmatch(r"\$\{(\w[\w-]*)\.Arn\}", value)) and found[1] in by_name:
        return by_name[found[1]]
    return value


def _function(
    name: str, one: Mapping[str, Any], provider: Mapping[str, Any], folder: Path, resolver: Resolver
) -> DeployedFunction:
    module, _, function = str(one.get("handler", "")).rpartition(".")
    directory, _, file = module.rpartition("/")
    variables = resolver.resolve({**(provider.get("environment") or {}), **(one.get("environment") or {})})
    timeout = one.get("timeout", provider.get("timeout"))
    return DeployedFunction(
        name=name,
        path=folder,
        handler=f"{directory + '/' if directory else ''}{file}.{function}",
        runtime=str(one.get("runtime", provider.get("runtime", ""))),
        environment={key: str(value) for key, value in variables.items()},
        timeout=None if timeout is None else float(timeout),
    )


class _Variables:
    """`${self:custom.x}`, `${opt:stage, 'dev'}`, `${sls:stage}`, `${aws:region}`, `${env:NAME, 'x'}`."""

    def __init__(self, document: Mapping[str, Any], names: Names, given: Mapping[str, str]) -> None:
        self._document = document
        self._names = names
        self._given = given

    def filled(self, value: Any, depth: int = 0) -> Any:
        """The value with its variables replaced; those nobody knows stay as they are."""
        if isinstance(value, dict):
            return {key: self.filled(item, depth) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, depth) for item in value]
        if not isinstance(value, str) or depth > 10:
            return value
        if (whole := _VARIABLE.fullmatch(value)) is not None:
            found = self._value(whole)
            return value if found is None else self.filled(found, depth + 1)
        return _VARIABLE.sub(lambda part: self._text(part, depth), value)

    def _text(self, part: re.Match[str], depth: int) -> str:
        found = self._value(part)
        return part[0] if found is None else str(self.filled(found, depth + 1))

    def _value(self, part: re.Match[str]) -> Any:
        kind, path, default = part[1], part[2].strip(), part[3]
        found: Any = None
        if kind == "self":
            found = self._document
            for step in path.split("."):
                found = found.get(step) if isinstance(found, dict) else None
        elif kind == "opt" or (kind == "sls" and path == "stage"):
            found = self._given.get(path)
            if found is None and kind == "sls":
                found = (self._document.get("provider") or {}).get("stage", "dev")
        elif kind == "aws":
            found = {"region": self._names.region, "accountId": self._names.account}.get(path)
        return default if found is None else found
