"""Which step waits for which, and which run only when a condition turns out one way.

A step waits for the steps whose properties or files its expressions read, for those in `DependsOn`, and for the
condition it stands in. What waits for a step inside a branch runs only when that branch is taken, as on the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.conditions import Conditions
from asl_runner.sagemaker.pipelines.document import Pipeline, Step
from asl_runner.sagemaker.pipelines.expressions import Expressions, Uses

Guard: TypeAlias = frozenset[tuple[str, bool]]
"""The conditions under which a step runs: each with the outcome it must have."""

_BRANCHES = ("IfSteps", "ElseSteps")
_COMPUTED = ("FunctionArn", "SqsQueueUrl")
"""Members of a step, beside its arguments, that may be expressions."""


class Compiled(Struct, frozen=True, kw_only=True):
    """One step with its expressions compiled."""

    step: Step
    arguments: dict[str, Json]
    """Its arguments with `{% … %}` fields, without the steps inside it."""
    fields: dict[str, Json]
    """Its other members that may be expressions."""
    condition: str
    """Of a Condition step, its expression."""
    name: str
    """The expression of the name of its job."""
    uses: Uses
    waits_for: tuple[str, ...]
    guard: Guard


def compile_steps(pipeline: Pipeline, report: Report) -> dict[str, Compiled]:
    """Every step that can ever run, in an order in which each comes after those it waits for.

    Reports expressions that name nothing, dependencies that are not there, and steps that wait for each other.
    Steps the branches of which exclude each other never run and are left out, as on the service. Empty when `report`
    has errors.
    """
    expressions = Expressions(pipeline, report)
    found = {step.name: _compile(step, expressions, report) for step in pipeline.steps}
    for one in found.values():
        _check_dependencies(one.step, found, report)
    order = None if report.has_errors else _order(found, report)
    return {} if order is None else _guarded(order, found)


def _compile(step: Step, expressions: Expressions, report: Report) -> Compiled:
    uses = Uses()
    place = (*step.path, "Arguments")
    given = {name: item for name, item in step.arguments.items() if name not in (*_BRANCHES, "Conditions")}
    compiled = {name: expressions.value(item, (*place, name), step, uses) for name, item in given.items()}
    fields = {
        name: expressions.value(step.fields[name], (*step.path, name), step, uses)
        for name in _COMPUTED
        if name in step.fields
    }
    is_condition = step.type == "Condition"
    condition = Conditions(expressions, report, step, uses).all_of() if is_condition else ""
    parent = () if step.parent is None else (step.parent[0],)
    waits_for = tuple(dict.fromkeys((*parent, *step.depends_on, *uses.steps)))
    return Compiled(
        step=step,
        arguments=compiled,
        fields=fields,
        condition=condition,
        name=expressions.job_name(step),
        uses=uses,
        waits_for=waits_for,
        guard=frozenset(),
    )


def _check_dependencies(step: Step, known: Mapping[str, Compiled], report: Report) -> None:
    for index, other in enumerate(step.depends_on):
        if other not in known:
            text = f"The pipeline has no step {other!r} to depend on"
            report.add("PIP202", text, (*step.path, "DependsOn", index), hint=did_you_mean(other, known))


def _order(found: Mapping[str, Compiled], report: Report) -> list[str] | None:
    """The steps, each after those it waits for, otherwise as in the text; None when some wait for each other."""
    left = list(found)
    done: dict[str, None] = {}
    while left:
        ready = next((name for name in left if all(other in done for other in found[name].waits_for)), None)
        if ready is None:
            circle = _circle(left, found)
            text = f"These steps wait for each other: {' → '.join(circle)}"
            report.add("PIP203", text, (*found[circle[0]].step.path, "Name"))
            return None
        left.remove(ready)
        done[ready] = None
    return list(done)


def _circle(left: list[str], found: Mapping[str, Compiled]) -> list[str]:
    trail = [left[0]]
    while True:
        following = next(other for other in found[trail[-1]].waits_for if other in left)
        if following in trail:
            return [*trail[trail.index(following) :], following]
        trail.append(following)


def _guarded(order: list[str], found: Mapping[str, Compiled]) -> dict[str, Compiled]:
    guarded: dict[str, Compiled] = {}
    for name in order:
        one = found[name]
        if any(other not in guarded for other in one.waits_for):
            continue  # It waits for one that never runs.
        guard: Guard = frozenset() if one.step.parent is None else frozenset({one.step.parent})
        guard = guard.union(*(guarded[other].guard for other in one.waits_for))
        if all((condition, not outcome) not in guard for condition, outcome in guard):
            guarded[name] = replace(one, guard=guard)
    return guarded
