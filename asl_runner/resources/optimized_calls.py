"""The API calls of one action of an optimized integration; they block.

Source: reference section 14; developer guide, "Amazon EMR", "Amazon Bedrock".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources import s3_bodies
from asl_runner.resources.aws import models
from asl_runner.resources.aws.additions import with_additions
from asl_runner.resources.aws.answers import json_or_text, optimized_answer
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.errors import OptimizedErrors, Refusal
from asl_runner.resources.aws.integrations import Action, Integration, Named
from asl_runner.resources.aws.requests import NullMembers, could_not_start, to_request
from asl_runner.resources.aws.strictness import ENDLESS


class Submitted(Struct, frozen=True):
    """What was asked and answered, both as the state language spells them."""

    request: Json
    answer: dict[str, Json]


class Calls:
    """Makes the calls of one action."""

    def __init__(self, clients: AwsClients, integration: Integration, action: Action) -> None:
        self._clients, self._integration, self._action = clients, integration, action
        self._service = action.service or integration.service
        self._errors = OptimizedErrors(
            models.service_model(self._service),
            prefix=integration.prefix,
            label=integration.label,
            general=integration.general,
        )

    def submit(self, call: TaskCall) -> Submitted:
        """Makes the call the task is about. Raises `TaskFailed`."""
        action = self._action
        given = with_additions(call)
        stored = ""
        if action.in_s3:
            given, stored = s3_bodies.fetched(given, action.json, self._clients)
        request = self._request(call.input, given)
        operation = action.operation or call.resource.action[:1].upper() + call.resource.action[1:]
        answer = self.ask(operation, request, metadata=self._integration.metadata)
        if isinstance(answer, dict) and answer.get("FailedEntryCount"):
            failed = {name: answer[name] for name in ("Entries", "FailedEntryCount")}
            raise TaskFailed(f"{self._integration.prefix}.FailedEntry", compact(failed))
        if stored:
            answer = s3_bodies.stored(answer, action.json, stored, self._clients)
        elif action.json:
            answer[action.json] = json_or_text(answer.get(action.json))
        if action.answer:
            own = {name: value for name, value in answer.items() if name.startswith("Sdk")}
            answer = dict(sorted(((search(action.answer, answer) or {}) | own).items()))
        return Submitted(given, answer)

    def before(self, call: TaskCall, answer: dict[str, Json]) -> Submitted:
        """What was asked and answered already, before the process died that asked it."""
        given = with_additions(call)
        if self._action.in_s3:
            given, _ = s3_bodies.fetched(given, self._action.json, self._clients)
        return Submitted(given, answer)

    def is_endless(self, look: str) -> bool:
        """Whether what this operation looks at never ends in the emulation."""
        return f"{self._service}.{look}" in ENDLESS

    def ask(self, name: str, given: Json, *, metadata: bool = False) -> Any:
        """The answer of an operation, as the state language spells it. Raises `TaskFailed`."""
        operation = models.service_model(self._service).operation_model(name)
        try:
            request = to_request(given, operation.input_shape)
        except NullMembers as nulls:
            raise self._errors.refused(Refusal.of_request(str(nulls))) from None
        answer = self._clients.call(self._service, operation, request, self._errors)
        return optimized_answer(answer, operation.output_shape, metadata=metadata)

    def _request(self, written: Json, given: Json) -> Json:
        """The parameters as the operation wants them. Raises `TaskFailed` for fields nobody reads."""
        action = self._action
        if not action.request:
            return given
        known = set(re.findall(r"\b(\w+)\b(?!\s*:)", action.request))
        if action.named is None:
            _refuse_unknown(written, given, known)
            return search(action.request, given)
        parameters: dict[str, Any] = given if isinstance(given, dict) else {}
        _refuse_unknown(written, parameters, known | {action.named.name})
        if problems := list(_naming_problems(action.named, parameters)):
            raise could_not_start(written, problems)
        return search(action.request, {**parameters, "Found": self._id(action.named, parameters)})

    def _id(self, named: Named, parameters: dict[str, Any]) -> str:
        """The id of what the parameters name. Raises `TaskFailed` where there is nothing of that name."""
        ask = search(named.ask, parameters)
        name = parameters[named.name]
        while True:
            page = self.ask(named.look, ask)
            for item in page.get(named.list, ()):
                if item.get("Name") == name:
                    return str(item["Id"])
            if not page.get("Marker"):
                what = named.name.removesuffix("Name")
                text = f"{what} with the name {name} does not exist in cluster {parameters['ClusterId']}."
                raise self._errors.refused(Refusal.of_request(text, code="InvalidRequestException"))
            ask = {**ask, "Marker": page["Marker"]}


def search(expression: str, document: Json) -> Any:
    """The value of a JMESPath expression, with nothing in it that the document does not have."""
    import jmespath

    return _without_nulls(jmespath.search(expression, document))


def _refuse_unknown(written: Json, given: Json, known: set[str]) -> None:
    unknown = [name for name in given if name not in known] if isinstance(given, dict) else []
    if unknown:
        problems = [f'The field "{name}" is not supported by Step Functions' for name in unknown]
        raise could_not_start(written, problems)


def _naming_problems(named: Named, parameters: dict[str, Any]) -> Iterator[str]:
    """What is wrong with parameters that name something and say how it is to be: `InstanceFleet` of that name."""
    what = named.name.removesuffix("Name")
    kinds: dict[str, type] = {"ClusterId": str, named.name: str, what: dict}
    for field, kind in kinds.items():
        if parameters.get(field) is None:
            yield f"The field '{field}' is required but was missing"
        elif not isinstance(parameters[field], kind):
            yield f"The value of the field '{field}' has an invalid format"
    changes = parameters.get(what)
    if isinstance(changes, dict) and f"{what}Id" in changes:
        yield f'The field "{what}Id" is not supported by Step Functions'


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value
