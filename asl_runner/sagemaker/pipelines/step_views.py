"""The steps of an execution as `ListPipelineExecutionSteps` shows them, read from the history of its machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from asl_runner.history.events import Event
from asl_runner.history.views import timeline
from asl_runner.history.visits import Visit
from asl_runner.sagemaker.pipelines.document import Pipeline, Step
from asl_runner.sagemaker.pipelines.kinds import KINDS
from asl_runner.sagemaker.pipelines.names import WANTED

Document = dict[str, Any]

_REASON_LIMIT = 1024


def step_views(pipeline: Pipeline, events: Iterable[Event], *, stopping: bool = False) -> list[Document]:
    """The steps that have started, newest first; times in seconds since the epoch.

    `stopping` says that the execution was asked to stop.
    """
    events = list(events)
    messages = _callback_messages(events)
    steps = {step.name: step for step in pipeline.steps}
    found: dict[str, list[Visit]] = {}
    for _, visit in timeline(events):
        name, _, what = visit.state.partition(": ")
        if name in steps and not what.startswith(WANTED):
            found.setdefault(name, []).append(visit)
    newest_first = sorted(found.items(), key=lambda item: item[1][0].entered, reverse=True)
    return [_view(steps[name], visits, messages.get(name), stopping) for name, visits in newest_first]


def properties(pipeline: Pipeline, events: Iterable[Event]) -> dict[str, Any]:
    """The properties of every step that has succeeded, by its name."""
    found: dict[str, Any] = {}
    names = {step.name for step in pipeline.steps}
    for _, visit in timeline(events):
        name = visit.state.partition(": ")[0]
        if name in names and visit.status == "SUCCEEDED" and visit.output is not None:
            steps = msgspec.json.decode(bytes(visit.output)).get("Steps", {})
            if name in steps:
                found[name] = steps[name]
    return found


def _view(step: Step, visits: list[Visit], message: Mapping[str, Any] | None, stopping: bool) -> Document:
    last = visits[-1]
    main = [visit for visit in visits if visit.state == step.name]
    view: Document = {"StepName": step.name, "StartTime": visits[0].start}
    for member, field in (("StepDisplayName", "DisplayName"), ("StepDescription", "Description")):
        if step.fields.get(field):
            view[member] = step.fields[field]
    view["StepStatus"] = _status(last, main, stopping)
    if view["StepStatus"] in ("Succeeded", "Failed", "Stopped"):
        view["EndTime"] = last.end
    if view["StepStatus"] == "Failed":
        view["FailureReason"] = _reason(step, last)[:_REASON_LIMIT]
    if step.type not in ("Condition", "Fail"):
        view["AttemptCount"] = sum(max(1, len(visit.attempts)) for visit in main)
    metadata = _metadata(step, main[-1], message) if main else {}
    if metadata:
        view["Metadata"] = {KINDS[step.type].metadata: metadata}
    return view


def _status(last: Visit, main: list[Visit], stopping: bool) -> str:
    if last.status == "FAILED":
        return "Failed"
    if last.status == "ABORTED":
        return "Stopped"
    done = bool(main) and last.status == "SUCCEEDED" and main[-1].status in ("SUCCEEDED", "CAUGHT")
    if done and (last.state == main[-1].state or last.type == "Task"):
        return "Succeeded"
    return "Stopping" if stopping else "Executing" if main else "Starting"


def _reason(step: Step, visit: Visit) -> str:
    """The job's own FailureReason; of a request that was refused, the service's words for it."""
    cause = visit.cause or ""
    try:
        document = msgspec.json.decode(cause)
    except msgspec.DecodeError:
        document = None
    if isinstance(document, dict) and document.get("FailureReason"):
        return str(document["FailureReason"])
    if (visit.error or "").startswith("SageMaker.") and (job := KINDS[step.type].job):
        said = cause.partition(" (Service:")[0]
        return f"ClientError: Failed to invoke sagemaker:Create{job}. Error Details: {said}"
    return cause or visit.error or ""


def _metadata(step: Step, visit: Visit, message: Mapping[str, Any] | None) -> Document:
    made: Any = _properties(step, visit)
    match step.type:
        case "Condition":
            return {"Outcome": made["Outcome"]} if made else {}
        case "Fail":
            return {"ErrorMessage": visit.cause} if visit.cause else {}
        case "Callback":
            given: Document = {"SqsQueueUrl": str(step.fields["SqsQueueUrl"])}
            if message is not None:
                given |= {"CallbackToken": message["token"]}
            return {**given, "OutputParameters": _parameters(made)} if made else given
        case "EMR":
            return {"ClusterId": made["ClusterId"], "StepId": made["Id"], "StepName": made["Name"]} if made else {}
        case "Lambda":
            return {"Arn": made["Arn"], "OutputParameters": _parameters(made)} if made else {}
        case _:
            arn = KINDS[step.type].arn
            source = made or _decoded(visit.submitted) or _failure(visit)
            return {"Arn": source[arn]} if arn in source else {}


def _properties(step: Step, visit: Visit) -> Any:
    if visit.status != "SUCCEEDED" or visit.output is None:
        return None
    return _decoded(visit.output).get("Steps", {}).get(step.name)


def _parameters(made: Mapping[str, Any]) -> list[Document]:
    return [{"Name": name, "Value": _text(value)} for name, value in (made.get("OutputParameters") or {}).items()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _failure(visit: Visit) -> Document:
    try:
        document = msgspec.json.decode(visit.cause or "")
    except msgspec.DecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _decoded(payload: Any) -> Document:
    decoded: Document = {} if payload is None else msgspec.json.decode(bytes(payload))
    return decoded


def _callback_messages(events: Iterable[Event]) -> dict[str, Mapping[str, Any]]:
    """The message each Callback step sent last, by the step's name. Before it is sent nobody waits for its token."""
    entered: dict[str, str] = {}
    asked: dict[str, Mapping[str, Any]] = {}
    found: dict[str, Mapping[str, Any]] = {}
    for event in events:
        details = event.details or {}
        if event.type == "TaskStateEntered":
            entered[event.scope] = details["name"]
        elif event.type == "TaskScheduled" and details.get("resourceType") == "sqs":
            body = msgspec.json.decode(bytes(details["parameters"])).get("MessageBody")
            if isinstance(body, dict) and "token" in body:
                asked[event.scope] = body
        elif event.type == "TaskSubmitted" and details.get("resourceType") == "sqs" and event.scope in asked:
            found[entered[event.scope]] = asked[event.scope]
    return found
