"""Translates a definition and runs the machine with answers given by the test, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from asl_runner.definition import load
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
from asl_runner.interpreter.ports import ExecutionInfo, Ports, TaskCall
from asl_runner.sagemaker.pipelines import read, translate

START = 1_700_000_000.0
ACCOUNT = "arn:aws:states:us-east-1:123456789012"
ROLE = "arn:aws:iam::111122223333:role/SageMakerRole"

Answer = Callable[[TaskCall], Awaitable[Any]]


class Ran:
    """A machine that has ended."""

    def __init__(self, outcome: Outcome, calls: list[TaskCall]) -> None:
        self.status, self.error, self.cause = outcome.status, outcome.error, outcome.cause
        self.output: Any = None if outcome.output is None else json.loads(outcome.output)
        self.calls = calls
        self.stop_time = outcome.stop_time

    def input(self, state: str) -> Any:
        """What the task of a state was asked, the last time."""
        return [call.input for call in self.calls if call.state == state][-1]

    @property
    def states(self) -> list[str]:
        return [call.state for call in self.calls]


class _Tasks:
    def __init__(self, answers: dict[str, Any], default: Answer | None) -> None:
        self._answers = {
            name: list(answer) if isinstance(answer, list) else [answer] for name, answer in answers.items()
        }
        self._default = default
        self.calls: list[TaskCall] = []

    async def call(self, call: TaskCall) -> Any:
        self.calls.append(call)
        if call.state not in self._answers:
            assert self._default is not None, f"no answer for {call.state}"
            return await self._default(call)
        answers = self._answers[call.state]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(
    definition: dict[str, Any],
    answers: dict[str, Any] | None = None,
    *,
    input: Any = None,
    only: Collection[str] = (),
    default: Answer | None = None,
) -> Ran:
    """Runs a pipeline's machine; `answers` are by state, lists of them in order; exceptions are raised."""
    tasks = _Tasks(answers or {}, default)
    info = ExecutionInfo(
        arn=f"{ACCOUNT}:execution:pipe:abcdef123456",
        name="abcdef123456",
        state_machine_arn=f"{ACCOUNT}:stateMachine:pipe",
        state_machine_name="pipe",
        role_arn=ROLE,
        region="us-east-1",
        start_time=START,
    )
    ports = Ports(clock=VirtualClock(START), journal=MemoryJournal(), tasks=tasks, seed="seed")
    machine = load(json.dumps(translate(read(json.dumps(definition), only=only), only=only)))
    outcome = asyncio.run(Execution(machine, {} if input is None else input, info, ports).run())
    return Ran(outcome, tasks.calls)


def pipeline(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A definition of these steps."""
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": parameters or [], "Steps": list(steps)}


def function(name: str, *depends_on: str, **arguments: Any) -> dict[str, Any]:
    """A Lambda step."""
    return {
        "Name": name,
        "Type": "Lambda",
        "FunctionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        "Arguments": arguments,
        "OutputParameters": [{"OutputName": "out", "OutputType": "String"}],
        "DependsOn": list(depends_on),
    }


def condition(
    name: str,
    conditions: list[dict[str, Any]],
    then: list[dict[str, Any]],
    otherwise: list[dict[str, Any]],
    *depends_on: str,
) -> dict[str, Any]:
    """A Condition step."""
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": list(depends_on)}


def get(name: str) -> dict[str, str]:
    return {"Get": name}


def equals(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}
