"""A pipeline as a state machine: a step is a state of its name, a condition a Choice, independent steps a Parallel.

The machine is pure JSONata and runs on AWS as it does here. Its input may give `Parameters`, and what the service knows
of an execution as `Execution`; without them, defaults and the context object serve. `Steps` in the input are properties
of steps that ran before (selective execution). The state's data are described in `expressions`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from msgspec import UNSET

from asl_runner.definition.diagnostics import Report
from asl_runner.errors import UsageError
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines import jsonata
from asl_runner.sagemaker.pipelines.arrangement import Decide, Guarded, Node, Run, Together, arrange
from asl_runner.sagemaker.pipelines.document import Pipeline
from asl_runner.sagemaker.pipelines.graph import Compiled, compile_steps
from asl_runner.sagemaker.pipelines.names import WANTED, StateNames
from asl_runner.sagemaker.pipelines.retries import retries
from asl_runner.sagemaker.pipelines.selection import selected
from asl_runner.sagemaker.pipelines.tasks import State, chain, reads

START = "Start of the pipeline"
END = "End of the pipeline"

_States: TypeAlias = dict[str, State]

_EXECUTION = (
    "{'PipelineName': $states.context.StateMachine.Name, 'PipelineArn': $states.context.StateMachine.Id, "
    "'PipelineExecutionId': $substring($lowercase($replace($states.context.Execution.Name, '-', '')), 0, 12), "
    "'PipelineExecutionArn': $states.context.Execution.Id, 'StartDateTime': $states.context.Execution.StartTime}"
)


def translate(pipeline: Pipeline, *, only: Collection[str] = ()) -> dict[str, Json]:
    """The state machine of a pipeline, as a dict; the same pipeline gives the same machine.

    `only` names the steps of a selective execution: the others do not run, and the properties of those they wait for
    are expected in the input. Raises `UsageError` for names of steps there are not.
    """
    steps = compile_steps(pipeline, Report())
    if only:
        steps = selected(steps, only)
    if not steps:
        raise UsageError("No step of the pipeline can ever run: the conditions they stand behind exclude each other.")
    return _Writer(steps).machine(pipeline)


class _Writer:
    """Writes the states of one machine."""

    def __init__(self, steps: Mapping[str, Compiled]) -> None:
        self._steps = steps
        self._names = StateNames()
        self._read: dict[str, set[str]] = {}
        for one in steps.values():
            for name, member in one.uses.properties:
                self._read.setdefault(name, set()).add(member)

    def machine(self, pipeline: Pipeline) -> dict[str, Json]:
        """The whole document."""
        names = [self._names.free(START)]
        first, states = self._sequence(arrange(self._steps))
        start = {
            "Type": "Pass",
            "Comment": "The parameters, what is known of the execution, and the properties of the steps so far.",
            "Output": {
                "Parameters": jsonata.expression(f"$merge([{_defaults(pipeline)}, $states.input.Parameters])"),
                "Execution": jsonata.expression(f"$merge([{_EXECUTION}, $states.input.Execution])"),
                "Steps": jsonata.expression("$merge([{}, $states.input.Steps])"),
                "Files": {},
            },
            "Next": first,
        }
        return {
            "Comment": "A SageMaker pipeline as a state machine: each step is the state of its name.",
            "QueryLanguage": "JSONata",
            "StartAt": names[0],
            "States": {names[0]: start, **states},
        }

    def _sequence(self, nodes: Sequence[Node], following: str | None = None) -> tuple[str, _States]:
        """The states of `nodes`, one after the other, and the name of the first; then comes `following`, or the end."""
        states: _States = {}
        for node in reversed(nodes):
            following, made = self._node(node, following)
            states = {**made, **states}
        assert following is not None
        return following, states

    def _node(self, node: Node, following: str | None) -> tuple[str, _States]:
        match node:
            case Run(name):
                return self._step(name, following)
            case Together(branches):
                return self._together(branches, following)
            case Decide():
                return self._decide(node, following)
            case Guarded(name, needs):
                return self._guarded(name, needs, following)

    def _step(self, name: str, following: str | None) -> tuple[str, _States]:
        one = self._steps[name]
        if one.step.type == "Condition":
            return self._decide(Decide(name, (), ()), following)
        made = chain(one, self._names, self._read.get(name, set()))
        again = retries(one.step, self._names)
        states: _States = {}
        for index, (state, content) in enumerate(made):
            if state == name and again.fields:
                content = {**content, **again.fields}
            if content["Type"] != "Fail":
                content = {**content, **_then(made[index + 1][0] if index + 1 < len(made) else following)}
            states[state] = content
        return made[0][0], {**states, **again.states}

    def _together(self, branches: Sequence[Sequence[Node]], following: str | None) -> tuple[str, _States]:
        name = self._names.free("Side by side")
        machines: list[Json] = []
        for branch in branches:
            first, states = self._sequence(branch)
            machines.append({"StartAt": first, "States": states})
        merged = "{'Steps': $merge([$states.input.Steps, $merge($states.result.Steps)])}"
        parallel: State = {
            "Type": "Parallel",
            "Branches": machines,
            "Output": jsonata.expression(f"$merge([$states.input, {merged}])"),
            **_then(following),
        }
        return name, {name: parallel}

    def _decide(self, node: Decide, following: str | None) -> tuple[str, _States]:
        """The condition as a Choice. `following` is None where nothing comes after both branches."""
        one, states = self._steps[node.step], dict[str, State]()
        target, end = following, dict[str, State]()
        if target is None and not (node.then and node.otherwise):
            target, end = self._end()
        targets: list[Json] = []
        for branch in (node.then, node.otherwise):
            first, inner = self._sequence(branch, following) if branch else (target, {})
            targets.append(first)
            states |= inner
        choice: State = {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": jsonata.expression(one.condition),
                    "Output": jsonata.recorded(node.step, "{'Outcome': 'True'}"),
                    "Next": targets[0],
                }
            ],
            "Output": jsonata.recorded(node.step, "{'Outcome': 'False'}"),
            "Default": targets[1],
        }
        before = list(reads(one, self._names))
        chained: _States = {}
        for index, (state, content) in enumerate(before):
            chained[state] = {**content, **_then(before[index + 1][0] if index + 1 < len(before) else node.step)}
        return (before[0][0] if before else node.step), {**chained, node.step: choice, **states, **end}

    def _guarded(self, name: str, needs: Sequence[tuple[str, bool]], following: str | None) -> tuple[str, _States]:
        """A step behind a Choice that lets it run only after the outcomes it needs."""
        first, states = self._step(name, following)
        end: _States = {}
        if following is None:
            following, end = self._end()
        guard = self._names.beside(name, WANTED)
        outcomes = " and ".join(
            f"{jsonata.path('$states.input.Steps', (condition, 'Outcome'))} = '{outcome}'"
            for condition, outcome in needs
        )
        choice: State = {
            "Type": "Choice",
            "Choices": [{"Condition": jsonata.expression(outcomes), "Next": first}],
            "Default": following,
        }
        return guard, {guard: choice, **states, **end}

    def _end(self) -> tuple[str, _States]:
        """A state for a Choice that leads to nothing more."""
        name = self._names.free(END)
        return name, {name: {"Type": "Succeed"}}


def _then(following: str | None) -> dict[str, Json]:
    return {"End": True} if following is None else {"Next": following}


def _defaults(pipeline: Pipeline) -> str:
    return jsonata.literal({one.name: one.default for one in pipeline.parameters if one.default is not UNSET})
