"""Invoke, and the InvokeAsync it replaced."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from asl_runner.endpoint.lambda_.service import Lambda, Operation, refuse
from asl_runner.errors import NotFound
from asl_runner.functions import Invocation, InvocationType, InvokeRefused
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.service_model.errors import ServiceError


async def invoke(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`Invoke`: waits for the answer, or not, or only checks, as InvocationType says."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    kind: InvocationType = request.get("InvocationType", "RequestResponse")
    context = _client_context(request.get("ClientContext"))
    invocation = await _invoke(service, arn, request.get("Payload", b"{}"), kind, context)
    answer: dict[str, Any] = {"StatusCode": invocation.status_code}
    if kind == "RequestResponse":
        answer |= {
            "FunctionError": invocation.function_error,
            "ExecutedVersion": invocation.executed_version,
            "Payload": invocation.payload,
        }
        if request.get("LogType") == "Tail":
            answer["LogResult"] = base64.b64encode(invocation.log_tail).decode()
    return answer


async def invoke_async(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`InvokeAsync`, deprecated."""
    arn = service.arn(request["FunctionName"])
    await _invoke(service, arn, request["InvokeArgs"], "Event", None)
    return {"Status": 202}


async def _invoke(
    service: Lambda, arn: FunctionArn, payload: bytes, kind: InvocationType, context: str | None
) -> Invocation:
    created = service.created.get(arn.name)
    named = f"{arn.unqualified}:{arn.qualifier or LATEST}"
    if created is not None and created.snapshot(arn.qualifier) is None:
        refuse("ResourceNotFoundException", f"Function not found: {named}")
    try:
        return await service.functions.invoke(arn.arn, payload, client_context=context, invocation_type=kind)
    except NotFound as missing:
        # AWS's text first, then what to write to have the function.
        hint = "" if created is not None else f"\n{missing}"
        refuse("ResourceNotFoundException", f"Function not found: {named}{hint}")
    except InvokeRefused as refusal:
        raise ServiceError(refusal.code, refusal.message, status=refusal.status) from None


def _client_context(written: str | None) -> str | None:
    """The client context as JSON text."""
    if written is None:
        return None
    try:
        return base64.b64decode(written, validate=True).decode()
    except (binascii.Error, ValueError):
        refuse("InvalidRequestContentException", "Client context must be a Base64-encoded JSON object.")


OPERATIONS: dict[str, Operation] = {"Invoke": invoke, "InvokeAsync": invoke_async}
