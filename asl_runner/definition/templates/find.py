"""Finds the state machines in a deployment file of any kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from asl_runner.definition.templates import cloudformation, serverless, terraform
from asl_runner.definition.templates.model import DeployedMachine, Names
from asl_runner.definition.templates.tagged import read_tagged
from asl_runner.errors import UsageError


def find_machines(path: Path, names: Names, given: Mapping[str, str]) -> list[DeployedMachine]:
    """The state machines of a template, a plan, or a folder `cdk.out`; `given` are parameters or options.

    Raises `UsageError` for a file that cannot be read, or that says too little.
    """
    if path.is_dir():
        return _of_assembly(path, names, given)
    document = _read(path)
    if "terraform_version" in document:
        return list(terraform.machines_of(document, path.parent))
    if "Resources" not in document and "service" in document:
        return list(serverless.machines_of(document, path.parent, names, given))
    return list(cloudformation.machines_of(document, path.parent, names, given))


def _of_assembly(folder: Path, names: Names, given: Mapping[str, str]) -> list[DeployedMachine]:
    """A cloud assembly of the CDK: every template beside its manifest, those of nested stages included."""
    if not (folder / "manifest.json").is_file():
        raise UsageError(f"{folder} is a directory, and no cdk.out: it has no manifest.json. Name the file to run.")
    found: list[DeployedMachine] = []
    for file in sorted(folder.rglob("*.template.json")):
        declared = _read(file).get("Parameters") or {}
        found += cloudformation.machines_of(
            _read(file), file.parent, names, {name: value for name, value in given.items() if name in declared}
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_tagged(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}.") from None
    except (ValueError, yaml.YAMLError, RecursionError) as problem:
        kind = "JSON" if isinstance(problem, json.JSONDecodeError) else "YAML"
        raise UsageError(f"{path} is not valid {kind}: {problem}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no object.")
    return document
