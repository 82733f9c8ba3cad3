"""The mock of a request of TestState: what may be mocked how (recorded refusals; reference section 21)."""

from __future__ import annotations

from typing import Any

from asl_runner.definition.model import Map, Parallel, State, Task
from asl_runner.endpoint.stepfunctions.errors import invalid
from asl_runner.endpoint.stepfunctions.test_state_definition import Tested, inner_states
from asl_runner.expressions.environment import Json
from asl_runner.expressions.jackson import JsonError, parse
from asl_runner.interpreter.mocked import Mock
from asl_runner.resources.mocks.shapes import Mismatch, Mode, check_result
from asl_runner.service_model.errors import ServiceError

_ONLY_WITH_MOCK = {
    "mapIterationFailureCount": "MapIterationFailureCount",
    "errorCausedByState": "ErrorCausedByState",
    "mapItemReaderData": "MapItemReaderData",
    "retrierRetryCount": "RetrierRetryCount",
}


def checked_combination(request: dict[str, Any]) -> None:
    """Raises `ServiceError` ValidationException for fields of a request that do not go together."""
    mock: dict[str, Any] | None = request.get("mock")
    if mock is None:
        for field, name in _ONLY_WITH_MOCK.items():
            if field in request.get("stateConfiguration", {}):
                raise invalid(f"TestState does not support {name} when a mock is not specified.")
        if "context" in request:
            raise invalid("TestState does not support Context when a mock is not specified.")
        return
    if ("result" in mock) == ("errorOutput" in mock):
        raise invalid("A test mock should have only one of the following fields: [result, errorOutput].")
    if "errorOutput" in mock and "error" not in mock["errorOutput"]:
        raise invalid("A mocked errorOutput must have the field 'error'.")
    if request.get("revealSecrets"):
        raise invalid("TestState does not support RevealSecrets when a mock is specified.")


def too_many_failures() -> ServiceError:
    """More iterations are to have failed than there are (recorded)."""
    return invalid("Map iteration failure count must be less than or equal to the number of Map iterations")


def checked_mock(subject: Tested, mock: dict[str, Any], configuration: dict[str, Any]) -> Mock:
    """The mock of a state. Raises `ServiceError` ValidationException."""
    state = subject.state
    _check_configuration(state, configuration)
    failed = configuration.get("mapIterationFailureCount")
    dataset = configuration.get("mapItemReaderData")
    if "result" in mock:
        result = _result(state, mock["result"], mock.get("fieldValidationMode", "STRICT"))
        if isinstance(result, list) and failed is not None and failed > len(result):
            raise too_many_failures()
        return Mock(result=result, failed_iterations=failed, dataset=dataset)
    output = mock["errorOutput"]
    return Mock(
        error=output["error"],
        cause=output.get("cause"),
        by_task=_is_by_task(state, configuration.get("errorCausedByState")),
        failed_iterations=failed,
        dataset=dataset,
    )


def _result(state: State, text: str, mode: Mode) -> Json:
    try:
        result = parse(text)
    except JsonError as problem:
        raise invalid("Mocked result must be valid JSON") from problem
    if isinstance(state, Task):
        try:
            check_result(state.resource, result, mode)
        except Mismatch as problem:
            raise invalid(str(problem)) from problem
    elif not isinstance(result, list):
        raise invalid("Mocked result must be an array.")
    elif isinstance(state, Parallel) and len(result) != len(state.branches):
        raise invalid("Mocked result must contain the same number of items as number of Parallel branches.")
    return result


def _check_configuration(state: State, configuration: dict[str, Any]) -> None:
    for field in ("mapIterationFailureCount", "mapItemReaderData"):
        if field in configuration and not isinstance(state, Map):
            name = _ONLY_WITH_MOCK[field]
            raise invalid(f"TestState does not support {name} for state type '{state.type}'")
    culprit = configuration.get("errorCausedByState")
    if culprit is not None and culprit not in inner_states(state):
        raise invalid("State not found in definition")


def _is_by_task(state: State, culprit: str | None) -> bool:
    return isinstance(state if culprit is None else inner_states(state)[culprit], Task)
