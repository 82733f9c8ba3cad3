"""What is checked before an execution starts, so that it does not fail on its fifth state for want of configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from asl_runner.definition.model import Choice, Fail, Map, Parallel, Pass, Scope, State, Succeed, Wait
from asl_runner.definition.names import first_forbidden
from asl_runner.definition.resource import Resource, parse_resource
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.placement import Target
from asl_runner.placement import problem as placement_problem
from asl_runner.resources.registry import OPTIMIZED_SERVICES

if TYPE_CHECKING:
    from asl_runner.definition.model import StateMachine
    from asl_runner.interpreter.limits import Limits
    from asl_runner.workspace.lazy import Placed
    from asl_runner.workspace.local import LocalTarget

AVAILABLE = (
    "Lambda functions (their ARN, or lambda:invoke), sagemaker, states, activities, aws-sdk:SERVICE:ACTION, "
    "http:invoke, apigateway:invoke, " + ", ".join(OPTIMIZED_SERVICES)
)

_INVOKED = {"http": {("invoke", "")}, "apigateway": {("invoke", ""), ("invoke", "waitForTaskToken")}}

NAME_LIMIT = 80


def check_name(name: str, what: str = "execution") -> None:
    """Raises `UsageError` for a name AWS does not take."""
    if not 1 <= len(name) <= NAME_LIMIT:
        raise UsageError(f"The {what} name has {len(name)} characters; it may have 1 to {NAME_LIMIT}.")
    if (bad := first_forbidden(name)) is not None:
        raise UsageError(f"The {what} name {name!r} holds {name[bad]!r}; use letters, digits, - and _.")


def check_input(text: bytes, limits: Limits) -> None:
    """Raises `UsageError` for an input over the payload limit.

    Source: StartExecution, `input`: 262,144 bytes of UTF-8.
    """
    if limits.payload_bytes is not None and len(text) > limits.payload_bytes:
        raise UsageError(
            f"The input has {len(text):,} bytes as JSON; an execution takes at most {limits.payload_bytes:,}, as on "
            "AWS. Put the data in s3:// and pass its place, or set `payload_bytes` in [limits] of the configuration."
        )


Tasks: TypeAlias = Sequence[tuple[str, dict[str, Any]]]
"""Name and fields, as written, of Task states."""


def check_tasks(machine: StateMachine, tasks: Tasks, world: LocalTarget) -> None:
    """Raises `UsageError` naming every Task and Map that cannot run where it is placed, with what to do about it."""
    if machine.placeholders:
        raise UsageError(
            "The definition has placeholders that a deployment would fill in; put ARNs or values in their place:\n  "
            + "\n  ".join(machine.placeholders)
        )
    problems: dict[str, list[str]] = {}
    for state in _distributed_maps(machine):
        for lack in _map_problems(state, world):
            problems.setdefault(lack, []).append(state.name)
    for name, task in tasks:
        problem = _task_problem(name, task, world)
        if problem is None and world.stepfunctions is None and needs_endpoint([(name, task)], world.tasks.of):
            problem = _UNSERVED
        if problem is not None:
            problems.setdefault(problem, []).append(name)
    if problems:
        raise UsageError(
            "\n\n".join(f"{_listed(states)} cannot run here. {problem}" for problem, states in problems.items())
        )


_UNSERVED = (
    "It starts executions or waits for somebody's answer, for which the workspace must be served: "
    "`asl-runner run` and `asl-runner serve` do; in Python, start an `asl_runner.endpoint.server.Server` on it."
)


def needs_endpoint(tasks: Tasks, place: Callable[[Resource, str], Target] = lambda resource, state: "local") -> bool:
    """Whether some task needs the services of the workspace itself: a callback's answer, a worker, a nested execution,
    Lambda's API. `place` says where a task runs."""
    for name, task in tasks:
        resource = parse_resource(task["Resource"])
        if resource.kind == "activity" or resource.pattern == "waitForTaskToken":
            return True
        own = resource.service in ("states", "aws-sdk:sfn", "aws-sdk:lambda")
        if own and place(resource, name) != "aws":
            return True
    return False


