"""State machines of a Terraform plan or state, as `terraform show -json` prints it.

Source: Terraform's documentation, "JSON Output Format"; the AWS provider's aws_sfn_state_machine, aws_lambda_function.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asl_runner.definition.templates.model import DeployedFunction, DeployedMachine
from asl_runner.errors import UsageError


def machines_of(document: Mapping[str, Any], folder: Path) -> Iterator[DeployedMachine]:
    """The state machines. Raises `UsageError` for one whose definition is not known before it is applied."""
    values = document.get("planned_values") or document.get("values") or {}
    resources = list(_resources(values.get("root_module") or {}))
    functions = tuple(_function(one, folder) for one in resources if one.get("type") == "aws_lambda_function")
    for one in resources:
        if one.get("type") != "aws_sfn_state_machine":
            continue
        given = one.get("values") or {}
        text = given.get("definition")
        if text is None:
            raise UsageError(
                f"The definition of {one.get('address')} is known only after apply: it holds what does not exist yet. "
                "Give its functions a `function_name` and build ARNs from that, or apply the plan to "
                "`asl-runner serve` and run the state's JSON: terraform show -json > state.json."
            )
        yield DeployedMachine(
            name=str(given.get("name") or one.get("name")),
            definition=json.loads(text),
            type=str(given.get("type") or "STANDARD"),
            functions=functions,
        )


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources") or ()
    for child in module.get("child_modules") or ():
        yield from _resources(child)


def _function(one: Mapping[str, Any], folder: Path) -> DeployedFunction:
    """The code is the archive that is deployed; the folder it was made from stands beside it by custom."""
    given = one.get("values") or {}
    archive = given.get("filename")
    path = None
    if isinstance(archive, str):
        place = (folder / archive).resolve()
        folders = (place.with_suffix(""), place)
        path = next((one for one in folders if one.exists()), None)
    variables = [block.get("variables") or {} for block in given.get("environment") or ()]
    return DeployedFunction(
        name=str(given.get("function_name") or one.get("name")),
        path=path,
        handler=str(given.get("handler") or ""),
        runtime=str(given.get("runtime") or ""),
        environment={key: str(value) for found in variables for key, value in found.items()},
        timeout=given.get("timeout"),
        memory=given.get("memory_size"),
    )
