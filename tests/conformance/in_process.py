"""Plays the cases recorded on AWS against the interpreter itself, without an endpoint."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Coroutine
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from asl_runner.definition import load
from asl_runner.functions import Functions
from asl_runner.history.interchange import to_aws
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import RealClock, VirtualClock
from asl_runner.interpreter.execution import Execution
from asl_runner.interpreter.ports import ExecutionInfo, Ports
from asl_runner.resources.lambda_ import LambdaFunction, LambdaInvoke
from asl_runner.resources.registry import Resources

CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "conformance"
REGION, ACCOUNT = "us-east-1", "123456789012"


def harness() -> ModuleType:
    """The comparison program that comes with the cases."""
    spec = importlib.util.spec_from_file_location("conformance_run", CONFORMANCE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class StepFunctionsInProcess:
    """As much of boto3's Step Functions client as playing an execution case needs."""

    def __init__(self, functions: Path) -> None:
        self._functions = functions
        self._machines: dict[str, str] = {}
        self._executions: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def create_state_machine(self, *, name: str, definition: str, **_: Any) -> dict[str, Any]:
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        self._machines[arn] = definition
        return {"stateMachineArn": arn}

    def delete_state_machine(self, *, stateMachineArn: str) -> None:  # noqa: N803
        del self._machines[stateMachineArn]

    def start_execution(
        self,
        *,
        stateMachineArn: str,  # noqa: N803
        input: str = "{}",
        name: str = "execution",
    ) -> dict[str, Any]:
        machine = stateMachineArn.rsplit(":", 1)[1]
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}"
        info = ExecutionInfo(
            arn=arn,
            name=name,
            state_machine_arn=stateMachineArn,
            state_machine_name=machine,
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/conformance-role",
            region=REGION,
            start_time=1_700_000_000.123,
        )
        self._executions[arn] = _in_a_thread(self._run(self._machines[stateMachineArn], json.loads(input), info))
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return self._executions[executionArn][0]

    def get_execution_history(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"events": self._executions[executionArn][1]}

    async def _run(
        self, definition: str, input: Any, info: ExecutionInfo
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        journal = MemoryJournal()
        functions = Functions(self._functions, {}, runtime="process", logs=self._functions / "logs")
        tasks = Resources({"lambda-arn": LambdaFunction(functions), "lambda": LambdaInvoke(functions)})
        ports = Ports(clock=RealClock() if "lambda" in definition else VirtualClock(), journal=journal, tasks=tasks, seed="0")
        try:
            outcome = await Execution(load(definition), input, info, ports).run()
        finally:
            await functions.close()
        described: dict[str, Any] = {"status": outcome.status}
        for key, value in (
            ("output", None if outcome.output is None else outcome.output.decode()),
            ("error", outcome.error),
            ("cause", outcome.cause),
        ):
            if value is not None:
                described[key] = value
        return described, [to_aws(event) for event in journal.events]


def _in_a_thread(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


class Clients:
    """What the comparison program asks its clients of."""

    def __init__(self, functions: Path) -> None:
        self._stepfunctions = StepFunctionsInProcess(functions)

    def get(self, service: str) -> StepFunctionsInProcess:
        assert service == "stepfunctions", f"the case needs {service}"
        return self._stepfunctions


def options(functions: Path) -> SimpleNamespace:
    """The comparison program's command line, for a play without network."""
    return SimpleNamespace(
        account=ACCOUNT,
        region=REGION,
        case_timeout=30,
        lambda_mode="config",
        functions_dir=str(functions / "lambdas"),
        run_id="local",
        keep=False,
        dump=True,
        debug=False,
        only=[],
        exclude=[],
        name=[],
    )
