"""Plays the cases recorded on AWS against the interpreter itself, without an endpoint."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from asl_runner.definition import load
from asl_runner.functions import Functions
from asl_runner.history.interchange import to_aws
from asl_runner.history.journal import MemoryJournal
from asl_runner.interpreter.clocks import RealClock, VirtualClock
from asl_runner.interpreter.execution import Execution, Outcome
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

    def delete_state_machine(self, *, stateMachineArn: str) -> None:
        del self._machines[stateMachineArn]

    def start_execution(
        self,
        *,
        stateMachineArn: str,
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
        self._executions[arn] = asyncio.run(self._run(self._machines[stateMachineArn], json.loads(input), info))
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        return self._executions[executionArn][0]

    def get_execution_history(self, *, executionArn: str) -> dict[str, Any]:
        return {"events": self._executions[executionArn][1]}

    async def _run(
        self, definition: str, input: Any, info: ExecutionInfo
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        journal = MemoryJournal()
        functions = Functions(self._functions, {}, runtime="process", logs=self._functions / "logs")
        tasks = Resources({"lambda-arn": LambdaFunction(functions), "lambda": LambdaInvoke(functions)})
        # Only the timeout of a function that really sleeps takes real time.
        clock = RealClock() if '"TimeoutSeconds' in definition else VirtualClock()
        ports = Ports(clock=clock, journal=journal, tasks=tasks, seed="0")
        try:
            outcome = await Execution(load(definition), input, info, ports).run()
        finally:
            await functions.close()
        return _described(info, json.dumps(input), outcome), [to_aws(event) for event in journal.events]


def _described(info: ExecutionInfo, input: str, outcome: Outcome) -> dict[str, Any]:
    """What DescribeExecution answers."""
    included = {"included": True}
    described: dict[str, Any] = {
        "executionArn": info.arn,
        "stateMachineArn": info.state_machine_arn,
        "name": info.name,
        "status": outcome.status,
        "startDate": datetime.fromtimestamp(info.start_time, UTC),
        "stopDate": datetime.fromtimestamp(outcome.stop_time, UTC),
        "input": input,
        "inputDetails": included,
        "redriveCount": info.redrive_count,
    }
    if outcome.status == "SUCCEEDED":
        described["redriveStatus"] = "NOT_REDRIVABLE"
        described["redriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        described["redriveStatus"] = "REDRIVABLE"
    if outcome.output is not None:
        described |= {"output": outcome.output.decode(), "outputDetails": included}
    described |= {key: text for key, text in (("error", outcome.error), ("cause", outcome.cause)) if text is not None}
    return described


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