def _task_problem(name: str, task: dict[str, Any], world: LocalTarget) -> str | None:
    resource = parse_resource(task["Resource"])
    target = world.tasks.of(resource, name)
    misplaced = placement_problem(resource, target)
    if misplaced is not None:
        return misplaced
    if target == "aws":
        return world.remote.problem(resource)
    if not world.tasks.resources(target).handles(resource):
        return f"The resource {resource.arn} is not available on the target local; available are {AVAILABLE}."
    if resource.service.endswith("sagemaker"):
        from asl_runner.resources import sagemaker_preflight

        return sagemaker_preflight.problem(resource, _request(task), world.sagemaker_at(target).problem)
    if resource.kind == "aws-sdk":
        from asl_runner.resources import aws_sdk

        return aws_sdk.problem(resource)
    if resource.service in _INVOKED and (resource.action, resource.pattern) not in _INVOKED[resource.service]:
        return f"Of {resource.service}, Step Functions has {resource.service}:invoke; {resource.arn} is not there."
    if resource.service in OPTIMIZED_SERVICES:
        from asl_runner.resources import optimized

        return optimized.problem(resource)
    if resource.kind == "lambda" or resource.service == "lambda":
        from asl_runner.resources import lambda_preflight

        return lambda_preflight.problem(world.functions, resource, _request(task))
    return None


def _map_problems(state: Map, world: LocalTarget) -> Iterator[str]:
    for resource in _map_resources(state):
        target = world.tasks.of(resource, state.name)
        lack = world.remote.lacking() if target == "aws" else placement_problem(resource, target)
        if lack is not None:
            yield lack
            break
    config = {} if state.item_reader is None else state.item_reader.reader_config or {}
    if config.get("InputType") == "PARQUET":
        from importlib.util import find_spec

        if find_spec("pyarrow") is None:
            yield "Reading Parquet needs the package pyarrow; install it with: pip install 'asl-runner[datasets]'"


def _map_resources(state: Map) -> Iterator[Resource]:
    """What a Map reads its items from and writes its results to, besides the state's data."""
    if state.item_reader is not None:
        yield state.item_reader.resource
    if state.result_writer is not None and state.result_writer.resource is not None:
        yield state.result_writer.resource


def named_resources(machine: StateMachine) -> dict[str, Resource]:
    """What can be placed, by the name of its state: Tasks, and Maps that read or write datasets."""
    found = {name: parse_resource(task["Resource"]) for name, task in written_tasks(machine)}
    for state in _distributed_maps(machine):
        for resource in _map_resources(state):
            found[state.name] = resource
    return found


def _distributed_maps(scope: Scope) -> Iterator[Map]:
    for state in scope.states.values():
        if isinstance(state, Map):
            if state.mode == "DISTRIBUTED":
                yield state
            yield from _distributed_maps(state.item_processor)
        elif isinstance(state, Parallel):
            for branch in state.branches:
                yield from _distributed_maps(branch)


def images_of(tasks: Tasks, placed: Placed) -> set[tuple[Target, str]]:
    """The images, as far as they are written out, of the containers a machine will start here, and at which place."""
    found: set[tuple[Target, str]] = set()
    for name, task in tasks:
        if ":sagemaker:create" in task["Resource"]:
            from asl_runner.resources.sagemaker_preflight import written_images

            target = placed.of(parse_resource(task["Resource"]), name)
            found |= {(target, image) for image in written_images(_request(task)) if target != "aws"}
    return found


def _request(task: dict[str, Any]) -> Json:
    return task.get("Parameters", task.get("Arguments"))


def written_tasks(machine: StateMachine) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Task of a machine as written, branches and item processors included."""
    if any(_has_tasks(state) for state in machine.states.values()):
        yield from _tasks_in(msgspec.json.decode(machine.source))


def _has_tasks(state: State) -> bool:
    return not isinstance(state, Pass | Choice | Wait | Succeed | Fail)


def _tasks_in(scope: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in scope["States"].items():
        if state["Type"] == "Task":
            yield name, state
        elif state["Type"] == "Parallel":
            for branch in state["Branches"]:
                yield from _tasks_in(branch)
        elif state["Type"] == "Map":
            yield from _tasks_in(state.get("ItemProcessor") or state["Iterator"])


def _listed(states: list[str]) -> str:
    return f"State{'s' if len(states) > 1 else ''} {', '.join(map(repr, states))}"
