"""What an execution of a pipeline will run: its machine, its parameters, and the steps that are not run again."""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from asl_runner.definition import load
from asl_runner.definition.diagnostics import Report
from asl_runner.definition.model import StateMachine
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines import Pipeline, translate
from asl_runner.sagemaker.pipelines.graph import compile_steps
from asl_runner.sagemaker.pipelines.names import is_execution_id
from asl_runner.sagemaker.pipelines.parameters import resolve
from asl_runner.sagemaker.pipelines.selection import sources

_ID_LENGTH = 12
_ID_CHARACTERS = string.ascii_lowercase + string.digits


class Plan(Struct, frozen=True, kw_only=True):
    """One execution before it starts."""

    pipeline: Pipeline
    parameters: dict[str, Json]
    only: tuple[str, ...]
    """The steps of a selective execution; empty for all."""
    machine: StateMachine


def plan(pipeline: Pipeline, given: Mapping[str, Json], only: Collection[str] = ()) -> Plan:
    """The plan of an execution with these parameters.

    Raises `UsageError` for parameters that do not fit and steps there are not.
    """
    machine = load(json.dumps(translate(pipeline, only=only)))
    return Plan(pipeline=pipeline, parameters=resolve(pipeline, given), only=tuple(only), machine=machine)


def reused(plan: Plan, known: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The properties a selective execution needs of steps it does not run, out of those of an earlier one.

    Raises `UsageError` naming the steps that did not succeed there.
    """
    needed = sources(compile_steps(plan.pipeline, Report()), plan.only)
    if missing := [name for name in needed if name not in known]:
        raise UsageError(
            f"The selected steps need {', '.join(missing)}, which did not succeed in {source}. "
            "Select them, too, or name another execution."
        )
    return {name: known[name] for name in needed}


def new_id() -> str:
    """An id as the service gives its executions: twelve small letters and digits."""
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))


def checked_id(name: str) -> str:
    """An id a person chose. Raises `UsageError`."""
    if not is_execution_id(name):
        raise UsageError(f"{name!r} is not the id of a pipeline execution: it has 12 small letters and digits.")
    return name


def pipeline_name(text: str) -> str:
    """A text as the name of a pipeline: letters and digits, with hyphens between them."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "pipeline"
